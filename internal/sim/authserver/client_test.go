package authserver_test

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
)

// as sends a form as a correct client of a provider does, changed by edit.
func as(t *testing.T, s *authserver.Server, p authserver.Provider, form url.Values, edit ...func(*http.Request)) answer {
	t.Helper()
	return shownIn(t, s, p, p.ClientIn[0], form, edit...)
}

// shownIn does the same with the client in a place that the test chooses.
func shownIn(t *testing.T, s *authserver.Server, p authserver.Provider, place authserver.ClientPlace, form url.Values, edit ...func(*http.Request)) answer {
	t.Helper()
	for field, value := range p.TokenForm {
		form.Set(field, value)
	}
	client := url.Values{"client_id": {s.Client().ID}, "client_secret": {s.Client().Secret.Reveal()}}
	path := p.TokenPath
	style := func(r *http.Request) { r.Header.Del("Authorization") }
	switch place {
	case authserver.InHeader:
		style = func(r *http.Request) { r.SetBasicAuth(s.Client().ID, s.Client().Secret.Reveal()) }
	case authserver.InQuery:
		path += "?" + client.Encode()
	default:
		maps.Copy(form, client)
	}
	edits := []func(*http.Request){style, func(r *http.Request) { r.Header.Set("Accept", "application/json") }}
	if place == authserver.InJSON {
		edits = append(edits, asJSON(t, form))
	}
	a, err := post(t.Context(), s, path, form, append(edits, edit...)...)
	require.NoError(t, err)
	return a
}

// asJSON replaces a request's form by a JSON object of it.
func asJSON(t *testing.T, form url.Values) func(*http.Request) {
	t.Helper()
	fields := map[string]string{}
	for name := range form {
		fields[name] = form.Get(name)
	}
	body, err := json.Marshal(fields)
	require.NoError(t, err)
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/json")
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
}

func TestAClientIsTakenInTheProvidersPlacesAlone(t *testing.T) {
	places := []authserver.ClientPlace{authserver.InHeader, authserver.InForm, authserver.InJSON, authserver.InQuery}
	for _, p := range authserver.Providers() {
		for _, place := range places {
			t.Run(p.Name+" "+string(place), func(t *testing.T) {
				s := start(t, authserver.Options{Provider: p})
				refreshToken, access := s.CreateGrant(user)
				a := shownIn(t, s, p, place, askedFor(p, refreshToken))
				if slices.Contains(p.ClientIn, place) {
					require.NotEqual(t, "", tokensIn(t, a)["access_token"])
					require.Len(t, s.Events(user), 1)
					return
				}
				require.NotContains(t, a.body, access)
				require.True(t, s.IsLive(refreshToken), "nothing was spent")
				require.Empty(t, s.Events(user))
			})
		}
	}
}
