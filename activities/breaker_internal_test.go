package activities

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

// told is what a breaker has seen: each letter is a call of an account of its own that fails
// (f), is rate limited (l), is answered (a) or says nothing (u). A capital one is of the
// account before.
func told(b *breaker, calls string, wait time.Duration, now time.Time) (changes int) {
	last := ""
	for i, letter := range calls {
		account := fmt.Sprint(now.UnixNano(), i)
		o := map[rune]outcome{'f': away, 'F': away, 'l': limited, 'L': limited, 'a': answered, 'u': unknown}[letter]
		if letter < 'a' {
			account = last
		}
		if last = account; b.end(free, account, o, wait, now) {
			changes++
		}
	}
	return changes
}

func TestABreakerOpensForManyAccountsInARow(t *testing.T) {
	for name, c := range map[string]struct {
		calls string
		want  breakerState
	}{
		"nothing yet":                       {"", closed},
		"a few":                             {"ffff", closed},
		"five":                              {"fffff", open},
		"one account's own trouble":         {"fFFFFFFFFF", closed},
		"one answer between":                {"ffffaffff", closed},
		"what says nothing changes nothing": {"ffuffuf", open},
		"too many calls, says the provider": {"lll", open},
		"too many calls of one user":        {"lLLLLL", closed},
		"both":                              {"ffll", closed},
	} {
		t.Run(name, func(t *testing.T) {
			b := &breaker{}
			changes := told(b, c.calls, 0, noon)
			require.Equal(t, c.want, b.state)
			require.Equal(t, c.want == open, changes == 1, "told once")
		})
	}
}

func TestAnOpenBreakerLetsOneProbeThroughAtATime(t *testing.T) {
	b := &breaker{}
	told(b, "fffff", 0, noon)
	_, again, ok := b.admit(noon)
	require.False(t, ok)
	require.GreaterOrEqual(t, again, shortestAway)

	now := noon
	for n := range 12 {
		for end := now.Add(2 * lastProbe); ; now = now.Add(100 * time.Millisecond) {
			if p, _, ok := b.admit(now); ok {
				require.Equal(t, probe, p)
				break
			}
			require.True(t, now.Before(end), "probe %d comes", n)
		}
		_, _, ok := b.admit(now)
		require.False(t, ok, "one at a time")
		b.end(probe, "prober", away, 0, now)
		_, _, ok = b.admit(now)
		require.False(t, ok, "and not at once after it")
	}
	require.Greater(t, now.Sub(noon), 5*time.Minute, "ever rarer")
	_, again, _ = b.admit(now)
	require.Greater(t, again, 5*time.Minute, "and the others wait the longer")
	_, again, _ = b.admit(noon.Add(24 * time.Hour).Add(-time.Second))
	require.LessOrEqual(t, again, longestAway+lastProbe)
}

// At a provider that repeats lost answers, an account that has asked asks on: a probe that
// fails would make one more of them each minute.
func TestFewProbesAreNeededWhereManyAccountsAskUrgently(t *testing.T) {
	b := &breaker{}
	told(b, "fffff", 0, noon)
	now := noon
	urgently := func(accounts int) {
		for i := range accounts {
			b.end(exempt, fmt.Sprint("urgent-", i), away, 0, now)
		}
	}
	probes := 0
	for range 120 {
		now = now.Add(30 * time.Second)
		urgently(opensAfter)
		if p, again, ok := b.admit(now); ok {
			probes++ // of those that ask urgently all may have the same trouble of their own
			b.end(p, "prober", away, 0, now)
		} else {
			require.Positive(t, again)
		}
	}
	require.Equal(t, 6, probes, "in an hour")
	now = now.Add(30 * time.Second)
	urgently(opensAfter - 1) // which may be their own trouble
	now = now.Add(asksOn - 20*time.Second)
	urgently(opensAfter - 1)
	p, _, ok := b.admit(now)
	require.True(t, ok)
	require.Equal(t, probe, p)
	b.end(p, "prober", answered, 0, now)
	require.Equal(t, ramping, b.state)

	told(b, "ff", 0, now) // away again: what was asked before it came back counts no more
	require.Equal(t, open, b.state)
	_, _, ok = b.admit(now.Add(lastProbe))
	require.True(t, ok)
}

func TestOthersAreAskedNowAndThenWhateverThoseThatAskUrgentlyAreTold(t *testing.T) {
	for name, c := range map[string]struct {
		accounts int
		probe    outcome
		least    int
	}{
		"one is told to wait longer than it does": {1, away, 10},
		"five are": {5, away, 10},
		"each probe sends nothing, and five asked": {5, unknown, 60},
	} {
		b := &breaker{}
		told(b, "fffff", 0, noon)
		probes := 0
		for now := noon; now.Before(noon.Add(2 * time.Hour)); now = now.Add(30 * time.Second) {
			for i := range c.accounts {
				b.end(exempt, fmt.Sprint("urgent-", i), away, time.Minute, now)
			}
			if p, _, ok := b.admit(now); ok {
				probes++
				b.end(p, "prober", c.probe, 0, now)
			}
		}
		require.GreaterOrEqual(t, probes, c.least, name)
	}
}

// Twenty accounts whose window is open have trouble of their own when the provider is back.
func TestARampGoesOnWhereAFewAskInVain(t *testing.T) {
	b := &breaker{}
	told(b, "fffffa", 0, noon)
	for i := range 20 {
		require.False(t, b.end(exempt, fmt.Sprint("sick-", i), away, 0, noon))
	}
	require.Equal(t, ramping, b.state)
	p, _, ok := b.admit(noon)
	require.True(t, ok)
	require.Equal(t, slow, p)
}

// They were let through before it opened, and are no one's who asks on.
func TestCallsInFlightAsItOpensStandForNoProbe(t *testing.T) {
	b := &breaker{}
	told(b, "ffffffffffffffffffffffffff", 0, noon)
	require.Equal(t, open, b.state)
	p, _, ok := b.admit(noon.Add(firstProbe))
	require.True(t, ok)
	require.Equal(t, probe, p)
}

func TestAProbeThatSendsNothingMakesRoomForAnother(t *testing.T) {
	b := &breaker{}
	told(b, "fffff", 0, noon)
	later := noon.Add(time.Minute)
	p, _, ok := b.admit(later)
	require.True(t, ok)
	b.end(p, "prober", unknown, 0, later)
	_, _, ok = b.admit(later)
	require.False(t, ok)
	_, _, ok = b.admit(later.Add(firstProbe))
	require.True(t, ok)
}

func TestARetryAfterCountsForTheWholeProvider(t *testing.T) {
	b := &breaker{}
	told(b, "lll", 20*time.Minute, noon)
	_, again, ok := b.admit(noon.Add(19 * time.Minute))
	require.False(t, ok)
	require.Greater(t, again, time.Minute)
	_, again, _ = b.admit(noon)
	require.Greater(t, again, 20*time.Minute)
	_, _, ok = b.admit(noon.Add(20 * time.Minute))
	require.True(t, ok)

	b = &breaker{}
	told(b, "la", time.Hour, noon) // one user's limit, and others are answered
	told(b, "fffff", 0, noon)
	_, _, ok = b.admit(noon.Add(time.Minute))
	require.True(t, ok)

	b = &breaker{}
	told(b, "l", 6*time.Hour, noon) // the same, and nobody is answered in between
	told(b, "fffff", 0, noon)
	require.Equal(t, open, b.state)
	p, _, ok := b.admit(noon.Add(time.Minute))
	require.True(t, ok)
	b.end(p, "prober", limited, 6*time.Hour, noon.Add(time.Minute))
	_, _, ok = b.admit(noon.Add(11 * time.Minute))
	require.True(t, ok, "another account is asked for")
}

func TestAfterTheFirstAnswerTheCallsComeBackByAndBy(t *testing.T) {
	b := &breaker{}
	told(b, "fffff", 0, noon)
	later := noon.Add(time.Minute)
	p, _, ok := b.admit(later)
	require.True(t, ok)
	require.True(t, b.end(p, "prober", answered, 0, later), "it is told that the provider is back")
	for _, most := range []int{1, 2, 4, 8, 16} {
		var passes []pass
		for len(passes) <= most {
			p, again, ok := b.admit(later)
			if !ok {
				require.Equal(t, shortestAway, again)
				break
			}
			passes = append(passes, p)
		}
		require.Len(t, passes, most)
		for _, p := range passes {
			require.False(t, b.end(p, "any", answered, 0, later))
		}
	}
	require.Equal(t, closed, b.state)
	for range 1000 {
		_, _, ok := b.admit(later)
		require.True(t, ok)
	}
}

func TestAProviderThatFailsAgainWhileItComesBackIsLeftAlone(t *testing.T) {
	b := &breaker{}
	told(b, "fffff", 0, noon)
	later := noon.Add(time.Hour)
	told(b, "a", 0, later) // an urgent call found out
	require.Equal(t, ramping, b.state)
	require.Equal(t, 1, told(b, "ff", 0, later))
	require.Equal(t, open, b.state)
	_, again, _ := b.admit(later)
	require.GreaterOrEqual(t, again, longestAway, "it has been away for an hour")
}

func TestAFewAccountsDoNotRampForEver(t *testing.T) {
	b := &breaker{}
	told(b, "fffffa", 0, noon)
	b.admit(noon)
	_, _, ok := b.admit(noon)
	require.False(t, ok)
	_, _, ok = b.admit(noon.Add(rampTime + time.Second))
	require.True(t, ok)
	require.Equal(t, closed, b.state)
}

// Its accounts would be told one a minute, and the others that it is away.
func TestAProviderThatComesBackToRefuseEachRequestIsNotAway(t *testing.T) {
	b := &breaker{}
	for n := range opensAfter {
		b.end(free, fmt.Sprint("account", n), away, 0, noon)
	}
	require.Equal(t, open, b.state)
	later := noon.Add(time.Hour)
	p, _, ok := b.admit(later)
	require.True(t, ok)
	retired, _, _ := outcomeOf(&provider.Failure{Kind: provider.ProviderRetired})
	require.True(t, b.end(p, "prober", retired, 0, later))
	require.Equal(t, ramping, b.state)
}

func TestWhatAnAnswerSaysOfItsProvider(t *testing.T) {
	failure := func(k provider.Kind) error { return &provider.Failure{Kind: k, Status: 503, RetryAfter: time.Minute} }
	for _, c := range []struct {
		err  error
		want outcome
	}{
		{nil, answered},
		{failure(provider.Unreachable), away},
		{failure(provider.Unavailable), away},
		{failure(provider.RateLimited), limited},
		{failure(provider.InvalidGrant), answered},
		{failure(provider.InvalidClient), answered},
		{failure(provider.RequestRejected), answered},
		{failure(provider.ProviderRetired), answered},
		{failure(provider.Unexpected), unknown},
		{failure(provider.Malformed), unknown},
		{errNothingSent, unknown},
		{errors.New("the connection"), away},
	} {
		got, wait, _ := outcomeOf(c.err)
		require.Equal(t, c.want, got, c.err)
		require.Equal(t, got == limited || got == away && wait > 0, wait == time.Minute)
	}
}
