package tokens_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"

	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/tokens"
)

const name = "will-AccessToken"

// anyToken is a credential whose token the simulated vault takes.
type anyToken struct{}

func (anyToken) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: "fake-azure-token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// vault is a simulated one over TLS, its azsecrets client, and a clock.
type vault struct {
	*keyvault.Server
	secrets *azsecrets.Client
	ahead   atomic.Int64
}

func newVault(t *testing.T) *vault {
	t.Helper()
	server, err := keyvault.Start(keyvault.Options{})
	require.NoError(t, err)
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	require.True(t, roots.AppendCertsFromPEM(server.CertificatePEM()))
	secrets, err := azsecrets.NewClient(server.URL(), anyToken{}, &azsecrets.ClientOptions{
		ClientOptions: azcore.ClientOptions{
			Transport: &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}}},
			Retry:     policy.RetryOptions{MaxRetries: -1},
		},
		DisableChallengeResourceVerification: true,
	})
	require.NoError(t, err)
	return &vault{Server: server, secrets: secrets}
}

// store writes a version as Token Keeper does; without an end where that is zero.
func (v *vault) store(t *testing.T, value string, good time.Duration) {
	t.Helper()
	parameters := azsecrets.SetSecretParameters{Value: &value}
	if good != 0 {
		end := v.now().Add(good)
		parameters.SecretAttributes = &azsecrets.SecretAttributes{Expires: &end}
	}
	_, err := v.secrets.SetSecret(t.Context(), name, parameters, nil)
	require.NoError(t, err)
}

func (v *vault) now() time.Time          { return time.Now().Add(time.Duration(v.ahead.Load())) }
func (v *vault) advance(d time.Duration) { v.ahead.Add(int64(d)) }
func (v *vault) reads() int              { return v.Counts().ByOperation[keyvault.OpGet] }
func (v *vault) source(options ...tokens.Option) *tokens.Source {
	return tokens.New(v.secrets, name, append(options, tokens.WithClock(v.now))...)
}

func requireToken(t *testing.T, source oauth2.TokenSource, want string) {
	t.Helper()
	got, err := source.Token()
	require.NoError(t, err)
	require.Equal(t, want, got.AccessToken)
	require.Equal(t, "Bearer", got.TokenType)
}

func TestATokenIsReadOnceUntilItIsAboutToEnd(t *testing.T) {
	v := newVault(t)
	v.store(t, "fake-1", 8*time.Hour)
	s := v.source()
	for range 10 {
		requireToken(t, s, "fake-1")
	}
	require.Equal(t, 1, v.reads())

	v.store(t, "fake-2", 14*time.Hour)
	v.advance(8*time.Hour - 4*time.Minute)
	requireToken(t, s, "fake-1")
	require.Equal(t, 1, v.reads(), "it is good for a while yet")
	v.advance(2 * time.Minute)
	requireToken(t, s, "fake-2")
	require.Equal(t, 2, v.reads())
}

func TestReadersOfOneSecretDoNotComeAtTheSameTime(t *testing.T) {
	v := newVault(t)
	v.store(t, "fake-1", time.Hour)
	var sources []*tokens.Source
	for range 40 {
		s := v.source()
		requireToken(t, s, "fake-1")
		sources = append(sources, s)
	}
	v.advance(time.Hour - 2*time.Minute - 30*time.Second) // the middle of the minute before
	before := v.reads()
	for _, s := range sources {
		requireToken(t, s, "fake-1")
	}
	again := v.reads() - before
	require.Greater(t, again, 5)
	require.Less(t, again, 35)
}

func TestManyAtOnceShareOneRead(t *testing.T) {
	v := newVault(t)
	v.store(t, "fake-1", time.Hour)
	v.Inject(keyvault.Fault{Kind: keyvault.Delay, DelayBefore: 200 * time.Millisecond, Times: 1})
	s := v.source()
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			got, err := s.Token()
			if err != nil || got.AccessToken != "fake-1" {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, v.reads())
}

func TestOneWhoGivesUpTakesTheReadFromNoOther(t *testing.T) {
	v := newVault(t)
	v.store(t, "fake-1", time.Hour)
	v.Inject(keyvault.Fault{Kind: keyvault.Delay, DelayBefore: 5 * time.Second, Times: 1})
	s := v.source()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := s.TokenContext(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "read will-AccessToken")
	requireToken(t, s, "fake-1")
	require.Equal(t, 1, v.reads())
}

func TestATokenWithoutAnEndIsReadEveryFewMinutes(t *testing.T) {
	v := newVault(t)
	v.store(t, "fake-1", 0)
	s := v.source()
	requireToken(t, s, "fake-1")
	v.store(t, "fake-2", 0)
	v.advance(4 * time.Minute)
	requireToken(t, s, "fake-1")
	v.advance(2 * time.Minute)
	requireToken(t, s, "fake-2")
}

func TestTheMostAgeHolds(t *testing.T) {
	v := newVault(t)
	v.store(t, "fake-1", 8*time.Hour)
	s := v.source(tokens.WithMaxAge(time.Minute))
	requireToken(t, s, "fake-1")
	v.store(t, "fake-2", 8*time.Hour)
	v.advance(61 * time.Second)
	requireToken(t, s, "fake-2")
}

func TestAnExpiredTokenIsNamedWithWhatToDo(t *testing.T) {
	v := newVault(t)
	v.store(t, "fake-1", time.Hour)
	s := v.source()
	requireToken(t, s, "fake-1")
	v.advance(2 * time.Hour)
	_, err := s.Token()
	var expired *tokens.ExpiredError
	require.ErrorAs(t, err, &expired)
	require.Equal(t, name, expired.Secret)
	require.WithinDuration(t, time.Now().Add(time.Hour), expired.Expired, time.Minute)
	require.ErrorContains(t, err, "the access token in will-AccessToken expired at ")
	require.ErrorContains(t, err, "; Token Keeper has not refreshed it since ")
	require.NotContains(t, err.Error(), "fake-")

	v.store(t, "fake-2", time.Hour)
	v.advance(6 * time.Second)
	requireToken(t, s, "fake-2")
}

func TestTheVaultMayBeAwayForAsLongAsTheTokenIsGood(t *testing.T) {
	v := newVault(t)
	v.store(t, "fake-1", time.Hour)
	s := v.source()
	requireToken(t, s, "fake-1")
	v.Inject(keyvault.Fault{Kind: keyvault.Unavailable})
	v.advance(time.Hour - time.Minute)
	requireToken(t, s, "fake-1")
	requireToken(t, s, "fake-1")
	require.Equal(t, 2, v.reads(), "not for each request")
	v.advance(2 * time.Minute)
	_, err := s.Token()
	require.ErrorContains(t, err, "read will-AccessToken: Key Vault answers 503")
}

func TestTheVaultsRefusalsSayWhatToDo(t *testing.T) {
	v := newVault(t)
	s := v.source()
	_, err := s.Token()
	require.ErrorContains(t, err, "the vault has no such secret: check its name")
	var refused *azcore.ResponseError
	require.ErrorAs(t, err, &refused, "the original stays")

	v.store(t, "fake-1", time.Hour)
	v.Inject(keyvault.Fault{Kind: keyvault.Denied, Times: 1})
	_, err = s.Token()
	require.ErrorContains(t, err, `give this program the role "Key Vault Secrets User" on this secret`)
	require.NotContains(t, err.Error(), "\n")
	requireToken(t, s, "fake-1")
}

// api takes the given token alone, and counts.
func api(t *testing.T, takes *atomic.Value) (url string, calls *atomic.Int64) {
	t.Helper()
	calls = &atomic.Int64{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		calls.Add(1)
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("Authorization") != "Bearer "+takes.Load().(string) {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	return server.URL, calls
}

// A refresh ends the token before it at some providers.
func TestAfterA401TheTokenIsReadAgainAndTheRequestSentOnceMore(t *testing.T) {
	v := newVault(t)
	v.store(t, "fake-1", 8*time.Hour)
	client := v.source().Client(nil)
	var takes atomic.Value
	takes.Store("fake-1")
	url, calls := api(t, &takes)
	post := func(body io.Reader) (int, string) {
		answer, err := client.Post(url, "text/plain", body)
		require.NoError(t, err)
		text, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		return answer.StatusCode, string(text)
	}
	status, text := post(strings.NewReader("one"))
	require.Equal(t, 200, status)
	require.Equal(t, "one", text)

	v.store(t, "fake-2", 8*time.Hour)
	takes.Store("fake-2")
	status, text = post(strings.NewReader("two"))
	require.Equal(t, 200, status)
	require.Equal(t, "two", text, "the body is sent again as well")
	require.EqualValues(t, 3, calls.Load())

	takes.Store("fake-other")
	status, _ = post(strings.NewReader("three"))
	require.Equal(t, http.StatusUnauthorized, status, "where the vault has nothing newer, the answer is the provider's")
	require.EqualValues(t, 4, calls.Load())

	takes.Store("fake-3")
	v.store(t, "fake-3", 8*time.Hour)
	status, _ = post(struct{ io.Reader }{strings.NewReader("a stream")})
	require.Equal(t, http.StatusUnauthorized, status, "a body of unknown length cannot be sent again")
	status, _ = post(strings.NewReader("four"))
	require.Equal(t, 200, status, "and the next request has the new token")
}

func TestARefusedTokenThatIsNoLongerHeldIsNoReasonToRead(t *testing.T) {
	v := newVault(t)
	v.store(t, "fake-1", 8*time.Hour)
	s := v.source()
	requireToken(t, s, "fake-1")
	s.Invalidate("fake-0")
	requireToken(t, s, "fake-1")
	require.Equal(t, 1, v.reads())
	s.Invalidate("fake-1")
	requireToken(t, s, "fake-1")
	require.Equal(t, 2, v.reads())
}

func TestNothingButTheOneSecretIsTouched(t *testing.T) {
	v := newVault(t)
	v.store(t, "fake-1", time.Hour)
	s := v.source()
	requireToken(t, s, "fake-1")
	s.Invalidate("fake-1")
	requireToken(t, s, "fake-1")
	counts := v.Counts()
	require.Len(t, counts.ByName, 1)
	require.Equal(t, 1, counts.ByOperation[keyvault.OpSet], "the test's own")
}
