package activities_test

import (
	"encoding/base64"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestLoadSealsAGrantThatWasPutThereByHand(t *testing.T) {
	s := newSystem(t)
	loaded, err := s.load(attempt{})
	require.NoError(t, err)
	own := token.NewSecret(s.held()).Fingerprint()
	require.NotEmpty(t, loaded.Grant)
	require.NotContains(t, string(loaded.Grant), canary)
	loaded.Grant = nil
	require.Equal(t, activities.LoadResult{
		Account:             account,
		RunID:               "run-1",
		Provenance:          token.Provenance{Fingerprint: own, Consent: own},
		RefreshTokenVersion: s.vault.All("RefreshToken")[0].Version,
		CallActivity:        "CallFitbit",
		ProviderTitle:       "Fitbit",
		ReplayWindow:        2 * time.Minute,
		VersionsRead:        1,
		AlivePeriod:         24 * time.Hour,
	}, loaded)
}

func TestLoadKnowsWhatIsInTheVaultAlready(t *testing.T) {
	s := newSystem(t)
	called := s.issued()
	_, err := s.store(called)
	require.NoError(t, err)
	loaded := s.mustLoad()
	require.Equal(t, called.Provenance, loaded.Provenance)
	require.Equal(t, "USER-1", loaded.UserID)
	require.Equal(t, called.Expiry.Unix(), loaded.AccessTokenExpiry.Unix())
}

func TestLoadLeavesTheIntentRecord(t *testing.T) {
	s := newSystem(t)
	first, err := s.load(attempt{run: "run-1"})
	require.NoError(t, err)
	require.Empty(t, first.MayHaveSpent)
	tags := s.vault.All("RefreshToken")[0].Tags
	require.Equal(t, "run-1", tags["refresh-run-id"])
	started, err := time.Parse(time.RFC3339Nano, tags["refresh-started-at"])
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), started, time.Minute)
	require.Len(t, s.vault.All("RefreshToken"), 1, "tags are no version")

	again, err := s.load(attempt{run: "run-1", number: 2})
	require.NoError(t, err)
	require.Empty(t, again.MayHaveSpent, "a run does not suspect itself")

	next, err := s.load(attempt{run: "run-2"})
	require.NoError(t, err)
	require.Equal(t, []string{"run-1"}, runsOf(next))
	require.WithinDuration(t, time.Now(), next.MayHaveSpent[0].At, time.Minute)
}

// A policy may deny new versions and take changes of tags.
func TestAVaultThatTakesNoNewVersionHasNothingLoadedFromIt(t *testing.T) {
	s := newSystemWith(t, setup{unproven: true})
	s.refuse("set", "RefreshToken", vault.ErrDenied)
	_, err := s.load(attempt{})
	require.Contains(t, requireFailure(t, err, "VaultNotReady", false), "vault: set RefreshToken: access denied")
	require.Len(t, s.vault.All("RefreshToken"), 1)
}

// A provider that does not rotate never spends the token, so that every run but
// the first finds an earlier one's record.
func TestATokenThatIsNeverSpentWasNotSpentBefore(t *testing.T) {
	s := newSystem(t)
	s.vault.Put("GoogleHealth-RefreshToken", canary+"google")
	s.vault.Put("GoogleHealthCredentials", credentials)
	for _, run := range []string{"run-1", "run-2"} {
		loaded, err := perform[activities.LoadResult](s, attempt{run: run}, "LoadSecrets", activities.LoadInput{Account: token.Account{Provider: "google-health", Name: "default"}})
		require.NoError(t, err)
		require.Equal(t, "CallGoogleHealth", loaded.CallActivity)
		require.Empty(t, loaded.MayHaveSpent)
	}
}

func TestWhatAnOperatorMustMendEndsLoadForGood(t *testing.T) {
	for _, c := range []struct {
		name    string
		breaks  func(*system)
		kind    string
		mention []string
	}{
		{"no refresh token", func(s *system) { s.missing("RefreshToken") }, activities.MissingSecret, []string{"RefreshToken", "az keyvault secret set --vault-name VAULT --name RefreshToken"}},
		{"refresh token deleted", func(s *system) { s.vault.Delete("RefreshToken") }, activities.MissingSecret, []string{"az keyvault secret recover --vault-name VAULT --name RefreshToken"}},
		{"refresh token disabled", func(s *system) { s.vault.Disable("RefreshToken") }, activities.MissingSecret, []string{"RefreshToken", "disabled"}},
		{"refresh token of two words", func(s *system) { s.vault.Put("RefreshToken", canary+"one "+canary+"two") }, activities.MalformedSecret, []string{"RefreshToken", "several words"}},
		{"no credentials", func(s *system) { s.missing("FitbitCredentials") }, activities.MissingSecret, []string{"FitbitCredentials", "base64 of client_id:client_secret"}},
		{"credentials deleted", func(s *system) { s.vault.Delete("FitbitCredentials") }, activities.MissingSecret, []string{"az keyvault secret recover --vault-name VAULT --name FitbitCredentials"}},
		{"credentials in the clear", func(s *system) { s.vault.Put("FitbitCredentials", "FAKE0C:"+canary+"x") }, activities.MalformedSecret, []string{"FitbitCredentials", "in the clear"}},
		{"credentials without a colon", func(s *system) {
			s.vault.Put("FitbitCredentials", base64.StdEncoding.EncodeToString([]byte(canary)))
		}, activities.MalformedSecret, []string{"FitbitCredentials", "no colon"}},
		{"credential refused", func(s *system) { s.refuse("get", "FitbitCredentials", vault.ErrCredential) }, activities.VaultRefused, []string{"FitbitCredentials"}},
		{"request rejected", func(s *system) { s.refuse("tag", "RefreshToken", vault.ErrRejected) }, activities.VaultRefused, []string{"RefreshToken"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			c.breaks(s)
			_, err := s.load(attempt{})
			message := requireFailure(t, err, c.kind, true)
			for _, part := range c.mention {
				require.Contains(t, message, part)
			}
		})
	}
}

func TestWhatWaitingMayMendIsTriedAgain(t *testing.T) {
	for _, kind := range []error{vault.ErrDenied, vault.ErrReadOnly, vault.ErrThrottled, vault.ErrUnavailable} {
		for _, at := range []struct{ op, name string }{{"get", "FitbitCredentials"}, {"get", "RefreshToken"}, {"get", "AccessToken"}, {"tag", "RefreshToken"}} {
			t.Run(kind.Error()+" at "+at.op+" "+at.name, func(t *testing.T) {
				s := newSystem(t)
				s.refuse(at.op, at.name, kind)
				_, err := s.load(attempt{})
				message := requireFailure(t, err, "VaultNotReady", false)
				require.Contains(t, message, at.name)
				require.Contains(t, message, kind.Error())
			})
		}
	}
}

func TestNothingIsLoadedWithoutAKeysetThatOpens(t *testing.T) {
	for _, c := range []struct {
		name   string
		breaks func(*system)
		kind   string
		final  bool
	}{
		{"missing", func(s *system) { s.missing(seal.SecretName) }, activities.KeysetUnusable, true},
		{"corrupt", func(s *system) {
			s.vault.Disable(seal.SecretName)
			s.vault.Put(seal.SecretName, `{"primaryKeyId":1}`)
		}, activities.KeysetUnusable, true},
		{"deleted", func(s *system) { s.vault.Delete(seal.SecretName) }, activities.MissingSecret, true},
		{"away", func(s *system) { s.refuse("get", seal.SecretName, vault.ErrUnavailable) }, "VaultNotReady", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSystem(t)
			c.breaks(s)
			s.coldKeyring()
			_, err := s.load(attempt{})
			require.Contains(t, requireFailure(t, err, c.kind, c.final), seal.SecretName)
			require.Empty(t, s.vault.All("RefreshToken")[0].Tags, "not even the intent is recorded")
		})
	}
}

func TestAnAccountThatCannotBeMeantEndsLoadForGood(t *testing.T) {
	s := newSystem(t)
	for name, a := range map[string]token.Account{
		"unknown provider":             {Provider: "nobody", Name: "default"},
		"shares another one's secrets": {Provider: "fitbit", Name: "googlehealth-will"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, activity := range []string{"LoadSecrets", "ReadGrant", "CallFitbit", "RecoverGrant"} {
				var in any = activities.LoadResult{Account: a}
				if activity == "ReadGrant" {
					in = a
				}
				_, err := perform[any](s, attempt{asked: 11 * time.Minute}, activity, in)
				requireFailure(t, err, activities.InvalidInput, true)
			}
		})
	}
}

// While a providers file is rolled out, some workers of a queue know its providers
// before others.
func TestAProviderThatThisWorkerDoesNotKnowIsWaitedFor(t *testing.T) {
	s := newSystem(t)
	for _, name := range []string{"LoadSecrets", "ReadGrant", "CallFitbit", "RecoverGrant"} {
		t.Run(name, func(t *testing.T) {
			unknown := token.Account{Provider: "brand-new", Name: "default"}
			var in any = activities.LoadResult{Account: unknown}
			if name == "ReadGrant" {
				in = unknown
			}
			_, err := perform[any](s, attempt{asked: 9 * time.Minute}, name, in)
			require.Contains(t, requireFailure(t, err, "ProviderUnknown", false), `provider "brand-new" is not known`)
			_, err = perform[any](s, attempt{asked: 11 * time.Minute}, name, in)
			requireFailure(t, err, activities.InvalidInput, true)
		})
	}
	_, err := perform[any](s, attempt{}, "LoadSecrets", activities.LoadInput{Account: token.Account{Provider: "No Name", Name: "default"}})
	requireFailure(t, err, activities.InvalidInput, true)
}

// runsOf names the runs that may have spent a grant.
func runsOf(loaded activities.LoadResult) (ids []string) {
	for _, intent := range loaded.MayHaveSpent {
		ids = append(ids, intent.RunID)
	}
	return ids
}

func (s *system) readGrant() (activities.LoadResult, error) {
	return perform[activities.LoadResult](s, attempt{run: "run-now"}, "ReadGrant", account)
}

func TestReadingAGrantLeavesTheIntentRecordAlone(t *testing.T) {
	s := newSystem(t)
	for _, run := range []string{"run-1", "run-2"} {
		_, err := s.load(attempt{run: run})
		require.NoError(t, err)
	}
	before := maps.Clone(s.vault.All("RefreshToken")[0].Tags)
	held, err := s.readGrant()
	require.NoError(t, err)
	require.Equal(t, []string{"run-1", "run-2"}, runsOf(held))
	require.NotZero(t, held.MayHaveSpent[1].At)
	require.Equal(t, "CallFitbit", held.CallActivity)
	require.Empty(t, held.Grant)
	require.Equal(t, before, s.vault.All("RefreshToken")[0].Tags)
}

func TestAGrantIsReadWithoutWhatOnlyARefreshNeeds(t *testing.T) {
	s := newSystem(t)
	s.missing("FitbitCredentials")
	s.missing(seal.SecretName)
	s.refuse("tag", "RefreshToken", vault.ErrReadOnly)
	s.coldKeyring()
	held, err := s.readGrant()
	require.NoError(t, err)
	require.Empty(t, held.MayHaveSpent)
}

func TestAGrantThatCannotBeReadSaysWhy(t *testing.T) {
	s := newSystem(t)
	s.missing("RefreshToken")
	_, err := s.readGrant()
	require.Contains(t, requireFailure(t, err, activities.MissingSecret, true), "az keyvault secret set --vault-name VAULT --name RefreshToken")
}
