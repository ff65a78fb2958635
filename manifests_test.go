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

// afterwards is what a worker may take to end when the time that it gives its
// calls is over: one try to get a pair into the vault, the last telemetry, the
// health page, and some seconds to spare.
const afterwards = 10*time.Second + 5*time.Second + time.Second + 4*time.Second

func TestEveryManifestGivesAWorkerTheTimeToStop(t *testing.T) {
	cfg, err := config.LoadWorker(map[string]string{"KEY_VAULT_URL": "https://my-vault.vault.azure.net"})
	require.NoError(t, err)
	needed := cfg.StopTimeout + afterwards
	var found []workerOf
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
	require.True(t, slices.ContainsFunc(found, func(w workerOf) bool { return w.file == "docker-compose.yml" }), "no worker in docker-compose.yml")
	for _, w := range found {
		if w.grace < needed {
			t.Errorf("%s kills %s %s after SIGTERM, but a worker may take %s to see its calls to their end; set %s to %.0f seconds",
				w.file, w.name, w.grace, needed, w.setting, needed.Seconds())
		}
	}
}

func TestWorkersInManifestsAreFound(t *testing.T) {
	const compose = "services:\n  worker: {build: {target: worker}, stop_grace_period: 1m}\n  second: {image: tokenkeeper-worker, stop_grace_period: 5s}\n  vault: {image: lowkey}\n"
	require.Equal(t, []workerOf{
		{"compose.yml", "second", "stop_grace_period", 5 * time.Second}, {"compose.yml", "worker", "stop_grace_period", time.Minute},
	}, workersIn(t, "compose.yml", []byte(compose)))

	const pods = "kind: ConfigMap\ndata: {a: b}\n---\nkind: WorkerDeployment\nmetadata: {name: keeper}\nspec:\n  template:\n    spec:\n      terminationGracePeriodSeconds: 60\n      containers: [{name: worker, image: tokenkeeper-worker}]\n" +
		"---\nkind: Deployment\nmetadata: {name: plain}\nspec: {template: {spec: {containers: [{name: worker, image: tokenkeeper-worker}]}}}\n" +
		"---\nkind: Job\nmetadata: {name: starter}\nspec: {template: {spec: {containers: [{name: starter, image: tokenkeeper-starter}]}}}\n"
	require.Equal(t, []workerOf{
		{"pods.yaml", "keeper", "terminationGracePeriodSeconds", time.Minute}, {"pods.yaml", "plain", "terminationGracePeriodSeconds", 0},
	}, workersIn(t, "pods.yaml", []byte(pods)))
}

// workerOf is a worker in a manifest, and how long after SIGTERM it is killed; 0
// where the manifest does not say, and the platform's short default holds.
type workerOf struct {
	file, name, setting string
	grace               time.Duration
}

// workersIn finds the workers of a compose file and those of Kubernetes objects.
func workersIn(t *testing.T, file string, text []byte) (found []workerOf) {
	t.Helper()
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var document any
		err := decoder.Decode(&document)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err, file)
		for name, service := range at(document, "services") {
			if strings.Contains(fmt.Sprint(at(service)["image"], at(service)["build"]), "worker") {
				grace, _ := time.ParseDuration(fmt.Sprint(at(service)["stop_grace_period"]))
				found = append(found, workerOf{file, name, "stop_grace_period", grace})
			}
		}
		found = append(found, podsIn(file, fmt.Sprint(at(document, "metadata")["name"]), document)...)
	}
	slices.SortFunc(found, func(a, b workerOf) int { return strings.Compare(a.name, b.name) })
	return found
}

// podsIn finds pod templates with a worker, however deep. A patch, which names a
// container without its image, is none.
func podsIn(file, name string, tree any) (found []workerOf) {
	containers, _ := at(tree)["containers"].([]any)
	for _, c := range containers {
		if at(c)["name"] == "worker" && at(c)["image"] != nil {
			grace, _ := time.ParseDuration(fmt.Sprint(at(tree)["terminationGracePeriodSeconds"], "s"))
			found = append(found, workerOf{file, name, "terminationGracePeriodSeconds", grace})
		}
	}
	for _, below := range at(tree) {
		found = append(found, podsIn(file, name, below)...)
	}
	return found
}

// at is the mapping that a path of keys leads to; empty where there is none.
func at(tree any, path ...string) map[string]any {
	mapping, _ := tree.(map[string]any)
	for _, key := range path {
		mapping, _ = mapping[key].(map[string]any)
	}
	return mapping
}
