package vault_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestFenceIssuer(t *testing.T) {
	const fitbit, google = "fitbit", "google-health"
	other := []string{google}
	for _, tc := range []struct {
		name string
		view vault.IssuerView
		want vault.IssuerDecision
	}{
		{"a token by hand, as in the article", vault.IssuerView{Asked: fitbit}, vault.Present},
		{"a tagged one", vault.IssuerView{Asked: fitbit, Issuer: fitbit}, vault.Present},
		{"a tagged one where the account has moved back", vault.IssuerView{Asked: fitbit, Issuer: fitbit, Others: other}, vault.Present},
		{"a tagged one under another's names", vault.IssuerView{Asked: google, Issuer: google, SharedWith: fitbit, Others: []string{fitbit}}, vault.Present},
		{"names that nothing is presented from", vault.IssuerView{Issuer: fitbit}, vault.Present},
		{"another provider's", vault.IssuerView{Asked: fitbit, Issuer: google}, vault.OfOther},
		{"another provider's under its own names", vault.IssuerView{Asked: google, Issuer: fitbit, SharedWith: fitbit}, vault.OfOther},
		{"one by hand where another provider had tokens", vault.IssuerView{Asked: fitbit, Others: other}, vault.OfUnknownHere},
		{"one by hand under another's names", vault.IssuerView{Asked: google, SharedWith: fitbit}, vault.OfUnknownHere},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, vault.FenceIssuer(tc.view)) })
	}
}

// beforeTheMove is what a token by hand may lie over.
func beforeTheMove() map[string]func(r *fixture) {
	return map[string]func(r *fixture){
		"over tokens of Token Keeper's": func(r *fixture) { r.upTo(old, 3) },
		"over the article's":            func(r *fixture) { r.secrets.Put(names.RefreshToken, "fake-refresh-of-the-article") },
		"over nothing":                  func(*fixture) {},
	}
}

func TestATokenByHandUnderAnothersNamesIsPresentedWhereATagSaysWhoseItIs(t *testing.T) {
	for name, before := range beforeTheMove() {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			before(r)
			r.byHand("fake-refresh-of-google", nil)
			_, _, err := r.vault.Load(t.Context(), moved, 0)
			require.ErrorIs(t, err, vault.ErrOtherProvider)
			require.False(t, vault.Retryable(err))
			version := r.top(moved.RefreshToken).Version
			require.ErrorContains(t, err, "vault: read will-RefreshToken: token of an unknown provider (version "+version+" has no tag that says whose it is, and fitbit has tokens under this name as well); "+
				"if it is google-health's, say so: az keyvault secret set-attributes --vault-name VAULT --name will-RefreshToken --version "+version+" --tags provider=google-health")

			require.NoError(t, r.secrets.SetTags(t.Context(), moved.RefreshToken, version, map[string]string{"provider": " Google-Health"}))
			current, _, err := r.vault.Load(t.Context(), moved, 0)
			require.NoError(t, err)
			require.Equal(t, "fake-refresh-of-google", current.Value.Reveal())
			require.Equal(t, "google-health", current.Provider)
			_, _, err = r.vault.Load(t.Context(), names, 0)
			require.ErrorIs(t, err, vault.ErrOtherProvider, "Fitbit would get it")
			_, err = r.vault.LoadCurrent(t.Context(), names, 0)
			require.ErrorIs(t, err, vault.ErrOtherProvider, "Fitbit would get it")
		})
	}
}

// Once both have had tokens under a name, a token by hand may be either's.
func TestATokenByHandIsNoProvidersWhereTwoHadTokens(t *testing.T) {
	r := open(t)
	r.upTo(old, 3)
	r.move()
	for _, tags := range []map[string]string{nil, {"owner": "health"}, r.top(names.RefreshToken).Tags, {"provider": "no name"}} {
		r.byHand("fake-refresh-of-either", tags)
		for _, n := range []vault.Names{names, moved} {
			_, _, err := r.vault.Load(t.Context(), n, 0)
			require.ErrorIs(t, err, vault.ErrOtherProvider, "%v is presented to %s", tags, n.Provider)
		}
	}
	r.byHand("fake-refresh-of-fitbit", map[string]string{"provider": "fitbit"})
	current, _ := r.load()
	require.Equal(t, "fake-refresh-of-fitbit", current.Value.Reveal())
	require.Equal(t, token.Generation(5), current.Generation)
}

// An owner's tag of the same name beside the article's older tokens says nothing of a new one.
func TestTheArticlesTokenGoesOnWithoutATag(t *testing.T) {
	r := open(t)
	r.byHand("fake-refresh-1", map[string]string{"provider": "azure"})
	r.secrets.Put(names.RefreshToken, "fake-refresh-2")
	current, _ := r.load()
	require.Equal(t, "fake-refresh-2", current.Value.Reveal())
	r.recordIntent(current)
	r.store(issuedFor(current, "next"))
	r.secrets.Put(names.RefreshToken, "fake-refresh-3")
	current, _ = r.load()
	require.Equal(t, "fake-refresh-3", current.Value.Reveal())
}

// A hidden consent by hand under shared names may be either provider's.
func TestInPlaceOfADeadGrantNothingOfAnotherOrUnknownProviderIsPromoted(t *testing.T) {
	google := token.Account{Provider: "google-health", Name: "will", SecretsOf: "fitbit"}
	for name, hidden := range map[string]map[string]string{
		"of an unknown provider": nil,
		"of the other provider":  {"provider": "fitbit"},
		"of its own":             ofGoogle,
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			r.secrets.Now = seconds()
			r.upTo(old, 3)
			dead := r.move()
			r.byHand("fake-refresh-hidden", hidden)
			r.again(moved.RefreshToken, dead.Value) // a store that was late
			found, err := r.vault.PromoteSuccessor(t.Context(), moved, google, dead.Provenance, run)
			require.NoError(t, err)
			require.Equal(t, name == "of its own", found)
			if !found {
				require.Equal(t, dead.Value, r.top(moved.RefreshToken).Value, "it was written")
			}
		})
	}
}

// Nor does what is on top without a tag take the place of a dead token.
func TestATokenOfUnknownProviderOnTopIsNoSuccessor(t *testing.T) {
	r := open(t)
	r.upTo(old, 3)
	dead := r.move()
	r.byHand("fake-refresh-of-either", nil)
	for n, a := range map[vault.Names]token.Account{names: account, moved: {Provider: "google-health", Name: "will", SecretsOf: "fitbit"}} {
		found, err := r.vault.PromoteSuccessor(t.Context(), n, a, dead.Provenance, run)
		require.ErrorIs(t, err, vault.ErrOtherProvider)
		require.False(t, found)
	}
}

func TestARunOfTheOldProviderPromotesNothingOverTheMove(t *testing.T) {
	r := open(t)
	r.upTo(old, 3)
	dead := old.provenance(3)
	r.byHand("fake-refresh-of-google", ofGoogle)
	for range 2 {
		versions := len(r.secrets.All(names.RefreshToken))
		found, err := r.vault.PromoteSuccessor(t.Context(), names, account, dead, run)
		require.ErrorIs(t, err, vault.ErrOtherProvider)
		require.False(t, found)
		require.Len(t, r.secrets.All(names.RefreshToken), versions, "it wrote")
		r.move() // then Google's first run numbers it
	}
}

// TestTheStepsByHandKeepGooglesTokenFromFitbit does what docs/google-health.md says, while
// a Fitbit cron runs on.
func TestTheStepsByHandKeepGooglesTokenFromFitbit(t *testing.T) {
	page, err := os.ReadFile("../../docs/google-health.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "## By hand\n")
	require.True(t, found)
	files := map[string]string{"credentials.txt": encoded("fake-id:fake-secret") + "\n", "refresh-token.txt": "fake-refresh-of-google\n"}

	fitbit, err := vault.Locate(provider.Builtin(), token.Account{Provider: "fitbit", Name: "default"})
	require.NoError(t, err)
	google, err := vault.Locate(provider.Builtin(), token.Account{Provider: "google-health", Name: "default", SecretsOf: "fitbit"})
	require.NoError(t, err)
	for name, before := range map[string]func(r *fixture){
		"of the article's": func(r *fixture) { r.secrets.Put("RefreshToken", "fake-refresh-of-fitbit") },
		"of Token Keeper's": func(r *fixture) {
			_, err := r.vault.Store(t.Context(), fitbit.Names, old.entry(0), run)
			require.NoError(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := open(t)
			before(r)
			_, _, err := r.vault.Load(t.Context(), google.Names, 0)
			require.ErrorIs(t, err, vault.ErrOtherProvider, "Google's cron was started too early, and gets Fitbit's token")
			commands := 0
			for _, line := range strings.Split(section, "\n") {
				if command, ok := strings.CutPrefix(strings.TrimSpace(line), "az keyvault secret set "); ok {
					r.az(command, files)
					commands++
				}
			}
			require.Equal(t, 2, commands)
			_, _, err = r.vault.Load(t.Context(), fitbit.Names, 0)
			require.ErrorIs(t, err, vault.ErrOtherProvider, "Fitbit gets Google's token")

			_, err = r.vault.Credentials(t.Context(), google.Names)
			require.NoError(t, err)
			current, _, err := r.vault.Load(t.Context(), google.Names, 0)
			require.NoError(t, err)
			require.Equal(t, "fake-refresh-of-google", current.Value.Reveal())
			require.NoError(t, r.vault.RecordIntent(t.Context(), google.Names, google.Account, current, run, nil))
			_, _, err = r.vault.Load(t.Context(), fitbit.Names, 0)
			require.ErrorIs(t, err, vault.ErrOtherProvider, "Fitbit gets Google's token")
		})
	}
}

// az does what "az keyvault secret set" does.
func (r *fixture) az(command string, files map[string]string) {
	r.t.Helper()
	flags := map[string]string{}
	for _, flag := range regexp.MustCompile(`--([a-z-]+) (\S+)`).FindAllStringSubmatch(command, -1) {
		flags[flag[1]] = flag[2]
	}
	var p vault.Properties
	if name, value, found := strings.Cut(flags["tags"], "="); found {
		p.Tags = map[string]string{name: value}
	}
	require.Contains(r.t, files, flags["file"])
	_, err := r.secrets.Set(r.t.Context(), flags["name"], token.NewSecret(files[flags["file"]]), p)
	require.NoError(r.t, err)
}
