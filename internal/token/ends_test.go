package token_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
)

func TestAConsentEndsWithTheFirstOfItsEndsThatIsKnown(t *testing.T) {
	unknown, sooner, later := time.Time{}, time.Unix(1000, 0), time.Unix(2000, 0)
	for _, c := range []struct {
		name                  string
		refresh, grant, wants time.Time
	}{
		{"none is known", unknown, unknown, unknown},
		{"the refresh token's alone", sooner, unknown, sooner},
		{"the grant's alone", unknown, sooner, sooner},
		{"the refresh token ends first", sooner, later, sooner},
		{"the grant ends first", later, sooner, sooner},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.wants, token.Issue{RefreshEnds: c.refresh, GrantEnds: c.grant}.ConsentEnds())
		})
	}
}
