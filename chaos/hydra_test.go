package main_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/hydra"
	"tokenkeeper/internal/token"
)

// hydraCallback is where Hydra sends the browser with the code. Nothing listens
// there: the code is read from the address.
const hydraCallback = "http://127.0.0.1/callback"

// hydraSystem is a system whose provider is Ory Hydra, unmodified, described in a
// providers file as any other provider is.
type hydraSystem struct {
	*system
	hydra     *hydra.Server
	edge      *edge // on the way from Hydra's token endpoint to the workers
	client    token.Client
	style     provider.AuthStyle
	providers string // the file
}

// longestGrace is the longest that Hydra answers a spent refresh token for.
const longestGrace = 5 * time.Minute

// newHydraSystem starts Hydra beside a system. It answers a spent refresh token
// for as long as grace says; 0 for never.
func newHydraSystem(t *testing.T, style provider.AuthStyle, grace time.Duration) *hydraSystem {
	t.Helper()
	h := &hydraSystem{system: newSystem(t, testenv.Options{}), style: style}
	o := hydra.Options{Binary: hydraBinary(t), Dir: t.TempDir(), Grace: grace}
	var err error
	h.hydra, err = hydra.Start(t.Context(), o)
	for tries := 1; err != nil && strings.Contains(err.Error(), "address already in use") && tries < 5; tries++ {
		o.Dir = t.TempDir() // another program took the port that was free
		h.hydra, err = hydra.Start(t.Context(), o)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.hydra.Stop()) })
	h.edge = edgeOf(t, h.hydra.Public)
	h.client = h.register(hydra.Registration{})
	h.store(h.client)
	h.providers = filepath.Join(t.TempDir(), "providers.yaml")
	require.NoError(t, os.WriteFile(h.providers, []byte(fmt.Sprintf(`providers:
  hydra:
    title: Ory Hydra
    auth_url: %[1]s/oauth2/auth
    token_url: %[2]s/oauth2/token
    revoke_url: %[1]s/oauth2/revoke
    auth_style: %[3]s
    rotation: single-use
    replay_window: %[4]s
    access_token_lifetime: 1h
    scopes: [openid, offline]
`, h.hydra.Public, h.edge.URL, style, grace)), 0o600))
	return h
}

// register registers a client for this system, with what r states beyond that.
func (h *hydraSystem) register(r hydra.Registration) token.Client {
	h.t.Helper()
	r.RedirectURIs = []string{hydraCallback}
	r.Scope = "openid offline"
	r.AuthMethod = map[provider.AuthStyle]string{
		provider.AuthHeader: "client_secret_basic", provider.AuthBody: "client_secret_post",
	}[h.style]
	if r.GrantTypes == nil {
		r.GrantTypes = []string{"authorization_code", "refresh_token"}
	}
	client, err := h.hydra.Register(h.t.Context(), r)
	require.NoError(h.t, err)
	return client
}

// store puts a client's credentials into the vault.
func (h *hydraSystem) store(client token.Client) {
	h.t.Helper()
	_, err := h.Vault.Put("HydraCredentials", base64.StdEncoding.EncodeToString([]byte(client.ID+":"+client.Secret.Reveal())))
	require.NoError(h.t, err)
}

// work starts one more worker that knows Hydra.
func (h *hydraSystem) work(further ...string) *testenv.Worker {
	h.t.Helper()
	return h.system.work(append(further, "TOKENKEEPER_PROVIDERS="+h.providers)...)
}

// workBehindLink starts one more worker that knows Hydra, and reaches Temporal over
// a link.
func (h *hydraSystem) workBehindLink(further ...string) (temporal *link, w *testenv.Worker) {
	h.t.Helper()
	return h.system.workBehindLink(append(further, "TOKENKEEPER_PROVIDERS="+h.providers)...)
}

// consent has a new user consent at Hydra, and puts the refresh token into the vault.
func (h *hydraSystem) consent() account {
	h.t.Helper()
	return h.consentAt(issuer{
		name: "hydra", title: "Ory Hydra", prefix: "Hydra-",
		consents: func(user string) string { return h.authorize(h.client, user) },
		takes:    func(refreshToken string) bool { return h.active(token.NewSecret(refreshToken)) },
	})
}

// authorize is a user's authorization code grant with PKCE.
func (h *hydraSystem) authorize(client token.Client, user string) (refreshToken string) {
	h.t.Helper()
	styles := map[provider.AuthStyle]oauth2.AuthStyle{
		provider.AuthHeader: oauth2.AuthStyleInHeader, provider.AuthBody: oauth2.AuthStyleInParams,
	}
	config := oauth2.Config{
		ClientID: client.ID, ClientSecret: client.Secret.Reveal(), RedirectURL: hydraCallback, Scopes: []string{"openid", "offline"},
		Endpoint: oauth2.Endpoint{
			AuthURL: h.hydra.Public + "/oauth2/auth", TokenURL: h.hydra.Public + "/oauth2/token", AuthStyle: styles[h.style],
		},
	}
	verifier, state := oauth2.GenerateVerifier(), unique("a-state-of-some-length")
	at, err := h.hydra.Visit(h.t.Context(), config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), user)
	require.NoError(h.t, err)
	callback, err := url.Parse(at)
	require.NoError(h.t, err)
	require.Equal(h.t, hydraCallback, "http://"+callback.Host+callback.Path)
	require.Equal(h.t, state, callback.Query().Get("state"))
	granted, err := config.Exchange(h.t.Context(), callback.Query().Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(h.t, err)
	require.NotEmpty(h.t, granted.RefreshToken)
	return granted.RefreshToken
}

// active reports whether a token is in force, as Hydra says.
func (h *hydraSystem) active(t token.Secret) bool {
	h.t.Helper()
	active, err := h.hydra.Active(h.t.Context(), t)
	require.NoError(h.t, err)
	return active
}

// works asserts that an application that reads the access token from the vault
// gets at the user's data with it.
func (h *hydraSystem) works(a account) {
	h.t.Helper()
	versions := h.Vault.Versions(a.secret("AccessToken"))
	require.NotEmpty(h.t, versions)
	user, err := h.hydra.UserInfo(h.t.Context(), token.NewSecret(versions[len(versions)-1].Value))
	require.NoError(h.t, err)
	require.Equal(h.t, a.user, user)
}

var builtHydra struct {
	sync.Once
	path string
	err  error
}

func hydraBinary(t *testing.T) string {
	t.Helper()
	hasC, err := testenv.HasCCompiler(t.Context())
	require.NoError(t, err)
	if !hasC {
		t.Skip("no C compiler, which Hydra's SQLite needs")
	}
	builtHydra.Do(func() { builtHydra.path, builtHydra.err = hydra.Build(t.Context()) })
	require.NoError(t, builtHydra.err)
	return builtHydra.path
}
