package vault_test

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestTheFirstIntentOfAWorkerIsANewVersionAndTheNextOnesAreTagsAlone(t *testing.T) {
	r := openUnproven(t)
	first := r.secrets.Put(names.RefreshToken, "fake-refresh-old-0")
	current, _ := r.load()
	r.recordIntent(current)
	require.Equal(t, []string{"fake-refresh-old-0", "fake-refresh-old-0"}, r.values(names.RefreshToken))
	proof := r.top(names.RefreshToken)
	require.NotEqual(t, first, proof.Version)
	require.Equal(t, run.RunID, proof.Tags["refresh-run-id"])

	current, _ = r.load()
	require.Equal(t, proof.Version, current.Version)
	require.Equal(t, run.RunID, current.IntentRunID)
	for g := token.Generation(1); g <= 4; g++ {
		calls := r.counts()
		r.recordIntent(current)
		r.store(old.entry(g))
		require.Equal(t, 1, calls["set "+names.RefreshToken], "not one creation more than the store's")
		require.Equal(t, 1, calls["set "+names.AccessToken])
		r.secrets.Before = nil
		current, _ = r.load()
		require.Equal(t, old.provenance(g), current.Provenance)
	}
}

func TestAnIntentIsNotRecordedWhereTheVaultRefusesNewVersionsAlone(t *testing.T) {
	for _, kind := range []error{vault.ErrDenied, vault.ErrRejected, vault.ErrThrottled, vault.ErrReadOnly, vault.ErrUnavailable} {
		r := openUnproven(t)
		r.secrets.Put(names.RefreshToken, "fake-refresh-old-0")
		r.secrets.Before = refusing("set "+names.RefreshToken, kind)
		current, _ := r.load()
		require.ErrorIs(t, r.vault.RecordIntent(t.Context(), names, account, current, run, nil), kind)
		require.Empty(t, r.top(names.RefreshToken).Tags)
	}
}

// A refusal may be of one name alone: the success of another does not hide it.
func TestAnyRefusalOfANewVersionAsksForProofAgain(t *testing.T) {
	other := vault.Names{RefreshToken: "anna-RefreshToken", AccessToken: "anna-AccessToken", Provider: "fitbit"}
	for _, refused := range []string{names.RefreshToken, names.AccessToken} {
		r := open(t)
		r.upTo(old, 4)
		r.keepsAccessFresh()
		r.secrets.Before = refusing("set "+refused, vault.ErrDenied)
		_, err := r.vault.Store(t.Context(), names, old.entry(5), run)
		require.ErrorIs(t, err, vault.ErrDenied)
		current, _ := r.load()
		require.ErrorIs(t, r.vault.RecordIntent(t.Context(), names, account, current, run, nil), vault.ErrDenied, refused)

		// Another account's proof is of its own names.
		r.secrets.Put(other.RefreshToken, "fake-refresh-anna-0")
		anna, _, err := r.vault.Load(t.Context(), other, 0)
		require.NoError(t, err)
		require.NoError(t, r.vault.RecordIntent(t.Context(), other, account, anna, run, nil))
		require.Len(t, r.values(other.RefreshToken), 2, "proven again after the refusal of another's")
		require.ErrorIs(t, r.vault.RecordIntent(t.Context(), names, account, current, run, nil), vault.ErrDenied, refused)

		r.secrets.Before = nil
		current, _ = r.load()
		before := len(r.values(refused))
		r.recordIntent(current)
		require.Len(t, r.values(refused), before+1, "its own write proves it")
		current, _ = r.load()
		calls := r.counts()
		r.recordIntent(current)
		require.Empty(t, calls["set "+refused])
	}
}

func TestAProofKeepsTheTokenAndWhatTheOwnerHasSet(t *testing.T) {
	r := openUnproven(t)
	expires := noon.Add(1000 * time.Hour).Truncate(time.Second)
	_, err := r.secrets.Set(t.Context(), names.RefreshToken, token.NewSecret("fake-refresh-old-0"), vault.Properties{
		ContentType: "text/plain", Tags: map[string]string{"team": "health"}, Expires: expires,
	})
	require.NoError(t, err)
	current, _ := r.load()
	r.recordIntent(current)
	proof := r.top(names.RefreshToken)
	require.Equal(t, "text/plain", proof.ContentType)
	require.Equal(t, "health", proof.Tags["team"])
	require.Equal(t, "0", proof.Tags["generation"])
	require.True(t, expires.Equal(proof.Expires))
}

// What comes between the load, the last read and the write is not lost, and nothing is
// spent: the record fails, and is made for what the next load finds, on top again.
func TestAProofBuriesNothing(t *testing.T) {
	for name, came := range map[string]func(*fixture) string{
		"a consent by hand": func(r *fixture) string {
			r.secrets.Put(names.RefreshToken, fresh)
			return fresh
		},
		"a consent": func(r *fixture) string {
			r.consent(token.Pair{RefreshToken: token.NewSecret(fresh), AccessToken: token.NewSecret("fake-access-new")})
			return fresh
		},
		"a later generation": func(r *fixture) string {
			r.store(old.entry(6))
			return old.refresh(6).Reveal()
		},
	} {
		for call := 1; call <= 2; call++ { // before the last read, and before the write
			r := open(t)
			r.secrets.Now = seconds()
			r.upTo(old, 5)
			current, _ := r.load()
			started := vault.New(r.secrets)
			var want string
			r.at(call, func() {
				r.secrets.Before = nil
				want = came(r)
			})
			err := started.RecordIntent(t.Context(), names, account, current, run, nil)
			require.ErrorIs(t, err, vault.ErrUnavailable, "%s before call %d", name, call)
			current, _, err = started.Load(t.Context(), names, 0)
			require.NoError(t, err)
			require.Equal(t, want, current.Value.Reveal())
			require.Equal(t, token.Generation(6), current.Generation)
			require.NoError(t, started.RecordIntent(t.Context(), names, account, current, run, nil))
			require.Equal(t, want, r.top(names.RefreshToken).Value.Reveal(), "%s before call %d", name, call)
		}
	}
}

// loaded puts another account's refresh token into the vault and loads it.
func (r *fixture) loaded(name string, p vault.Properties) (vault.Names, vault.RefreshToken) {
	r.t.Helper()
	n := vault.Names{RefreshToken: name + "-RefreshToken", AccessToken: name + "-AccessToken", Provider: "fitbit"}
	_, err := r.secrets.Set(r.t.Context(), n.RefreshToken, token.NewSecret("fake-refresh-"+name), p)
	require.NoError(r.t, err)
	current, _, err := r.vault.Load(r.t.Context(), n, 0)
	require.NoError(r.t, err)
	return n, current
}

// A load waits in an activity's slot, which a call inside its window may need.
func TestAProofThatHangsHoldsOthersUpForSecondsOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openUnproven(t)
		r.vault = vault.New(hangingSet{r.secrets})
		a, ofA := r.loaded("a", vault.Properties{})
		b, ofB := r.loaded("b", vault.Properties{})
		var holder error
		var held time.Duration
		begun := time.Now()
		go func() {
			holder = r.vault.RecordIntent(t.Context(), a, account, ofA, run, nil)
			held = time.Since(begun)
		}()
		synctest.Wait()
		err := r.vault.RecordIntent(t.Context(), b, account, ofB, run, nil)
		require.ErrorIs(t, err, vault.ErrUnavailable)
		require.ErrorContains(t, err, "another load is proving")
		require.True(t, vault.Retryable(err))
		require.LessOrEqual(t, time.Since(begun), 5*time.Second)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.ErrorIs(t, holder, vault.ErrUnavailable)
		require.LessOrEqual(t, held, 25*time.Second)
	})
}

// hangingSet is a vault that answers no write of a value.
type hangingSet struct{ vault.Secrets }

func (hangingSet) Set(ctx context.Context, name string, _ token.Secret, _ vault.Properties) (vault.Properties, error) {
	<-ctx.Done()
	return vault.Properties{}, &vault.Error{Op: "set", Name: name, Kind: vault.ErrUnavailable}
}

// The listing after a proof may take minutes.
func TestTheTurnToProveEndsWithTheWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openUnproven(t)
		a, ofA := r.loaded("a", vault.Properties{})
		b, ofB := r.loaded("b", vault.Properties{ContentType: "text/plain"}) // proves for itself
		r.secrets.Before = func(op, name string) error {
			if op == "list" && name == a.RefreshToken {
				time.Sleep(time.Hour)
			}
			return nil
		}
		go func() { _ = r.vault.RecordIntent(t.Context(), a, account, ofA, run, nil) }()
		synctest.Wait()
		require.NoError(t, r.vault.RecordIntent(t.Context(), b, account, ofB, run, nil))
		time.Sleep(2 * time.Hour)
	})
}

func TestARefusedNameKeepsNoOtherFromWorking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := openUnproven(t)
		bad, ofBad := r.loaded("bad", vault.Properties{})
		good, ofGood := r.loaded("good", vault.Properties{})
		hang := false
		r.secrets.Before = func(op, name string) error {
			if op != "set" || name != bad.RefreshToken {
				return nil
			}
			if hang {
				time.Sleep(time.Hour)
			}
			return &vault.Error{Op: op, Name: name, Kind: vault.ErrDenied}
		}
		require.ErrorIs(t, r.vault.RecordIntent(t.Context(), bad, account, ofBad, run, nil), vault.ErrDenied)
		require.NoError(t, r.vault.RecordIntent(t.Context(), good, account, ofGood, run, nil))
		versions := len(r.values(good.RefreshToken))
		again := func() {
			ofGood, _, err := r.vault.Load(t.Context(), good, 0)
			require.NoError(t, err)
			require.NoError(t, r.vault.RecordIntent(t.Context(), good, account, ofGood, run, nil))
		}
		for range 3 {
			require.ErrorIs(t, r.vault.RecordIntent(t.Context(), bad, account, ofBad, run, nil), vault.ErrDenied)
			again()
		}
		require.Len(t, r.values(good.RefreshToken), versions, "the same refusal again says nothing about others")

		hang = true
		go func() { _ = r.vault.RecordIntent(t.Context(), bad, account, ofBad, run, nil) }()
		synctest.Wait()
		other, ofOther := r.loaded("other", vault.Properties{ContentType: "text/plain"}) // must be proven
		require.NoError(t, r.vault.RecordIntent(t.Context(), other, account, ofOther, run, nil), "a refused name has no turn")
		time.Sleep(2 * time.Hour)
	})
}

// Too many calls must not lead to more of them, and a read-only vault refuses tags too.
func TestWhatPassesByItselfAsksForNoProof(t *testing.T) {
	for _, kind := range []error{vault.ErrThrottled, vault.ErrReadOnly, vault.ErrUnavailable} {
		r := open(t)
		r.upTo(old, 4)
		r.secrets.Before = refusing("set "+names.RefreshToken, kind)
		_, err := r.vault.Store(t.Context(), names, old.entry(5), run)
		require.ErrorIs(t, err, kind)
		current, _ := r.load()
		calls := r.counts()
		r.recordIntent(current)
		require.Zero(t, calls["set "+names.RefreshToken], kind)
	}
}

// It is the value that is refused: other accounts need not prove the vault for it.
func TestAnAccessTokenThatIsTooLongAsksForNoProof(t *testing.T) {
	r := open(t)
	r.upTo(old, 1)
	e := old.entry(2)
	e.AccessToken = token.NewSecret(strings.Repeat("a", token.MaxLength+1))
	_, err := r.vault.Store(t.Context(), names, e, run)
	require.ErrorIs(t, err, vault.ErrRejected)
	current, _ := r.load()
	calls := r.counts()
	r.recordIntent(current)
	require.Zero(t, calls["set "+names.RefreshToken]+calls["set "+names.AccessToken])
}

// A policy looks at each secret's attributes.
func TestEachKindOfAttributesIsProvenOnce(t *testing.T) {
	r := openUnproven(t)
	expires := time.Now().Add(time.Hour)
	for _, p := range []vault.Properties{{}, {ContentType: "text/plain"}, {Expires: expires}, {ContentType: "text/plain", Expires: expires}} {
		for i, want := range []int{2, 1} {
			n, current := r.loaded(fmt.Sprintf("%s-%v-%d", p.ContentType, p.Expires.IsZero(), i), p)
			require.NoError(t, r.vault.RecordIntent(t.Context(), n, account, current, run, nil))
			require.Len(t, r.values(n.RefreshToken), want, n.RefreshToken)
		}
	}
}

// An intent is a change of tags and makes no version.
func TestAProofDoesNotEraseAnothersIntent(t *testing.T) {
	for name, proves := range map[string]bool{"the one that proves": true, "one that waited for the proof of another": false} {
		synctest.Test(t, func(t *testing.T) {
			r := openUnproven(t)
			r.upTo(old, 2)
			started := vault.New(r.secrets)
			current, _, err := started.Load(t.Context(), names, 0)
			require.NoError(t, err)
			if !proves {
				n, ofN := r.loaded("other", vault.Properties{})
				r.secrets.Before = func(op, name string) error {
					if op == "set" && name == n.RefreshToken {
						time.Sleep(time.Second)
					}
					return nil
				}
				go func() { _ = started.RecordIntent(t.Context(), n, account, ofN, run, nil) }()
				synctest.Wait()
			}
			go func() {
				time.Sleep(time.Second / 2)
				_ = r.vault.RecordIntent(t.Context(), names, account, current, vault.Run{RunID: "run-of-another"}, nil)
			}()
			if proves {
				time.Sleep(time.Second)
			}
			err = started.RecordIntent(t.Context(), names, account, current, run, nil)
			require.ErrorIs(t, err, vault.ErrUnavailable, name)
			require.Equal(t, "run-of-another", r.top(names.RefreshToken).Tags["refresh-run-id"], name)
			time.Sleep(time.Minute)
			current, _, err = started.Load(t.Context(), names, 0)
			require.NoError(t, err)
			require.NoError(t, started.RecordIntent(t.Context(), names, account, current, run, current.Intents()))
			require.Contains(t, r.top(names.RefreshToken).Tags["refresh-earlier-run"], "run-of-another")
		})
	}
}

// The consent came between the proof's read and its write, and nothing after the write
// came about.
func TestAConsentThatAProofCoversIsFoundWhateverBecomesOfTheProof(t *testing.T) {
	for name, fails := range map[string]string{
		"its answer is lost":            "set",
		"it dies, or its listing fails": "list",
		"the consent's read fails":      "get after set",
	} {
		for _, again := range []bool{false, true} { // the first worker, or another one
			for _, twice := range []bool{false, true} { // its copy of the token is written once more
				r := open(t)
				r.secrets.Now = seconds()
				r.upTo(old, 5)
				current, _ := r.load()
				started := vault.New(r.secrets)
				r.at(2, func() {
					r.secrets.Before = nil
					r.secrets.Put(names.RefreshToken, fresh)
				})
				did := ""
				r.secrets.After = func(op, _ string) error {
					if op == fails || op+" after "+did == fails {
						return &vault.Error{Kind: vault.ErrUnavailable}
					}
					if op != "list" {
						did = op
					}
					return nil
				}
				require.ErrorIs(t, started.RecordIntent(t.Context(), names, account, current, run, nil), vault.ErrUnavailable)
				require.Equal(t, old.refresh(5), r.top(names.RefreshToken).Value, "the consent is covered")
				r.secrets.Before, r.secrets.After = nil, nil
				if twice {
					proof := r.top(names.RefreshToken)
					_, err := r.secrets.Set(t.Context(), names.RefreshToken, proof.Value, proof.Properties)
					require.NoError(t, err)
				}

				next := vault.New(r.secrets)
				if again {
					next = started
				}
				found, _, err := next.Load(t.Context(), names, 0)
				require.NoError(t, err)
				require.Equal(t, fresh, found.Value.Reveal(), name)
				require.Equal(t, token.Generation(6), found.Generation)
				require.NoError(t, next.RecordIntent(t.Context(), names, account, found, run, nil))
				require.Equal(t, fresh, r.top(names.RefreshToken).Value.Reveal(), "on top again")
				found, _, err = next.Load(t.Context(), names, 0)
				require.NoError(t, err)
				require.Equal(t, fresh, found.Value.Reveal())
				require.True(t, r.store(old.entry(6)).Superseded, "what was in flight yields to it")
				r.store(issuedFor(found, "new-7"))
			}
		}
	}
}

// Where nothing was covered, the next record ends the doubt.
func TestALoadListsOnceAfterAProof(t *testing.T) {
	r := openUnproven(t)
	r.secrets.Put(names.RefreshToken, "fake-refresh-old-0")
	started := vault.New(r.secrets)
	r.store(old.entry(1))
	current, _, err := started.Load(t.Context(), names, 0)
	require.NoError(t, err)
	require.NoError(t, started.RecordIntent(t.Context(), names, account, current, run, nil))
	for _, lists := range []int{1, 0} {
		calls := r.counts()
		current, _, err = started.Load(t.Context(), names, 0)
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), current.IntentAt, time.Minute)
		require.NoError(t, started.RecordIntent(t.Context(), names, account, current, run, nil))
		require.Equal(t, lists, calls["list "+names.RefreshToken])
	}
}

// refusedAccess is a vault that has refused a new version of the access token.
func refusedAccess(t *testing.T) *fixture {
	r := open(t)
	r.secrets.Now = seconds()
	r.upTo(old, 4)
	r.secrets.Before = refusing("set "+names.AccessToken, vault.ErrDenied)
	_, err := r.vault.Store(t.Context(), names, old.entry(5), run)
	require.ErrorIs(t, err, vault.ErrDenied)
	r.secrets.Before = nil
	return r
}

// Where a provider does not rotate, access tokens share a generation.
func TestAProofOfTheAccessTokenBuriesNoNewerOne(t *testing.T) {
	for name, obtained := range map[string]time.Time{
		"a later one of the same generation":    noon.Add(5 * time.Hour),
		"an earlier one of the same generation": noon.Add(3 * time.Hour),
		"one by hand":                           {},
	} {
		r := refusedAccess(t)
		current, _ := r.load()
		before := r.top(names.AccessToken)
		require.Equal(t, "4", before.Tags["generation"])
		r.keepsAccessFresh()
		r.at(2, func() { // between the read and the write
			r.secrets.Before = nil
			p := vault.Properties{}
			if !obtained.IsZero() {
				value := token.NewSecret("fake-access-came")
				p.Tags = maps.Clone(before.Tags)
				p.Tags["fingerprint"], p.Tags["obtained-at"] = string(value.Fingerprint()), obtained.Format(time.RFC3339Nano)
			}
			_, err := r.secrets.Set(t.Context(), names.AccessToken, token.NewSecret("fake-access-came"), p)
			require.NoError(t, err)
		})
		r.recordIntent(current)
		want := "fake-access-came"
		if name == "an earlier one of the same generation" {
			want = before.Value.Reveal()
		}
		require.Equal(t, want, r.top(names.AccessToken).Value.Reveal(), name)
	}
}

// keepsAccessFresh gives the access token a date to come: an expired one proves nothing.
func (r *fixture) keepsAccessFresh() {
	r.t.Helper()
	top := r.top(names.AccessToken)
	_, err := r.secrets.Set(r.t.Context(), names.AccessToken, top.Value, vault.Properties{Tags: top.Tags, Expires: time.Now().Add(time.Hour)})
	require.NoError(r.t, err)
}

func TestAnAccessTokenThatHasExpiredIsNotWrittenAgain(t *testing.T) {
	for name, left := range map[string]time.Duration{"expired": -time.Hour, "good": time.Hour} {
		r := refusedAccess(t)
		before := r.top(names.AccessToken)
		expires := time.Now().Add(left)
		_, err := r.secrets.Set(t.Context(), names.AccessToken, before.Value, vault.Properties{Tags: before.Tags, Expires: expires})
		require.NoError(t, err)
		if name == "expired" {
			r.secrets.Before = refusing("set "+names.AccessToken, vault.ErrDenied) // by a policy that asks for a date to come
		}
		current, _ := r.load()
		versions := len(r.values(names.AccessToken))
		r.recordIntent(current)
		written := len(r.values(names.AccessToken)) - versions
		require.Equal(t, map[string]int{"expired": 0, "good": 1}[name], written, name)
		require.True(t, expires.Equal(r.top(names.AccessToken).Expires), name)
	}
}

func TestAnAccessTokenThatNeverExistedCostsNoVersions(t *testing.T) {
	r := open(t)
	r.secrets.Put(names.RefreshToken, old.refresh(0).Reveal())
	r.secrets.Before = refusing("set "+names.AccessToken, vault.ErrDenied)
	_, err := r.vault.Store(t.Context(), names, old.entry(1), run)
	require.ErrorIs(t, err, vault.ErrDenied)
	current, _ := r.load()
	r.recordIntent(current) // the refusal asks for a proof
	versions := len(r.values(names.RefreshToken))
	for range 3 {
		current, _ = r.load()
		r.recordIntent(current)
	}
	require.Len(t, r.values(names.RefreshToken), versions)
}

func TestOneOfManyAtOnceProvesTheVault(t *testing.T) {
	r := openUnproven(t)
	var mu sync.Mutex
	created := 0
	r.secrets.After = func(op, _ string) error {
		mu.Lock()
		defer mu.Unlock()
		if op == "set" {
			created++
		}
		return nil
	}
	var all, begun sync.WaitGroup
	begun.Add(5)
	r.secrets.Before = func(op, _ string) error {
		if op == "set" {
			begun.Wait() // so that the others ask while the first one proves
		}
		return nil
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		n := vault.Names{RefreshToken: name + "-RefreshToken", AccessToken: name + "-AccessToken"}
		r.secrets.Put(n.RefreshToken, "fake-refresh-"+name)
		current, _, err := r.vault.Load(t.Context(), n, 0)
		require.NoError(t, err)
		all.Go(func() {
			begun.Done()
			if err := r.vault.RecordIntent(context.Background(), n, account, current, run, nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, 1, created)
}
