package main_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"tokenkeeper/activities"
	"tokenkeeper/internal/incident"
	"tokenkeeper/workflows"
)

// alertsInbox verifies each event with the reference library and keeps those that it has
// not seen, as docs/alerts.md tells receivers to.
type alertsInbox struct {
	*httptest.Server
	mu       sync.Mutex
	seen     []event.Event
	arrivals int
	refused  int
	first    chan struct{} // closed when the first one arrives
	release  chan struct{} // the first one is answered only when this is closed
}

func newAlertsInbox(t *testing.T, secret string) *alertsInbox {
	t.Helper()
	reference, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	b := &alertsInbox{first: make(chan struct{}), release: make(chan struct{})}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		var e event.Event
		b.mu.Lock()
		b.arrivals++
		arrival := b.arrivals
		if err != nil || reference.Verify(body, r.Header) != nil || e.UnmarshalJSON(body) != nil || e.ID() != r.Header.Get("webhook-id") {
			b.refused++
		} else if !slices.ContainsFunc(b.seen, func(known event.Event) bool { return known.ID() == e.ID() }) {
			b.seen = append(b.seen, e)
		}
		b.mu.Unlock()
		if arrival == 1 {
			close(b.first)
			<-b.release
		}
	}))
	t.Cleanup(b.Close)
	return b
}

func (b *alertsInbox) types() (types []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.seen {
		types = append(types, e.Type())
	}
	return types
}

// The worker dies after the receiver has taken an event and before it could say so.
func TestAnAlertIsReceivedOnceAlthoughTheWorkerIsKilled(t *testing.T) {
	s := newSystem(t)
	const secret = "whsec_ZmFrZS1hbGVydHMtc2lnbmluZy1rZXktMDAwMQ=="
	box := newAlertsInbox(t, secret)
	file := filepath.Join(t.TempDir(), "webhooks.yaml")
	require.NoError(t, os.WriteFile(file, []byte("receivers:\n  ops:\n    url: "+box.URL+"/hooks/fake-path\n    secret: "+secret+"\n"), 0o600))
	receivers := "TOKENKEEPER_WEBHOOKS=" + file

	first := s.work(receivers)
	account := unique("account") // it has no refresh token yet
	run, err := s.temporal.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{
		ID: unique("refresh"), TaskQueue: s.TaskQueue(), CronSchedule: "@every 3s",
	}, workflows.Type, workflows.Input{Account: account})
	require.NoError(t, err)
	<-box.first
	first.Kill()
	close(box.release)

	s.work(receivers)
	require.NoError(t, s.CreateAccount(account))
	id := incident.ID(s.TaskQueue(), "fitbit", activities.MissingSecret)
	require.NoError(t, s.temporal.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil))
	require.NoError(t, s.temporal.CancelWorkflow(t.Context(), run.GetID(), ""))
	require.Equal(t, []string{"tokenkeeper.incident.raised", "tokenkeeper.incident.healed"}, box.types())
	box.mu.Lock()
	defer box.mu.Unlock()
	require.Zero(t, box.refused, "each is signed and well-formed")
	require.GreaterOrEqual(t, box.arrivals, 3, "the one whose answer was lost is sent again")
	var told incident.Event
	require.NoError(t, box.seen[0].DataAs(&told))
	require.Equal(t, "fitbit/"+account, told.Examples[0].Account)

	history := s.temporal.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for history.HasNext() {
		e, err := history.Next()
		require.NoError(t, err)
		require.NotContains(t, e.String(), "fake-path", "an address may be a secret")
		require.NotContains(t, e.String(), secret[6:])
	}
	require.NotContains(t, first.Output(), "fake-path")
}
