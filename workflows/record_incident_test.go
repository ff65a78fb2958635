//go:build record

package workflows_test

import (
	"flag"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tokenkeeper/activities"
	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/testenv/replay"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/webhook"
	"tokenkeeper/workflows"
)

// intoIncidents is where the histories go.
var intoIncidents = flag.String("incidents", "", "folder that the recorded incidents are written to")

// TestRecordIncidents records incidents anew; see make histories. One receiver takes what
// comes, and another one wants no more.
func TestRecordIncidents(t *testing.T) {
	require.NotEmpty(t, *intoIncidents, "-incidents must say where to")
	for name, end := range map[string]func(*testing.T, client.Client, *incident.Reporter, string){
		"raised-and-healed": func(t *testing.T, _ client.Client, to *incident.Reporter, _ string) {
			require.NoError(t, to.Report(t.Context(), "fitbit", workflows.CallStuck, incident.Report{Account: "fitbit/will", Others: []string{"fitbit/anna"}, Healed: true}))
		},
		"called-over-by-hand": func(t *testing.T, c client.Client, _ *incident.Reporter, id string) {
			require.NoError(t, c.CancelWorkflow(t.Context(), id, ""))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			queue := "recorded-" + name // as it stands in ids
			c, err := client.Dial(client.Options{HostPort: shared.Temporal(t).Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
			require.NoError(t, err)
			t.Cleanup(c.Close)
			box := newInbox(t)
			gone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) }))
			t.Cleanup(gone.Close)
			secret := token.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
			sender := webhook.New([]webhook.Receiver{{Name: "ops", URL: token.NewSecret(box.URL), Secret: secret}, {Name: "gone", URL: token.NewSecret(gone.URL), Secret: secret}}, queue)
			reporter := &incident.Reporter{Temporal: c, TaskQueue: queue, Receivers: sender.Names()}
			w := worker.New(c, queue, worker.Options{})
			activities.New(activities.Dependencies{Incidents: reporter, Webhooks: sender, Log: slog.New(slog.DiscardHandler)}).Register(w)
			w.RegisterWorkflowWithOptions((&workflows.Workflows{}).TokenIncident, workflow.RegisterOptions{Name: incident.Type})
			// Reports come before the worker does, or in one, so that it takes them at one time: a
			// recording has no fractions of a second.
			for _, account := range []string{"fitbit/will", "fitbit/anna"} {
				require.NoError(t, reporter.Report(t.Context(), "fitbit", workflows.CallStuck, incident.Report{Account: account, Message: "Fitbit gives no answer.", Workflow: "fitbit-token-refresh"}))
			}
			require.NoError(t, w.Start())
			t.Cleanup(w.Stop)
			require.Eventually(t, func() bool { return len(box.types()) == 1 }, time.Minute, 100*time.Millisecond)
			id := incident.ID(queue, "fitbit", workflows.CallStuck)
			end(t, c, reporter, id)
			require.NoError(t, c.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil))
			h := &historypb.History{}
			for events := c.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); events.HasNext(); {
				event, err := events.Next()
				require.NoError(t, err)
				h.Events = append(h.Events, event)
			}
			require.NoError(t, replay.Replay(h, incident.Type, (&workflows.Workflows{}).TokenIncident))
			text, err := replay.Scrub(h, queue)
			require.NoError(t, err)
			kept, err := replay.Read(text)
			require.NoError(t, err)
			require.NoError(t, replay.Replay(kept, incident.Type, (&workflows.Workflows{}).TokenIncident))
			for _, private := range []string{box.URL, gone.URL, "whsec_"} {
				require.NotContains(t, string(text), private)
			}
			require.NoError(t, os.WriteFile(filepath.Join(*intoIncidents, name+".json"), text, 0o644))
		})
	}
}
