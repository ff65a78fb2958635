package consent_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/consent"
)

const (
	here  = "http://localhost:8976/callback"
	state = "fake-state"
)

func TestARedirectIsReadOnlyWithTheStateOfThisAttempt(t *testing.T) {
	for _, tc := range []struct{ name, query, code, scope, wrong string }{
		{"a code", "code=fake-code&state=fake-state", "fake-code", "", ""},
		{"a code and what was granted", "state=fake-state&code=fake-code&scope=read,activity:read", "fake-code", "read,activity:read", ""},
		{"another state", "code=fake-code&state=fake-other", "", "", "belongs to another attempt"},
		{"no state", "code=fake-code", "", "", "belongs to another attempt"},
		{"a refusal of another attempt", "error=access_denied&state=fake-other", "", "", "belongs to another attempt"},
		{"a refusal", "error=access_denied&error_description=fake-words&state=fake-state", "", "", "the consent was refused"},
		{"a scope that is none", "error=invalid_scope&state=fake-state", "", "", "invalid_scope); see --scopes"},
		{"a redirect URL that is none", "error=redirect_uri_mismatch&state=fake-state", "", "", "--redirect-url"},
		{"a fault", "error=server_error&state=fake-state", "", "", "try again later"},
		{"an unknown error", "error=fake-words&state=fake-state", "", "", "an unknown error"},
		{"nothing", "", "", "", "no code"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			query, err := url.ParseQuery(tc.query)
			require.NoError(t, err)
			got, err := consent.ReadRedirect(query, state)
			if tc.wrong != "" {
				require.ErrorContains(t, err, tc.wrong)
				require.NotContains(t, err.Error(), "fake", "nothing of the redirect may be repeated")
				require.Zero(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.code, got.Code.Reveal())
			require.Equal(t, tc.scope, got.Scope)
		})
	}
}

func TestAPastedAddressIsReadOrExplained(t *testing.T) {
	for _, tc := range []struct{ name, pasted, wrong string }{
		{"the address", here + "?code=fake-code&state=fake-state", ""},
		{"as Fitbit ends it", here + "?code=fake-code&state=fake-state#_=_", ""},
		{"with blanks and quotes", "  '" + here + "?code=fake-code&state=fake-state#_=_' \n", ""},
		{"without what is before the query", "localhost:8976/callback?state=fake-state&code=fake-code", ""},
		{"the query alone", "?state=fake-state&code=fake-code", ""},
		{"another attempt's", here + "?code=fake-code&state=fake-old", "belongs to another attempt"},
		{"a refusal", here + "?error=access_denied&state=fake-state#_=_", "the consent was refused"},
		{"the code alone", "fake-code", "looks like the code alone; paste the whole address, beginning with " + here},
		{"the code alone, as Fitbit ends it", "fake-code#_=_", "looks like the code alone"},
		{"the page of the consent", "https://provider.test/authorize?client_id=FAKE&state=fake-state", "allow it there"},
		{"an address without a code", here, "that address holds no code; paste the one that begins with " + here},
		{"nothing", " \n", "nothing was pasted"},
		{"what is no address", "http://[::1", "not an address"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := consent.ReadPasted(tc.pasted, here, state)
			if tc.wrong != "" {
				require.ErrorContains(t, err, tc.wrong)
				require.NotContains(t, err.Error(), "fake")
				return
			}
			require.NoError(t, err)
			require.Equal(t, "fake-code", got.Code.Reveal())
		})
	}
}

func FuzzErrorsQuoteNothingThatWasPasted(f *testing.F) {
	for _, seed := range []string{"", here + "?code=c&state=" + state + "#_=_", "?error=x", "%", "http://[", "code=1;2"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pasted string) {
		marked := "canary-7h3x" + pasted
		for _, text := range []string{marked, here + "?code=" + marked, here + "?state=" + state + "&error=" + marked} {
			_, err := consent.ReadPasted(text, here, state)
			require.False(t, err != nil && strings.Contains(err.Error(), "canary-7h3x"))
		}
	})
}

// FuzzRedirect gives the callback any query, with the right state in it or not.
func FuzzRedirect(f *testing.F) {
	for _, seed := range []string{"code=c", "state=" + state, "code=c&state=" + state + "&code=d", "error=x&state=" + state, "code=%00&state=" + state, "%", ";", "code=%23_%3D_&state=" + state, "code=c&state=" + state + "#_=_"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		query, err := url.ParseQuery(text)
		if err != nil {
			return
		}
		redirect, err := consent.ReadRedirect(query, state)
		if err != nil {
			require.Zero(t, redirect, "nothing is taken from a refused redirect")
			return
		}
		require.Equal(t, state, query.Get("state"))
		require.False(t, redirect.Code.Empty())
	})
}
