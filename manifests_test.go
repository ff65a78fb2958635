package tokenkeeper_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/config"
)

// afterStopTimeout is how long a worker may take to end after its stop timeout: one
// escrow, the last telemetry, the health server, and some seconds to spare.
const afterStopTimeout = 10*time.Second + 5*time.Second + time.Second + 4*time.Second

func TestEveryManifestGivesAWorkerTheTimeToStop(t *testing.T) {
	cfg, err := config.LoadWorker(map[string]string{"KEY_VAULT_URL": "https://my-vault.vault.azure.net"})
	require.NoError(t, err)
	needed := cfg.StopTimeout + afterStopTimeout
	var found []manifestWorker
	for _, file := range trackedFiles(t) {
		if strings.HasSuffix(file, ".yml") || strings.HasSuffix(file, ".yaml") {
			text, err := os.ReadFile(file)
			if os.IsNotExist(err) {
				continue // deleted and not yet committed
			}
			require.NoError(t, err)
			found = append(found, workersIn(t, file, text)...)
		}
	}
	require.True(t, slices.ContainsFunc(found, func(w manifestWorker) bool { return w.file == "docker-compose.yml" }), "no worker in docker-compose.yml")
	for _, w := range found {
		if w.grace < needed {
			t.Errorf("%s kills %s %s after SIGTERM, but a worker may take %s to finish its calls; set %s to %.0f seconds",
				w.file, w.name, w.grace, needed, w.setting, needed.Seconds())
		}
	}
}

func TestWorkersInManifestsAreFound(t *testing.T) {
	const compose = "services:\n  worker: {build: {target: worker}, stop_grace_period: 1m}\n  second: {image: tokenkeeper-worker, stop_grace_period: 5s}\n  vault: {image: lowkey}\n"
	require.Equal(t, []manifestWorker{
		{"compose.yml", "second", "stop_grace_period", 5 * time.Second}, {"compose.yml", "worker", "stop_grace_period", time.Minute},
	}, workersIn(t, "compose.yml", []byte(compose)))

	const pods = "kind: ConfigMap\ndata: {a: b}\n---\nkind: WorkerDeployment\nmetadata: {name: keeper}\nspec:\n  template:\n    spec:\n      terminationGracePeriodSeconds: 60\n      containers: [{name: worker, image: tokenkeeper-worker}]\n" +
		"---\nkind: Deployment\nmetadata: {name: plain}\nspec: {template: {spec: {containers: [{name: worker, image: tokenkeeper-worker}]}}}\n" +
		"---\nkind: Job\nmetadata: {name: starter}\nspec: {template: {spec: {containers: [{name: starter, image: tokenkeeper-starter}]}}}\n"
	require.Equal(t, []manifestWorker{
		{"pods.yaml", "keeper", "terminationGracePeriodSeconds", time.Minute}, {"pods.yaml", "plain", "terminationGracePeriodSeconds", 0},
	}, workersIn(t, "pods.yaml", []byte(pods)))
}

// manifestWorker is a worker in a manifest, and how long after SIGTERM it is killed; 0
// where the manifest leaves that to the platform's short default.
type manifestWorker struct {
	file, name, setting string
	grace               time.Duration
}

// workersIn finds the workers of a compose file and those of Kubernetes objects.
func workersIn(t *testing.T, file string, text []byte) (found []manifestWorker) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, file)
		for name, service := range mappingAt(document, "services") {
			if strings.Contains(fmt.Sprint(mappingAt(service)["image"], mappingAt(service)["build"]), "worker") {
				grace, _ := time.ParseDuration(fmt.Sprint(mappingAt(service)["stop_grace_period"]))
				found = append(found, manifestWorker{file, name, "stop_grace_period", grace})
			}
		}
		found = append(found, podsIn(file, fmt.Sprint(mappingAt(document, "metadata")["name"]), document)...)
	}
	slices.SortFunc(found, func(a, b manifestWorker) int { return strings.Compare(a.name, b.name) })
	return found
}

// podsIn finds pod templates with a worker, at any depth. A patch, which names a
// container without its image, is none.
func podsIn(file, name string, tree any) (found []manifestWorker) {
	containers, _ := mappingAt(tree)["containers"].([]any)
	for _, c := range containers {
		if mappingAt(c)["name"] == "worker" && mappingAt(c)["image"] != nil {
			grace, _ := time.ParseDuration(fmt.Sprint(mappingAt(tree)["terminationGracePeriodSeconds"], "s"))
			found = append(found, manifestWorker{file, name, "terminationGracePeriodSeconds", grace})
		}
	}
	for _, below := range mappingAt(tree) {
		found = append(found, podsIn(file, name, below)...)
	}
	return found
}

// mappingAt is the mapping at a path of keys; empty where there is none.
func mappingAt(tree any, path ...string) map[string]any {
	mapping, _ := tree.(map[string]any)
	for _, key := range path {
		mapping, _ = mapping[key].(map[string]any)
	}
	return mapping
}
