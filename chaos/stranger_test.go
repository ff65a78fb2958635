package main_test

import (
	"maps"
	"math"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/token"
)

// A stranger, or a slip of the owner's, changes the tags of a version.
func TestF31TagsOfAStrangerAreNotBelievedAndTheTokenGoesOn(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind string
		tags map[string]string
	}{
		"a generation near the end of numbers":                      {"RefreshToken", map[string]string{"generation": strconv.Itoa(math.MaxInt64 - 1)}},
		"a generation near the end of numbers, of the access token": {"AccessToken", map[string]string{"generation": strconv.Itoa(math.MaxInt64 - 1)}},
		"a generation beyond them":                                  {"RefreshToken", map[string]string{"generation": "9223372036854775808"}},
		"no generation":                                             {"RefreshToken", map[string]string{"generation": "-1"}},
		"another token's fingerprint":                               {"RefreshToken", map[string]string{"fingerprint": "0123456789abcdef"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{})
			a := s.consent()
			s.work()
			a.refresh().result()
			a.refresh().result()
			versions := a.versions(c.kind)
			newest := versions[len(versions)-1]
			tags := maps.Clone(newest.Tags)
			maps.Copy(tags, c.tags)
			require.NoError(t, s.secrets().SetTags(t.Context(), a.secret(c.kind), newest.ID, tags))
			access := len(a.accessVersions())

			for range 2 {
				result := a.refresh().refreshed()
				require.Less(t, result.Generation, token.Generation(100))
				require.Greater(t, len(a.accessVersions()), access, "the apps have a new access token")
				access = len(a.accessVersions())
				for _, o := range a.outcomes() {
					require.True(t, o.Granted(), "the provider called a token %s", o)
				}
				a.holdsLive()
			}
		})
	}
}
