package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/workflows"
)

// moving is an account whose tokens move from one vault to another.
type moving struct {
	mover
	t        *testing.T
	out      quietWriter
	account  target
	from, to *memvault.Vault
	onStore  func() // comes before the first store in the other vault
}

// newMoving has the token RT57 in the old vault, and the app's client in both.
func newMoving(t *testing.T, namespace, account string) *moving {
	t.Helper()
	m := &moving{t: t, from: &memvault.Vault{}, to: &memvault.Vault{}}
	app := appIn(t, namespace, &m.out)
	var err error
	m.account, err = newTarget(app.providers, "fitbit", account, "")
	require.NoError(t, err)
	m.from.Put(m.account.Names.RefreshToken, "RT57-refresh-token")
	for _, v := range []*memvault.Vault{m.from, m.to} {
		v.Put("FitbitCredentials", "RkFLRTBDOmZha2UtY2xpZW50LXNlY3JldA==")
	}
	m.mover = mover{temporalApp: app, to: moveOptions{queue: "shard-2", toVault: "other"}, vaults: &twoVaults{
		from: consent.Service{Vault: vault.New(m.from)}, to: consent.Service{Vault: vault.New(storing{m.to, m})}, toURL: "other", pace: newPace(),
	}}
	return m
}

// storing is the other vault, where something happens while tokens are copied.
type storing struct {
	*memvault.Vault
	m *moving
}

func (s storing) Set(ctx context.Context, name string, value token.Secret, p vault.Properties) (vault.Properties, error) {
	if happens := s.m.onStore; happens != nil {
		s.m.onStore = nil
		happens()
	}
	return s.Vault.Set(ctx, name, value, p)
}

// spend stores what a run on the old queue is issued for the token in the old vault.
func (m *moving) spend(issued string) {
	m.t.Helper()
	v := vault.New(m.from)
	held, _, err := v.Load(m.t.Context(), m.account.Names, 0)
	require.NoError(m.t, err)
	pair := token.Pair{RefreshToken: token.NewSecret(issued), AccessToken: token.NewSecret(issued + "-access")}
	pair.ObtainedAt, pair.Expiry = time.Now(), time.Now().Add(8*time.Hour)
	_, err = v.Store(m.t.Context(), m.account.Names, vault.Entry{Account: m.account.Account, Pair: pair, Provenance: held.Next(pair.RefreshToken.Fingerprint())}, vault.Run{RunID: "late"})
	require.NoError(m.t, err)
}

// schedule creates the account's Schedule, whose time is far away.
func (m *moving) schedule() client.ScheduleHandle {
	m.t.Helper()
	_, err := m.createSchedule(m.t.Context(), m.account, timing{every: 10000 * time.Hour}, 0)
	require.NoError(m.t, err)
	return m.temporal.ScheduleClient().GetHandle(m.t.Context(), m.account.scheduleID())
}

// fire has the Schedule start a run, which spends the token and ends.
func (m *moving) fire(h client.ScheduleHandle, issued string) {
	m.t.Helper()
	before, err := h.Describe(m.t.Context())
	require.NoError(m.t, err)
	require.NoError(m.t, h.Trigger(m.t.Context(), client.ScheduleTriggerOptions{}))
	require.Eventually(m.t, func() bool {
		described, err := h.Describe(m.t.Context())
		return err == nil && described.Info.NumActions > before.Info.NumActions && len(described.Info.RunningWorkflows) == 0
	}, patience, 20*time.Millisecond)
	m.spend(issued)
}

// requireThere wants the token in the other vault, where the account is refreshed from now on.
func (m *moving) requireThere(want string) {
	m.t.Helper()
	there, err := m.vaults.to.Current(m.t.Context(), m.account.Location)
	require.NoError(m.t, err)
	require.Equal(m.t, token.NewSecret(want).Fingerprint(), there.Fingerprint)
}

func (m *moving) move() (did string) {
	m.t.Helper()
	did, _, err := m.mover.move(m.t.Context(), m.account)
	require.NoError(m.t, err)
	return did
}

// Runs that begin while the tokens are copied spend the one that is being copied, and the
// one after it.
func TestAScheduleThatFiresDuringTheCopyIsMovedWithItsNewToken(t *testing.T) {
	m := newMoving(t, "move-fires-during", "will")
	h := m.schedule()
	m.onStore = func() {
		m.fire(h, "RT58-refresh-token")
		m.fire(h, "RT59-refresh-token")
	}
	require.Equal(t, outcomeMoved, m.move())
	m.requireThere("RT59-refresh-token")
	described, err := h.Describe(t.Context())
	require.NoError(t, err)
	require.Equal(t, "shard-2", described.Schedule.Action.(*client.ScheduleWorkflowAction).TaskQueue)
}

func TestAScheduleThatFiresJustBeforeItsUpdateIsMovedWithItsNewToken(t *testing.T) {
	m := newMoving(t, "move-fires-before", "will")
	h := m.schedule()
	m.temporal = lateClient{Client: m.temporal, updates: func() { m.fire(h, "RT58-refresh-token") }}
	require.Equal(t, outcomeMoved, m.move())
	m.requireThere("RT58-refresh-token")
}

// A move that was killed after its update left the spent token there. Repeated, it replaces
// that one, and nothing that is newer.
func TestAMovedScheduleGetsTheTokenThatALateRunWasIssued(t *testing.T) {
	m := newMoving(t, "move-killed", "will")
	m.schedule()
	require.Equal(t, outcomeMoved, m.move())
	m.spend("RT58-refresh-token")
	require.Equal(t, outcomeThere, m.move())
	m.requireThere("RT58-refresh-token")

	m.to.Put(m.account.Names.RefreshToken, "RT90-consent-token")
	require.Equal(t, outcomeThere, m.move())
	m.requireThere("RT90-consent-token")
}

// A Schedule's run that is stuck holds up no account that waits.
func TestAScheduleWhoseRunIsAtWorkIsMovedLast(t *testing.T) {
	m := newMoving(t, "move-at-work", "slow")
	h := m.schedule()
	require.NoError(t, h.Trigger(t.Context(), client.ScheduleTriggerOptions{}))
	require.Eventually(t, func() bool {
		described, err := h.Describe(t.Context())
		return err == nil && len(described.Info.RunningWorkflows) > 0
	}, patience, 20*time.Millisecond)
	var left []target
	m.atWork = func(t target) { left = append(left, t) }
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	did, _, err := m.mover.move(ctx, m.account)
	require.NoError(t, err)
	require.Equal(t, outcomeAtWork, did)
	require.Equal(t, []target{m.account}, left)
	require.Empty(t, m.to.All(m.account.Names.RefreshToken), "nothing is copied while a run is at work")
}

// A single refresh beside the Schedule spends the same token.
func TestASingleRefreshBesideAScheduleIsWaitedFor(t *testing.T) {
	m := newMoving(t, "move-beside", "slow")
	m.schedule()
	options, err := m.options(t.Context(), m.account)
	require.NoError(t, err)
	_, err = m.temporal.ExecuteWorkflow(t.Context(), options, workflows.Type, m.account.input)
	require.NoError(t, err)
	var left int
	m.atWork = func(target) { left++ }
	require.Equal(t, outcomeAtWork, m.move())
	require.Equal(t, 1, left)
}
