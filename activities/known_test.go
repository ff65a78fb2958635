package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

func TestTemporalKnowsBetterOnlyByALaterGeneration(t *testing.T) {
	known := Known{Generation: 5, Fingerprint: "f5"}
	require.True(t, isOlder(4, known))
	require.False(t, isOlder(5, known))
	require.False(t, isOlder(6, known))
	require.False(t, isOlder(0, Known{}))
}

func TestWhenALoadLooksAtClosedRuns(t *testing.T) {
	last := Known{Generation: 5, Fingerprint: "f5"}
	const tagged = true
	for _, c := range []struct {
		name   string
		reuse  provider.Reuse
		held   token.Fingerprint
		known  Known
		tagged bool
		want   bool
	}{
		{"a cron goes on", provider.RevokesGrant, "f5", last, tagged, false},
		{"a run came between", provider.RevokesGrant, "f6", last, tagged, true},
		{"a run came between, a reuse costs nothing", provider.Refused, "f6", last, tagged, false},
		{"a run came between, what a reuse does is unknown", "", "f6", last, tagged, false},
		{"no last result", provider.Harmless, "f5", Known{}, tagged, true},
		{"a consent outranks everything", provider.RevokesGrant, "f6", Known{}, !tagged, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			loaded := LoadResult{Reuse: c.reuse, Provenance: token.Provenance{Fingerprint: c.held}}
			require.Equal(t, c.want, needsClosedRuns(loaded, c.tagged, c.known))
			loaded.Behind = true
			require.False(t, needsClosedRuns(loaded, c.tagged, c.known), "it is known already")
			loaded.Behind, loaded.NonRotating = false, true
			require.False(t, needsClosedRuns(loaded, c.tagged, c.known), "nothing is ever spent")
		})
	}
}

func TestDescends(t *testing.T) {
	account := token.Account{Provider: "fitbit", Name: "will"}
	lost := LoadResult{Account: account, UserID: "USER-1", ObtainedAt: noon, Provenance: token.Provenance{Generation: 4, Fingerprint: "f4", Parent: "f3", Consent: "f0"}}
	good := RefreshResult{Account: account, Rotated: true, Provenance: token.Provenance{Generation: 5, Fingerprint: "f5", Parent: "f4", Consent: "f0"}}
	good.UserID, good.ObtainedAt = "USER-1", noon.Add(time.Hour)
	otherConsent := func(r *RefreshResult) {
		r.Provenance = token.Provenance{Generation: 7, Fingerprint: "e7", Parent: "e6", Consent: "e6"}
	}
	for _, c := range []struct {
		name   string
		change func(*RefreshResult, *LoadResult)
		want   bool
	}{
		{"its child", func(*RefreshResult, *LoadResult) {}, true},
		{"a later one of its line", func(r *RefreshResult, _ *LoadResult) { r.Provenance.Generation, r.Provenance.Parent = 9, "f8" }, true},
		{"an earlier one of its line", func(r *RefreshResult, _ *LoadResult) { r.Provenance.Generation, r.Provenance.Parent = 4, "f8" }, false},
		{"of a later consent", func(r *RefreshResult, _ *LoadResult) { otherConsent(r) }, true},
		{"of a consent that ended before", func(r *RefreshResult, _ *LoadResult) { otherConsent(r); r.ObtainedAt = ago(time.Hour) }, false},
		{"of another consent, since when is unknown", func(r *RefreshResult, l *LoadResult) { otherConsent(r); l.ObtainedAt = time.Time{} }, false},
		{"of another consent, until when is unknown", func(r *RefreshResult, _ *LoadResult) { otherConsent(r); r.ObtainedAt = time.Time{} }, false},
		{"of another consent and generation 4", func(r *RefreshResult, _ *LoadResult) { otherConsent(r); r.Provenance.Generation = 4 }, false},
		{"another user's", func(r *RefreshResult, _ *LoadResult) { r.UserID = "USER-2" }, false},
		{"another account's", func(r *RefreshResult, _ *LoadResult) { r.Account.Name = "anna" }, false},
		{"not a new token", func(r *RefreshResult, _ *LoadResult) { r.Rotated = false }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			issued, from := good, lost
			c.change(&issued, &from)
			require.Equal(t, c.want, Descends(issued, from))
			require.Equal(t, c.want, namesLater(history{issued: []RefreshResult{issued}}, from, from.ObtainedAt))
		})
	}
}

func TestOnlyAResultOfTheAccountNamesALaterToken(t *testing.T) {
	loaded := LoadResult{Account: token.Account{Provider: "fitbit", Name: "will"}, Provenance: token.Provenance{Generation: 4}}
	good := runResult{Account: "will", Provider: "fitbit", Generation: 5, Fingerprint: "f5"}
	for name, c := range map[string]struct {
		change func(*runResult)
		want   bool
	}{
		"a later one":      {func(*runResult) {}, true},
		"the loaded one":   {func(r *runResult) { r.Generation = 4 }, false},
		"another account":  {func(r *runResult) { r.Account = "anna" }, false},
		"another provider": {func(r *runResult) { r.Provider = "xero" }, false},
		"no token":         {func(r *runResult) { r.Fingerprint = "" }, false},
	} {
		t.Run(name, func(t *testing.T) {
			result := good
			c.change(&result)
			h := history{result: result, closed: noon}
			require.Equal(t, c.want, namesLater(h, loaded, ago(time.Hour)))
			require.Equal(t, c.want, namesLater(h, loaded, time.Time{}), "an unknown time proves nothing")
			require.False(t, namesLater(h, loaded, noon.Add(time.Hour)), "the vault's token is newer than the result")
		})
	}
}

func TestMaySpend(t *testing.T) {
	at := func(of token.Fingerprint, attempt int32, after time.Duration, failure string) *pastCall {
		c := &pastCall{of: of, attempt: attempt, scheduled: noon, failure: failure}
		if after > 0 {
			c.ended = noon.Add(after)
		}
		return c
	}
	const running = true
	for _, c := range []struct {
		name    string
		call    *pastCall
		running bool
		want    bool
	}{
		{"no call", nil, !running, false},
		{"no call yet", nil, running, true},
		{"a call of another token", at("f9", 1, time.Second, ""), !running, false},
		{"a call that returned or was lost", at("f4", 1, time.Second, ""), !running, true},
		{"a call of an unknown token", at("", 1, time.Second, ""), !running, true},
		{"one that never ended", at("f4", 0, 0, ""), !running, true},
		{"a client that was refused", at("f4", 1, time.Second, InvalidClient), !running, false},
		{"a grant that is probably dead", at("f4", 1, time.Second, ProbablyDead), !running, true},
		{"an API that has ended, by a gateway's word", at("f4", 1, time.Second, ProviderRetired), !running, true},
		{"loaded before a reset", at("f4", 1, time.Second, GrantOutdated), !running, false},
		{"a client that was refused the second time", at("f4", 2, time.Second, InvalidClient), !running, true},
		{"a client that was refused after a long time", at("f4", 1, time.Minute, InvalidClient), !running, true},
		{"a dead grant, which a gateway's own retry may have spent", at("f4", 1, time.Second, InvalidGrant), !running, true},
		{"an answer that cannot be used", at("f4", 1, time.Second, AnswerLost), !running, true},
		{"failed by hand", at("f4", 1, time.Second, ""), !running, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h history
			if c.call != nil {
				h.calls = []*pastCall{c.call}
			}
			require.Equal(t, c.want, h.maySpend("f4", c.running))
		})
	}
}

func TestTheFirstAndTheLastRequestOfARun(t *testing.T) {
	call := func(of token.Fingerprint, ended time.Time, failure string) *pastCall {
		return &pastCall{of: of, attempt: 1, scheduled: ago(time.Hour), ended: ended, failure: failure}
	}
	unended := time.Time{}
	for _, c := range []struct {
		name   string
		calls  []*pastCall
		closed time.Time
		want   time.Time
	}{
		{"no call", nil, ago(time.Minute), time.Time{}},
		{"a call that has ended", []*pastCall{call("f4", ago(2*time.Minute), "")}, ago(time.Minute), ago(2 * time.Minute)},
		{"a call that was pending when the run was closed", []*pastCall{call("f4", unended, "")}, ago(time.Minute), ago(time.Minute)},
		{"a call that is pending", []*pastCall{call("f4", unended, "")}, time.Time{}, noon},
		{"a call of an unknown token", []*pastCall{call("", unended, "")}, time.Time{}, noon},
		{"a call of another token", []*pastCall{call("f9", unended, "")}, time.Time{}, time.Time{}},
		{"a call that has spent nothing", []*pastCall{call("f4", ago(time.Hour-time.Second), InvalidClient)}, time.Time{}, time.Time{}},
		{"the last one of several", []*pastCall{call("f4", ago(30*time.Minute), ""), call("f4", ago(3*time.Minute), ""), call("f9", ago(time.Minute), "")}, time.Time{}, ago(3 * time.Minute)},
	} {
		t.Run(c.name, func(t *testing.T) {
			first, last := history{calls: c.calls, closed: c.closed}.requests("f4", noon)
			require.Equal(t, c.want, last)
			require.Equal(t, last.IsZero(), first.IsZero())
			if !first.IsZero() {
				require.Equal(t, ago(time.Hour), first, "its call's begin")
			}
		})
	}
}

func TestTheStateOfARunOnTheRecord(t *testing.T) {
	const running = true
	pending, over := &pastCall{}, &pastCall{ended: noon}
	for _, c := range []struct {
		name    string
		running bool
		calls   []*pastCall
		last    string
		want    CallerState
	}{
		{"it has begun", running, nil, "", Loading},
		{"it loads", running, nil, "LoadSecrets", Loading},
		{"it searches", running, nil, "RecoverGrant", Searching},
		{"it calls", running, []*pastCall{pending}, "CallFitbit", Calling},
		{"it calls again", running, []*pastCall{over, pending}, "CallFitbit", Calling},
		{"it has called", running, []*pastCall{over}, "CallFitbit", Called},
		{"it stores", running, []*pastCall{over}, "StoreSecrets", Called},
		{"it searches after a call", running, []*pastCall{over}, "RecoverGrant", Searching},
		{"it loads again", running, []*pastCall{over}, "LoadSecrets", Loading},
		{"it is over", !running, []*pastCall{pending}, "CallFitbit", Closed},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := history{calls: c.calls, last: c.last}
			if !c.running {
				h.closed = noon
			}
			require.Equal(t, c.want, h.state("CallFitbit"))
		})
	}
}

func TestAnEnvelopeIsBoundToTheNamesThatItsTokensGoTo(t *testing.T) {
	account := token.Account{Provider: "fitbit", Name: "will"}
	p := token.Provenance{Generation: 4, Fingerprint: "f4"}
	b := binding(pairKind, account, p, vault.Names{RefreshToken: "will-RefreshToken", AccessToken: "will-AccessToken"})
	require.Equal(t, seal.Binding{Kind: "pair", Account: account, Provenance: p, Names: []string{"will-RefreshToken", "will-AccessToken"}}, b)
}
