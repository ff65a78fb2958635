package activities

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
)

// A genuine answer is never refused for what it says beside the tokens: what would be is
// left out.
func TestWhatAnAnswerSaysIsShownOnlyWhereAResultMaySayIt(t *testing.T) {
	spent, next := token.NewSecret("fake-spent"), token.NewSecret("fake-next")
	p := token.Provenance{Fingerprint: next.Fingerprint(), Parent: spent.Fingerprint()}
	long := strings.Repeat("s", longestWord+1)
	many := make([]string, mostScopes+1)
	for _, c := range []struct {
		name     string
		in, want token.Issue
	}{
		{"ordinary words", token.Issue{UserID: "USER-1", Scopes: []string{"sleep", "profile"}}, token.Issue{UserID: "USER-1", Scopes: []string{"sleep", "profile"}}},
		{"a long user id", token.Issue{UserID: long}, token.Issue{}},
		{"a user id that a terminal would obey", token.Issue{UserID: "\x1b[2J"}, token.Issue{}},
		{"the spent token as user id", token.Issue{UserID: "fake-spent"}, token.Issue{}},
		{"the new token as a scope", token.Issue{Scopes: []string{"sleep", "fake-next"}}, token.Issue{Scopes: []string{"sleep"}}},
		{"a scope that is no text", token.Issue{Scopes: []string{"\xff", "sleep"}}, token.Issue{Scopes: []string{"sleep"}}},
		{"a problem that a terminal would obey", token.Issue{AccessProblem: "\x1b[2J"}, token.Issue{AccessProblem: "cannot be stored"}},
		{"too many scopes", token.Issue{Scopes: many}, token.Issue{Scopes: many[:mostScopes]}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := shown(c.in, p)
			require.Equal(t, c.want, got)
			require.Equal(t, got, shown(got, p))
		})
	}
}
