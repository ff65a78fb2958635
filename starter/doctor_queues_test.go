package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	deploymentpb "go.temporal.io/api/deployment/v1"
	enumspb "go.temporal.io/api/enums/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/workflows"
)

func TestDoctorNamesEachMistakeInANamespace(t *testing.T) {
	server := shared.Temporal(t)
	const namespace = "doctor"
	require.NoError(t, createNamespace(t.Context(), server, namespace)) // keeps histories for a day
	c, err := client.Dial(client.Options{HostPort: server.Address(), Namespace: namespace, Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	healthy := map[string]string{"TEMPORAL_ADDRESS": server.Address(), "TEMPORAL_NAMESPACE": namespace}

	sick{part: "temporal", check: "search attributes", detail: "TokenHealth is missing",
		fix: "temporal operator search-attribute create --namespace doctor --name TokenHealth --type Keyword"}.look(t, healthy)
	for _, check := range []string{"workers for workflows", "workers for activities", "workers for paced loads", "workers for paced loads of providers that do not rotate"} {
		sick{part: "temporal", check: check, detail: "none listens on task queue token-refresh", fix: "^start one with: worker .*TOKENKEEPER_TASK_QUEUE=token-refresh"}.look(t, healthy)
	}
	_, err = c.ExecuteWorkflow(t.Context(), client.StartWorkflowOptions{ID: "weekly", TaskQueue: "token-refresh", CronSchedule: "0 0 * * 0"}, workflows.Type, workflows.Input{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		_, found := doctorSays(t, healthy, "--only", "temporal")
		for _, f := range found.Checks {
			if f.Check == "retention" && f.Verdict == problem {
				require.Equal(t, "histories are kept for 1d0h, and weekly runs every 7d0h only, so that a run or a recovery may not find the last one's", f.Detail)
				require.Equal(t, "keep them longer: temporal operator namespace update --namespace doctor --retention 504h", f.Fix)
				return true
			}
		}
		return false
	}, patience, 200*time.Millisecond)
	require.NoError(t, c.TerminateWorkflow(t.Context(), "weekly", "", "the test is over"))

	require.NoError(t, addAttributes(t.Context(), server, namespace))
	workers := []worker.Worker{newStandIn(c)}
	for _, nonRotating := range []bool{false, true} {
		w := worker.New(c, activities.PacedQueue("token-refresh", nonRotating), worker.Options{DisableWorkflowWorker: true})
		w.RegisterActivityWithOptions(func(context.Context) error { return nil }, activity.RegisterOptions{Name: "LoadSecrets"})
		workers = append(workers, w)
	}
	for _, w := range workers {
		require.NoError(t, w.Start())
		t.Cleanup(w.Stop)
	}
	require.Eventually(t, func() bool {
		code, _ := doctorSays(t, healthy, "--only", "temporal")
		return code == 0
	}, patience, 200*time.Millisecond, "all is well")
}

func TestDoctorSeesWhetherTheVersionsThatGetRunsHaveWorkers(t *testing.T) {
	version := func(build string) *deploymentpb.WorkerDeploymentVersion {
		return &deploymentpb.WorkerDeploymentVersion{DeploymentName: "keeper", BuildId: build}
	}
	versioned := func(builds ...string) (pollers []*taskqueuepb.PollerInfo) {
		for _, build := range builds {
			o := &deploymentpb.WorkerDeploymentOptions{DeploymentName: "keeper", BuildId: build, WorkerVersioningMode: enumspb.WORKER_VERSIONING_MODE_VERSIONED}
			pollers = append(pollers, &taskqueuepb.PollerInfo{DeploymentOptions: o})
		}
		return pollers
	}
	plain := &taskqueuepb.PollerInfo{}
	for name, tc := range map[string]struct {
		info    *taskqueuepb.TaskQueueVersioningInfo
		pollers []*taskqueuepb.PollerInfo
		want    []verdict
		fix     string
	}{
		"no versions":                    {nil, []*taskqueuepb.PollerInfo{plain}, []verdict{fine}, ""},
		"the current version listens":    {&taskqueuepb.TaskQueueVersioningInfo{CurrentDeploymentVersion: version("a")}, versioned("a"), []verdict{fine}, ""},
		"versioned workers, not current": {nil, versioned("a"), []verdict{problem}, "temporal worker deployment set-current-version --deployment-name keeper --build-id a --yes"},
		"beside plain workers":           {nil, append(versioned("a"), plain), []verdict{fine}, ""},
		"the current version is gone":    {&taskqueuepb.TaskQueueVersioningInfo{CurrentDeploymentVersion: version("a")}, versioned("b"), []verdict{problem}, "TEMPORAL_WORKER_BUILD_ID=a, or send runs to the workers that listen: temporal worker deployment set-current-version --deployment-name keeper --build-id b --yes"},
		"the current version among plain workers": {&taskqueuepb.TaskQueueVersioningInfo{CurrentDeploymentVersion: version("a")}, []*taskqueuepb.PollerInfo{plain}, []verdict{problem},
			"start a worker with TEMPORAL_DEPLOYMENT_NAME=keeper and TEMPORAL_WORKER_BUILD_ID=a$"},
		"the ramping version is gone": {&taskqueuepb.TaskQueueVersioningInfo{CurrentDeploymentVersion: version("a"), RampingDeploymentVersion: version("b")}, versioned("a"), []verdict{fine, problem},
			"or end the ramp: temporal worker deployment set-ramping-version --deployment-name keeper --build-id b --delete --yes"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &findings{part: "temporal"}
			checkVersions(f, tc.info, tc.pollers)
			var got []verdict
			for _, one := range f.all {
				if got = append(got, one.Verdict); one.Verdict == problem {
					require.Regexp(t, tc.fix, one.Fix)
				}
			}
			require.Equal(t, tc.want, got)
		})
	}
}

// elsewhen answers as the next handler does, with a date that is so far off.
func elsewhen(off time.Duration, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Date", time.Now().Add(off).UTC().Format(http.TimeFormat))
		next.ServeHTTP(w, r)
	})
}

func TestDoctorComparesClocks(t *testing.T) {
	v, err := keyvault.Start(keyvault.Options{})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	dir := t.TempDir()
	target, err := url.Parse(v.URL())
	require.NoError(t, err)
	trust := x509.NewCertPool()
	require.True(t, trust.AppendCertsFromPEM(v.CertificatePEM()))
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trust}}
	proxy.ModifyResponse = func(r *http.Response) error {
		r.Header.Set("Date", time.Now().Add(-10*time.Minute).UTC().Format(http.TimeFormat))
		return nil
	}
	late := httptest.NewTLSServer(proxy)
	t.Cleanup(late.Close)
	ca := file(t, dir, "late.pem", "CERTIFICATE", late.Certificate().Raw)
	environ := map[string]string{
		"KEY_VAULT_URL": late.URL, "TOKENKEEPER_KEY_VAULT_CA_FILE": ca, "TOKENKEEPER_AZURE_CREDENTIAL": "emulator", "TOKENKEEPER_ALLOW_EMULATOR": "true",
	}
	sick{part: "vault", check: "clock", detail: "this machine's clock is (10m\\d+s|9m5\\ds) ahead of that of the vault", fix: "timedatectl"}.look(t, environ)

	provider := httptest.NewServer(elsewhen(5*time.Minute, http.NotFoundHandler()))
	t.Cleanup(provider.Close)
	down := httptest.NewServer(elsewhen(0, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })))
	t.Cleanup(down.Close)
	strange := httptest.NewUnstartedServer(http.NotFoundHandler())
	strange.Config.ErrorLog = log.New(io.Discard, "", 0)
	strange.StartTLS()
	t.Cleanup(strange.Close)
	table := filepath.Join(dir, "providers.yaml")
	require.NoError(t, os.WriteFile(table, fmt.Appendf(nil, "providers:\n  oura:\n    token_url: %s/token\n  spotify:\n    token_url: http://%s/token\n  dropbox:\n    token_url: %s/token\n  strava:\n    token_url: %s/token\n  fitbit:\n    token_url: %[1]s/token\n",
		provider.URL, closedPort(t), down.URL, strange.URL), 0o600))
	environ = map[string]string{"TOKENKEEPER_PROVIDERS": table, "TEMPORAL_ADDRESS": closedPort(t)}
	for name, s := range map[string]sick{
		"oura":    {check: "clock", detail: "this machine's clock is (5m\\ds|4m[45]\\ds) behind that of Oura", fix: "timedatectl"},
		"spotify": {check: "spotify", detail: "127.0.0.1:.* refuses connections", fix: "correct the address"},
		"dropbox": {check: "dropbox", detail: "answers 502 Bad Gateway", fix: "status page"},
		"strava":  {check: "strava", detail: "comes from an authority that this machine does not trust", fix: "SSL_CERT_FILE"},
		"fitbit":  {check: "fitbit", detail: "Fitbit is retired since", fix: "starter migrate --account NAME --provider fitbit"},
	} {
		t.Run(name, func(t *testing.T) {
			s.part, s.flags = "provider", []string{"--provider", name}
			s.look(t, environ)
		})
	}
}
