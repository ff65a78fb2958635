package probe_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/probe"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/token"
)

// clock is a clock that only moves when it is waited for, or asked.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func (c *clock) Sleep(_ context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return nil
}

// simulated measures a simulated provider with the product's own entry, as far as its
// endpoints and its dialect go, on a clock of its own.
func simulated(t *testing.T, o authserver.Options, entry provider.Provider) (probe.Runner, *authserver.Server) {
	t.Helper()
	ticks := &clock{now: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	o.Now, o.TokenPrefix = ticks.Now, "canary-token-7h3x-"
	server, err := authserver.Start(o)
	require.NoError(t, err)
	t.Cleanup(server.Close)
	entry.TokenURL = server.URL() + o.Provider.TokenPath
	if entry.RevokeURL != "" {
		entry.RevokeURL = server.URL() + o.Provider.RevokePath
	}
	client := token.Client{ID: server.Client().ID, Secret: server.Client().Secret}
	return probe.Runner{
		Presenter: probe.NewPresenter(entry, client, nil, ticks.Now),
		Revokes:   entry.RevokeURL != "",
		Alive: func(_ context.Context, access token.Secret) (bool, error) {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL()+"/1/user/-/profile.json", nil)
			if err != nil {
				return false, err
			}
			request.Header.Set("Authorization", "Bearer "+access.Reveal())
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				return false, err
			}
			return answer.StatusCode == http.StatusOK, answer.Body.Close()
		},
		Uses:  true,
		Allow: func(context.Context, probe.Step) (bool, error) { return true, nil },
		Say:   func(format string, args ...any) { t.Logf(format, args...) },
		Now:   ticks.Now, Sleep: ticks.Sleep, MaxWait: 12 * time.Hour,
	}, server
}

// Every simulator is written from its provider's reference and knows nothing of the table.
// What is measured of it must be what the table says, where the table says anything.
func TestTheRowOfEverySimulatorIsTheBuiltInOne(t *testing.T) {
	for _, simulator := range authserver.Providers() {
		t.Run(simulator.Name, func(t *testing.T) {
			want, err := provider.Builtin().Lookup(simulator.Name)
			require.NoError(t, err)
			runner, server := simulated(t, authserver.Options{Provider: simulator}, want)
			refresh, _ := server.CreateGrant("FAKE01")
			found, err := runner.Run(t.Context(), token.NewSecret(refresh))
			if simulator.Name == "wahoo" {
				require.ErrorContains(t, err, "the refresh token in force is not taken", "it allows ten tokens that are not revoked, which a measurement exceeds")
			} else {
				require.NoError(t, err)
			}
			row := found.Row(want, true)
			t.Log("\n" + row)
			require.NotContains(t, row, "canary-token", "no secret in a row")

			compareRow(t, row, want, found)
		})
	}
}

// compareRow wants a row, merged over an entry that states none of what can be measured, to
// be the entry.
func compareRow(t *testing.T, row string, want provider.Provider, found probe.Findings) {
	t.Helper()
	measured, err := provider.Builtin().Override([]byte(row), "row.yaml")
	require.NoError(t, err, "a row is valid in the providers file")
	got, err := measured.Lookup(want.Name)
	require.NoError(t, err)
	if found.Rotations == 0 { // what does not rotate in a minute may rotate in a day, or for other apps
		require.NotEqual(t, provider.SingleUse, want.Rotation)
		require.NotEqual(t, provider.SingleUse, got.Rotation)
	} else {
		require.Equal(t, want.Rotation, got.Rotation)
	}
	require.Equal(t, want.AccessTokenLifetime, got.AccessTokenLifetime.Round(time.Minute))
	requireWindow(t, want.ReplayWindow, found)
	if want.Rotation == provider.SingleUse {
		require.Equal(t, want.RepeatPause, found.Pause)
	}
	if want.Reuse != "" && found.Rotations > 0 {
		require.Equal(t, want.Reuse, found.Reuse)
	}
	if want.ReplayWindow > 0 && found.EndsOnUse != "" && want.ReplayEndsOnUse {
		require.True(t, found.EndsOnUse == probe.Yes || found.EndsOnRefresh == probe.Yes)
	} else if want.ReplayWindow > 0 {
		require.NotEqual(t, probe.Yes, found.EndsOnUse)
	}
	if found.EndsAccess != "" && want.Name != "wahoo" { // whose simulator does not end the old access token with the first use of the new one
		require.Equal(t, want.EndsAccessToken, found.EndsAccess == probe.Yes)
	}
	if want.RefreshLifetimeField != "" {
		require.Equal(t, want.RefreshLifetimeField, got.RefreshLifetimeField)
		require.Contains(t, row, "refresh_lifetime_field: "+want.RefreshLifetimeField)
	}
	for _, dead := range found.Dead {
		if strings.Contains(dead.Of, "never") {
			continue
		}
		require.True(t, dead.Understood || dead.Guessed, "the entry knows the provider's words for a dead grant: %+v", dead)
	}
}

// requireWindow wants a window to be within what was measured, and that within a tenth of it.
func requireWindow(t *testing.T, want time.Duration, found probe.Findings) {
	t.Helper()
	switch {
	case want == 0:
		require.Zero(t, found.AtLeast)
	case found.LessThan == 0: // the table may state less than a provider that sets no end
		require.LessOrEqual(t, want, found.AtLeast)
	default:
		require.LessOrEqual(t, found.AtLeast, want)
		require.GreaterOrEqual(t, found.LessThan, want)
		require.InEpsilon(t, want, found.AtLeast, 0.25)
	}
}

// The behaviours that no built-in provider has at present.
func TestWhatIsMeasuredIsWhatTheProviderDoes(t *testing.T) {
	for name, c := range map[string]struct {
		options authserver.Options
		want    func(*testing.T, probe.Findings)
	}{
		"a reuse revokes, no replay": {authserver.Options{ReplayWindow: authserver.NoReplay, ReuseRevokes: true}, func(t *testing.T, f probe.Findings) {
			require.Equal(t, probe.Never, f.Repeats)
			require.Equal(t, provider.RevokesGrant, f.Reuse)
			require.Len(t, f.Dead, 1, "in the same words")
			require.Equal(t, "a spent token, and to a grant that the reuse ended", f.Dead[0].Of)
		}},
		"a reuse revokes, after a replay": {authserver.Options{ReplayWindow: 40 * time.Second, ReuseRevokes: true}, func(t *testing.T, f probe.Findings) {
			require.Equal(t, probe.Same, f.Repeats)
			requireWindow(t, 40*time.Second, f)
			require.Equal(t, provider.RevokesGrant, f.Reuse)
			require.Empty(t, f.EndsOnUse, "the grant is over by then")
		}},
		"a reuse is refused, no replay": {authserver.Options{ReplayWindow: authserver.NoReplay}, func(t *testing.T, f probe.Findings) {
			require.Equal(t, probe.Never, f.Repeats)
			require.Equal(t, provider.Refused, f.Reuse)
		}},
		"a window, narrowed down": {authserver.Options{ReplayWindow: 100 * time.Second}, func(t *testing.T, f probe.Findings) {
			requireWindow(t, 100*time.Second, f)
			require.Less(t, f.LessThan-f.AtLeast, 10*time.Second)
			require.Equal(t, probe.Yes, f.EndsOnUse)
			require.Equal(t, provider.Refused, f.Reuse)
		}},
		"a least pause": {authserver.Options{ReplayWindow: 10 * time.Minute, RepeatPause: 10 * time.Second}, func(t *testing.T, f probe.Findings) {
			require.Equal(t, 16*time.Second, f.Pause, "the provider does not state it")
			require.False(t, f.PauseStated)
			requireWindow(t, 10*time.Minute, f)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			c.options.Provider = authserver.Fitbit()
			entry, err := provider.Builtin().Lookup("fitbit")
			require.NoError(t, err)
			runner, server := simulated(t, c.options, entry)
			refresh, _ := server.CreateGrant("FAKE01")
			found, err := runner.Run(t.Context(), token.NewSecret(refresh))
			require.NoError(t, err)
			t.Log("\n" + found.Row(entry, true))
			c.want(t, found)
		})
	}
}

func TestTheWaitForTheEndOfAWindowIsBounded(t *testing.T) {
	entry, err := provider.Builtin().Lookup("withings")
	require.NoError(t, err)
	runner, server := simulated(t, authserver.Options{Provider: authserver.Withings()}, entry)
	runner.MaxWait = 5 * time.Minute
	refresh, _ := server.CreateGrant("FAKE01")
	found, err := runner.Run(t.Context(), token.NewSecret(refresh))
	require.NoError(t, err)
	require.Equal(t, 5*time.Minute, found.AtLeast.Round(time.Second))
	require.Zero(t, found.LessThan)
	require.Contains(t, found.Row(entry, true), "the end was not seen, so it lasts at least 5m")
	require.Equal(t, provider.Refused, found.Reuse, "measured after the successor was used")
}

func TestAStepThatIsNotAllowedIsNotTaken(t *testing.T) {
	entry, err := provider.Builtin().Lookup("fitbit")
	require.NoError(t, err)
	runner, server := simulated(t, authserver.Options{Provider: authserver.Fitbit(), ReuseRevokes: true, ReplayWindow: authserver.NoReplay}, entry)
	runner.Allow = func(_ context.Context, s probe.Step) (bool, error) { return s == probe.StepRefresh, nil }
	refresh, _ := server.CreateGrant("FAKE01")
	found, err := runner.Run(t.Context(), token.NewSecret(refresh))
	require.NoError(t, err)
	require.Equal(t, 2, found.Rotations)
	require.Empty(t, found.Repeats)
	require.Empty(t, found.Reuse)
	require.Zero(t, server.Stats().Total.Reuses, "a spent token was presented")
	require.Contains(t, found.Row(entry, true), "not measured, because it was not allowed: revoke the grant")
	require.Len(t, found.Dead, 1, "of a token that was never issued, which costs nothing")
}

func TestTheRowOfANewProviderIsComplete(t *testing.T) {
	entry := provider.Provider{Name: "example-health", Title: "Example: \"Health\"", Dialect: provider.RFC6749, AuthStyle: provider.AuthBody,
		AuthURL: "https://auth.example.com/authorize", TokenURL: "https://auth.example.com/token", Rotation: provider.SingleUse,
		ReplayWindow: time.Minute, AccessTokenLifetime: time.Hour}
	row := probe.Findings{At: time.Now()}.Row(entry, false)
	table, err := provider.Builtin().Override([]byte(row), "row.yaml")
	require.NoError(t, err, row)
	got, err := table.Lookup("example-health")
	require.NoError(t, err)
	require.Equal(t, entry.TokenURL, got.TokenURL)
	require.Equal(t, time.Minute, got.ReplayWindow)
	require.Equal(t, 3, strings.Count(row, "# not measured"), row)
}

func TestADurationIsWrittenWithoutTrailingZeros(t *testing.T) {
	for d, want := range map[time.Duration]string{
		6 * time.Hour: "6h", 90 * time.Minute: "1h30m", 10 * time.Second: "10s", time.Minute: "1m", 0: "0s",
		time.Hour + 5*time.Second: "1h0m5s",
	} {
		require.Equal(t, want, probe.Brief(d))
	}
}

func ExampleFindings_Row() {
	f := probe.Findings{
		At: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), Refreshes: 2, Rotations: 2,
		Repeats: probe.Same, AtLeast: 118 * time.Second, LessThan: 124 * time.Second, EndsOnUse: probe.Yes, Reuse: provider.Refused,
	}
	fmt.Print(f.Row(provider.Provider{Name: "example", TokenURL: "https://auth.example.com/token"}, true))
	// Output:
	// # Measured by starter probe on 2026-11-26 (UTC) at https://auth.example.com/token, with one grant.
	// providers:
	//   example:
	//     # 2 refreshes gave 2 new refresh tokens.
	//     rotation: single-use
	//     # A spent token was answered with the same tokens; still after 1m58s, and no longer after 2m4s.
	//     replay_window: 1m58s
	//     # After the access token issued for it was used, a spent token was refused.
	//     replay_ends_on_use: true
	//     # After a reuse was refused, the newest token still worked.
	//     reuse: refused
}
