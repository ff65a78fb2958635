package provider_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// operations are the three requests, at a provider whose endpoints are both at url.
var operations = map[string]func(context.Context, *provider.Client, provider.Provider, token.Client) error{
	"refresh": func(ctx context.Context, c *provider.Client, p provider.Provider, cl token.Client) error {
		_, err := c.Refresh(ctx, p, cl, fakeRefresh)
		return err
	},
	"exchange": func(ctx context.Context, c *provider.Client, p provider.Provider, cl token.Client) error {
		_, err := c.Exchange(ctx, p, cl, provider.AuthorizationRequest{RedirectURI: callback, Verifier: "fake-verifier"}, token.NewSecret("fake-code"))
		return err
	},
	"revoke": func(ctx context.Context, c *provider.Client, p provider.Provider, cl token.Client) error {
		return c.Revoke(ctx, p, cl, grantInForce)
	},
}

// sent is a request as a server sees it.
type sent struct {
	contentType, basic, userAgent, path string
	query, form                         url.Values
	json                                map[string]string
}

// record is a server that keeps the one request that it gets.
func record(t *testing.T, status int, header http.Header, body string) (address string, got func() sent) {
	t.Helper()
	var all []sent
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		read, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		one := sent{contentType: r.Header.Get("Content-Type"), userAgent: r.Header.Get("User-Agent"), path: r.URL.Path, query: r.URL.Query()}
		if id, secret, ok := r.BasicAuth(); ok {
			one.basic = id + ":" + secret
		}
		if strings.HasPrefix(string(read), "{") {
			_ = json.Unmarshal(read, &one.json)
		} else {
			one.form, _ = url.ParseQuery(string(read))
		}
		all = append(all, one)
		for key := range header {
			w.Header().Set(key, header.Get(key))
		}
		w.WriteHeader(status)
		reply(w, body)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() sent {
		t.Helper()
		require.Len(t, all, 1, "exactly one request")
		return all[0]
	}
}

func TestTheClientGoesWhereTheStyleHasIt(t *testing.T) {
	odd := token.Client{ID: "a b", Secret: token.NewSecret("p:%&+/ü\"")}
	parameters := map[string]url.Values{
		"refresh":  {"grant_type": {"refresh_token"}, "refresh_token": {fakeRefresh.Reveal()}, "audience": {"a&b"}},
		"exchange": {"grant_type": {"authorization_code"}, "code": {"fake-code"}, "code_verifier": {"fake-verifier"}, "redirect_uri": {callback}},
		"revoke":   {"token": {grantInForce.RefreshToken.Reveal()}, "token_type_hint": {"refresh_token"}},
	}
	client := url.Values{"client_id": {odd.ID}, "client_secret": {odd.Secret.Reveal()}}
	for op, run := range operations {
		for _, style := range []provider.AuthStyle{provider.AuthHeader, provider.AuthBody, provider.AuthJSON, provider.AuthQuery} {
			t.Run(op+" "+string(style), func(t *testing.T) {
				address, request := record(t, 200, nil, goodAnswer)
				p := provider.Provider{
					Name: "example", Title: "Example", Rotation: provider.SingleUse, Dialect: provider.RFC6749, AuthStyle: style,
					TokenURL: address + "/token?v=2", RevokeURL: address + "/token?v=2", RefreshParams: map[string]string{"audience": "a&b"},
				}
				require.NoError(t, run(t.Context(), provider.NewClient(nil), p, odd))
				got := request()

				basic, query, form := "", url.Values{"v": {"2"}}, merge(parameters[op])
				switch style {
				case provider.AuthHeader:
					basic = url.QueryEscape(odd.ID) + ":" + url.QueryEscape(odd.Secret.Reveal())
				case provider.AuthQuery:
					query = merge(query, client)
				default:
					form = merge(form, client)
				}
				require.Equal(t, basic, got.basic)
				require.Equal(t, query, got.query)
				if style == provider.AuthJSON {
					want := map[string]string{}
					for key := range form {
						want[key] = form.Get(key)
					}
					require.Equal(t, want, got.json)
					require.Equal(t, "application/json", got.contentType)
				} else {
					require.Equal(t, form, got.form)
					require.Equal(t, "application/x-www-form-urlencoded", got.contentType)
				}
			})
		}
	}
}

func merge(forms ...url.Values) url.Values {
	all := url.Values{}
	for _, form := range forms {
		for key := range form {
			all.Set(key, form.Get(key))
		}
	}
	return all
}

func TestAPublicClientNamesItselfWhereItsProviderReads(t *testing.T) {
	public := token.Client{ID: "fake-id"}
	for style, where := range map[provider.AuthStyle]func(sent) string{
		provider.AuthHeader: func(s sent) string { return s.form.Get("client_id") },
		provider.AuthBody:   func(s sent) string { return s.form.Get("client_id") },
		provider.AuthJSON:   func(s sent) string { return s.json["client_id"] },
		provider.AuthQuery:  func(s sent) string { return s.query.Get("client_id") },
	} {
		address, request := record(t, 200, nil, goodAnswer)
		p := lookup(t, "fitbit")
		p.TokenURL, p.AuthStyle = address, style
		require.NoError(t, operations["refresh"](t.Context(), provider.NewClient(nil), p, public))
		got := request()
		require.Equal(t, "fake-id", where(got), style)
		require.Empty(t, got.basic)
		require.False(t, got.form.Has("client_secret") || got.query.Has("client_secret"))
	}
}

func TestNoErrorHasTheURLInWhichTheClientStands(t *testing.T) {
	failures := map[string]http.RoundTripper{
		"a refusal": answering(401, `{"error":"invalid_client"}`), "a page": answering(404, wafPage), "a redirect": answering(302, ""),
		"a network that quotes it": roundTripper(func(r *http.Request) (*http.Response, error) {
			require.Contains(t, r.URL.String(), fakeClient.Secret.Reveal(), "the test looks for nothing otherwise")
			return nil, &url.Error{Op: "Post", URL: r.URL.String(), Err: io.ErrUnexpectedEOF}
		}),
	}
	for op, run := range operations {
		for name, transport := range failures {
			p := lookup(t, "fitbit")
			p.AuthStyle = provider.AuthQuery
			err := run(t.Context(), provider.NewClient(transport), p, fakeClient)
			require.Error(t, err, op+" "+name)
			for _, hidden := range []string{fakeClient.Secret.Reveal(), fakeClient.ID, fakeRefresh.Reveal(), "fake-code"} {
				require.NotContains(t, err.Error(), hidden, op+" "+name)
			}
		}
	}
}

// answering is a network that answers every request so.
func answering(status int, body string) roundTripper {
	return func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
}

func TestEveryRequestNamesTheProgramAndNothingOfTheMachine(t *testing.T) {
	for op, run := range operations {
		address, request := record(t, 200, nil, goodAnswer)
		p := lookup(t, "fitbit")
		p.TokenURL, p.RevokeURL = address, address
		require.NoError(t, run(t.Context(), provider.NewClient(nil), p, fakeClient))
		require.Regexp(t, regexp.MustCompile(`^token-keeper(/[0-9a-f]{1,12})?$`), request().userAgent, op)
	}
}

func TestNoRequestFollowsARedirect(t *testing.T) {
	for op, run := range operations {
		for _, status := range []int{301, 302, 303, 307, 308} {
			elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Errorf("%s: %d was followed", op, status) }))
			t.Cleanup(elsewhere.Close)
			address, request := record(t, status, http.Header{"Location": {elsewhere.URL + "/token"}}, goodAnswer)
			p := lookup(t, "fitbit")
			p.TokenURL, p.RevokeURL = address, address
			err := run(t.Context(), provider.NewClient(nil), p, fakeClient)
			failure := failureOf(t, err, provider.Unexpected)
			require.Equal(t, status, failure.Status)
			require.True(t, failure.MaybeSpent || op == "revoke")
			require.Contains(t, failure.Fix, "the endpoint has moved to "+strings.TrimPrefix(elsewhere.URL, "http://"))
			request()
		}
	}
}
