package vault_test

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

var (
	account = token.Account{Provider: "fitbit", Name: "will"}
	run     = vault.Run{WorkflowID: "refresh-will", RunID: "run-1"}
	names   = vault.Names{RefreshToken: "will-RefreshToken", AccessToken: "will-AccessToken", Credentials: "FitbitCredentials", Provider: "fitbit"}
)

// line is one consent's tokens: "fake-refresh-old-0" and what it rotates into,
// of which the consent's own has generation begins.
type line struct {
	name   string
	begins token.Generation
}

var old = line{name: "old"}

func (l line) refresh(g token.Generation) token.Secret {
	return token.NewSecret(fmt.Sprintf("fake-refresh-%s-%d", l.name, g))
}

func (l line) access(g token.Generation) token.Secret {
	return token.NewSecret(fmt.Sprintf("fake-access-%s-%d", l.name, g))
}

func (l line) provenance(g token.Generation) token.Provenance {
	first := l.refresh(l.begins).Fingerprint()
	p := token.Provenance{Generation: l.begins, Fingerprint: first, Consent: first}
	for p.Generation < g {
		p = p.Next(l.refresh(p.Generation + 1).Fingerprint())
	}
	return p
}

// noon is when generation 0 was obtained; each next one follows an hour later.
var noon = time.Now().Add(-100 * time.Hour).UTC()

func (l line) entry(g token.Generation) vault.Entry {
	obtained := noon.Add(time.Duration(g) * time.Hour)
	return vault.Entry{
		Account:    account,
		Provenance: l.provenance(g),
		Pair: token.Pair{
			AccessToken:  l.access(g),
			RefreshToken: l.refresh(g),
			Issue: token.Issue{
				Expiry:     obtained.Add(8 * time.Hour).Truncate(time.Second),
				ObtainedAt: obtained,
				UserID:     "FAKE01",
			},
		},
	}
}

// issuedFor is the pair that a provider issues for a token that was loaded.
func issuedFor(h vault.RefreshToken, name string) vault.Entry {
	e := old.entry(h.Generation + 1)
	e.AccessToken = token.NewSecret("fake-access-" + name)
	e.RefreshToken = token.NewSecret("fake-refresh-" + name)
	e.Provenance = h.Next(e.RefreshToken.Fingerprint())
	return e
}

// fixture is a vault in memory with the code under test over it.
type fixture struct {
	t       testing.TB
	secrets *memvault.Vault
	vault   *vault.Vault
}

// open is a vault whose worker has proven that it takes new versions, as in the steady
// state; openUnproven is one of a worker that has just started.
func open(t testing.TB) *fixture {
	r := openUnproven(t)
	client := token.Client{ID: "fake-id", Secret: token.NewSecret("fake-secret")}
	require.NoError(t, r.vault.PutCredentials(t.Context(), vault.Names{Credentials: "OtherCredentials"}, client))
	return r
}

func openUnproven(t testing.TB) *fixture {
	secrets := &memvault.Vault{}
	return &fixture{t: t, secrets: secrets, vault: vault.New(secrets)}
}

func (r *fixture) load() (vault.RefreshToken, vault.AccessTokenInfo) {
	r.t.Helper()
	current, access, err := r.vault.Load(r.t.Context(), names, 0)
	require.NoError(r.t, err)
	return current, access
}

func (r *fixture) recordIntent(h vault.RefreshToken) {
	r.t.Helper()
	require.NoError(r.t, r.vault.RecordIntent(r.t.Context(), names, account, h, run, nil))
}

func (r *fixture) store(e vault.Entry) vault.Receipt {
	r.t.Helper()
	receipt, err := r.vault.Store(r.t.Context(), names, e, run)
	require.NoError(r.t, err)
	return receipt
}

// upTo stores the generations of a line one after the other, as runs do.
func (r *fixture) upTo(l line, g token.Generation) {
	r.t.Helper()
	for i := l.begins; i <= g; i++ {
		r.store(l.entry(i))
	}
}

// again writes a version anew, as a late writer does that read long ago.
func (r *fixture) again(name string, value token.Secret) {
	r.t.Helper()
	for _, s := range r.secrets.All(name) {
		if s.Value == value {
			_, err := r.secrets.Set(r.t.Context(), name, value, s.Properties)
			require.NoError(r.t, err)
			return
		}
	}
	r.t.Fatalf("no version of %s to write again", name)
}

// values lists the versions of a name in the order in which they were set.
func (r *fixture) values(name string) (values []string) {
	for _, s := range r.secrets.All(name) {
		values = append(values, s.Value.Reveal())
	}
	return values
}

// top is the current version of a name.
func (r *fixture) top(name string) vault.Secret {
	all := r.secrets.All(name)
	require.NotEmpty(r.t, all)
	top := all[len(all)-1]
	top.Tags = maps.Clone(top.Tags)
	return top
}

// counts returns how often each operation is done from now on.
func (r *fixture) counts() map[string]int {
	calls := map[string]int{}
	r.secrets.Before = func(op, name string) error {
		calls[op+" "+name]++
		return nil
	}
	return calls
}

// at runs a step of another program just before the n-th call, from 1.
func (r *fixture) at(n int, step func()) {
	calls := 0
	r.secrets.Before = func(string, string) error {
		if calls++; calls == n {
			step()
		}
		return nil
	}
}

// seconds is a clock that moves on by one each time that it is asked.
func seconds() func() time.Time {
	now := noon
	return func() time.Time {
		now = now.Add(time.Second)
		return now
	}
}

// stopAfter is a vault that takes the given number of calls and then none.
func stopAfter(secrets vault.Secrets, calls int) vault.Secrets {
	return &stopping{secrets, calls}
}

type stopping struct {
	vault.Secrets
	left int
}

func (s *stopping) gone() error {
	if s.left--; s.left < 0 {
		return &vault.Error{Kind: vault.ErrUnavailable}
	}
	return nil
}

func (s *stopping) Get(ctx context.Context, name, version string) (vault.Secret, error) {
	if err := s.gone(); err != nil {
		return vault.Secret{}, err
	}
	return s.Secrets.Get(ctx, name, version)
}

func (s *stopping) Set(ctx context.Context, name string, value token.Secret, p vault.Properties) (vault.Properties, error) {
	if err := s.gone(); err != nil {
		return vault.Properties{}, err
	}
	return s.Secrets.Set(ctx, name, value, p)
}
