package activities_test

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
)

type names []string

func (n *names) RegisterActivityWithOptions(_ any, o activity.RegisterOptions) {
	*n = append(*n, o.Name)
}

func TestEveryProviderIsCalledByAnActivityOfItsOwn(t *testing.T) {
	s := newSystemWith(t, setup{entries: "  example-health:\n    token_url: https://auth.example.com/token\n    auth_style: body\n" +
		"    rotation: single-use\n    replay_window: 0s\n    access_token_lifetime: 1h\n"})
	var registered names
	s.Register(&registered)
	require.Subset(t, registered, []string{"LoadSecrets", "CallFitbit", "CallGoogleHealth", "CallWithings", "CallExampleHealth", "StoreSecrets", "ReadGrant", "RecoverGrant", "Alert", "NotifyReceiver", "CheckIncident"})
	require.Len(t, registered, len(s.Providers.Providers())+7)
}

func TestActivitiesLogToTheDefaultWithoutAnother(t *testing.T) {
	require.Same(t, slog.Default(), activities.New(activities.Dependencies{}).Log)
}

func TestAnAlertIsLoggedAndCounted(t *testing.T) {
	s := newSystem(t)
	will := token.Account{Provider: "fitbit", Name: "will"}
	_, err := perform[any](s, attempt{}, "Alert", activities.AlertInput{Account: will, Reason: "StoreStuck", Message: "generation 5 waits"})
	require.NoError(t, err)
	require.Equal(t, []string{"StoreStuck"}, s.metrics.alerted)
	require.Contains(t, s.said.String(), `level=ERROR msg="needs a person" account=fitbit/will reason=StoreStuck message="generation 5 waits"`)
}

func TestTheEndOfAnIncidentIsLoggedAndNotCounted(t *testing.T) {
	s := newSystem(t)
	_, err := perform[any](s, attempt{}, "Alert", activities.AlertInput{Account: account, Reason: "StoreStuck", Healed: true, Message: "generation 5 is stored"})
	require.NoError(t, err)
	require.Empty(t, s.metrics.alerted)
	require.Contains(t, s.said.String(), `level=INFO msg=healed account=fitbit/default reason=StoreStuck message="generation 5 is stored"`)
}
