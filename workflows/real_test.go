package workflows_test

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/workflows"
)

// real is what runs share that work with the real activities: a vault in memory
// and a provider that answers as a test wants. Time is skipped as in a scenario.
type real struct {
	t       *testing.T
	vault   *memvault.Vault
	table   provider.Table
	keyring *seal.Keyring
	answer  http.HandlerFunc
	alerts  []activities.AlertInput // of all runs
	last    error                   // how the last run ended
}

// newReal has the default account at a provider, whose secrets begin with a prefix.
func newReal(t *testing.T, name, prefix, credentials string) *real {
	t.Helper()
	r := &real{t: t, vault: &memvault.Vault{}}
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.answer(w, req) }))
	t.Cleanup(endpoint.Close)
	var err error
	r.table, err = provider.Builtin().Override([]byte("providers:\n  "+name+":\n    token_url: "+endpoint.URL+"\n"), "providers.yaml")
	require.NoError(t, err)
	r.vault.Put(prefix+"RefreshToken", "fake-refresh-0")
	r.vault.Put(credentials, base64.StdEncoding.EncodeToString([]byte("FAKE0C:fake-client-secret")))
	r.keyring = seal.New(vault.NewKeysets(r.vault))
	_, err = r.keyring.Create(t.Context())
	require.NoError(t, err)
	return r
}

// run is one run after the last one.
func (r *real) run(in workflows.Input) (*scenario, workflows.Result, error) {
	r.t.Helper()
	s := withoutActivities(r.t)
	if r.last != nil {
		s.SetLastError(r.last)
	}
	a := activities.New(activities.Dependencies{
		Vault: vault.New(r.vault), Keyring: r.keyring, Providers: r.table, Client: provider.NewClient(nil),
		Temporal: emptyNamespace{s}, Metrics: unmeasured{}, Log: slog.New(slog.DiscardHandler),
	})
	a.Register(s.TestWorkflowEnvironment)
	result, err := s.refreshWith(in)
	r.last = errors.Unwrap(err) // what the workflow returned
	for _, step := range s.steps {
		if step.name == "Alert" {
			r.alerts = append(r.alerts, step.input.(activities.AlertInput))
		}
	}
	return s, result, err
}

// emptyNamespace completes activities and knows of no earlier run.
type emptyNamespace struct{ *scenario }

func (n emptyNamespace) CompleteActivity(_ context.Context, taskToken []byte, result any, err error) error {
	return n.TestWorkflowEnvironment.CompleteActivity(taskToken, result, err)
}

func (emptyNamespace) ListWorkflow(context.Context, *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	return &workflowservice.ListWorkflowExecutionsResponse{}, nil
}

func (emptyNamespace) GetWorkflowHistory(context.Context, string, string, bool, enumspb.HistoryEventFilterType) client.HistoryEventIterator {
	panic("no run is listed")
}

func (emptyNamespace) DescribeWorkflowExecution(context.Context, string, string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return &workflowservice.DescribeWorkflowExecutionResponse{}, nil
}

// inHistory is the last run's failure as starter reads it back.
func (r *real) inHistory() *workflows.Failure {
	return workflows.RunResultFrom(&historypb.HistoryEvent{
		EventType: enumspb.EVENT_TYPE_WORKFLOW_EXECUTION_FAILED,
		Attributes: &historypb.HistoryEvent_WorkflowExecutionFailedEventAttributes{
			WorkflowExecutionFailedEventAttributes: &historypb.WorkflowExecutionFailedEventAttributes{
				Failure: temporal.GetDefaultFailureConverter().ErrorToFailure(r.last),
			},
		},
	}).Failure
}

func TestTheProvidersFixReachesTheRunsFailureAndItsAlert(t *testing.T) {
	r := newReal(t, "google-health", "GoogleHealth-", "GoogleHealthCredentials")
	r.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":"invalid_grant","error_description":"Token has been expired or revoked."}`))
	}
	s, _, err := r.run(workflows.Input{Provider: "google-health"})
	message := requireFailure(t, err, workflows.ReauthorizationRequired)
	require.Contains(t, message, "Google Health no longer takes generation 0 of google-health/default (fingerprint ")
	require.Contains(t, message, "the vault and 0 earlier runs hold nothing newer; ")
	require.Contains(t, message, "see first that it will last: Google Health ends a refresh token after 7 days while the app's consent screen is in testing")
	require.NotContains(t, message, "Token has been expired", "the provider's own words stay out")
	require.Equal(t, []activities.AlertInput{{
		Account: token.Account{Provider: "google-health", Name: "default"}, Reason: workflows.ReauthorizationRequired, Message: message,
	}}, r.alerts)
	require.Equal(t, "Failed: "+message, s.closing)
	require.Equal(t, &workflows.Failure{Type: workflows.ReauthorizationRequired, Message: message}, r.inHistory())
}

func TestAnAccessTokenThatIsTooLongFailsRunsAndLosesNoRefreshToken(t *testing.T) {
	r := newReal(t, "fitbit", "", "FitbitCredentials")
	issue := func(generation string, length int) {
		r.answer = func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte(`{"access_token":"` + strings.Repeat("a", length) + `","refresh_token":"fake-refresh-` + generation + `","expires_in":28800,"token_type":"Bearer","user_id":"USER-1","scope":"sleep"}`))
		}
	}
	const tooLong = "vault: set AccessToken: the access token of generation 1 is too long: it has 30000 bytes, and Key Vault takes 25600; the refresh token is stored; if it goes on, ask Fitbit for fewer scopes"
	issue("1", 30000)
	s, _, err := r.run(workflows.Input{})
	require.Equal(t, tooLong, requireFailure(t, err, activities.MalformedSecret))
	require.Equal(t, []string{"failed"}, s.health)
	account := token.Account{Provider: "fitbit", Name: "default"}
	alert := activities.AlertInput{Account: account, Reason: activities.MalformedSecret, Message: tooLong}
	require.Equal(t, []activities.AlertInput{alert}, r.alerts)

	issue("2", 30000)
	_, _, err = r.run(workflows.Input{})
	require.Contains(t, requireFailure(t, err, activities.MalformedSecret), "generation 2", "it goes on with the refresh token that was stored")
	require.Len(t, r.alerts, 1, "the same incident is alerted once")

	issue("3", 300)
	s, result, err := r.run(workflows.Input{})
	require.NoError(t, err)
	require.Equal(t, token.Generation(3), result.Generation)
	require.Len(t, r.alerts, 2)
	require.Equal(t, activities.AlertInput{Account: account, Reason: activities.MalformedSecret, Healed: true, Message: s.closing}, r.alerts[1])
}
