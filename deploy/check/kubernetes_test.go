package check

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

const kubernetes = "../kubernetes"

// builds are the overlays, and the components for each.
var builds = map[string][]string{
	"base":        nil,
	"azure":       {"keda", "pod-monitor"},
	"azure-plain": {"keda-plain", "pod-monitor"},
}

func TestEveryBuildIsValidAndConsistent(t *testing.T) {
	schemas, err := LoadSchemas()
	require.NoError(t, err)
	for overlay, components := range builds {
		for _, component := range append([]string{""}, components...) {
			t.Run(overlay+" "+component, func(t *testing.T) {
				objects := decodeAll(t, schemas, buildOverlay(t, overlay, component))
				require.Empty(t, strings.Join(Disagreements(objects, documentedVariables(t)), "\n"))
			})
		}
	}
}

func TestEveryComponentIsBuilt(t *testing.T) {
	var built []string
	for _, components := range builds {
		built = append(built, components...)
	}
	folders, err := os.ReadDir(filepath.Join(kubernetes, "components"))
	require.NoError(t, err)
	for _, folder := range folders {
		if folder.Name() != "plain" { // azure-plain has it
			require.Contains(t, built, folder.Name())
		}
	}
}

func TestSchemaErrorsAreNamed(t *testing.T) {
	schemas, err := LoadSchemas()
	require.NoError(t, err)
	for name, tc := range map[string]struct{ overlay, component, old, broken, fault string }{
		"a misspelt field of Kubernetes":     {"base", "", "maxUnavailable: 1", "maxUnavailabel: 1", `unknown field "maxUnavailabel"`},
		"a misspelt field of the controller": {"base", "", "scaledownDelay:", "scaleDownDelays:", "scaleDownDelays"},
		"an unknown strategy":                {"base", "", "strategy: Progressive", "strategy: Slowly", `strategy is "Slowly"`},
		"steps that go down":                 {"base", "", "rampPercentage: 50", "rampPercentage: 5", "steps go up"},
		"an address that is a URL":           {"base", "", "hostPort: temporal", "hostPort: https://temporal", "is not host:port"},
		"a misspelt field of KEDA":           {"azure-plain", "keda-plain", "maxReplicaCount:", "maxReplicas:", `unknown field "spec.maxReplicas"`},
		"a wrong type in a template":         {"azure", "keda", "minReplicaCount: 2", "minReplicaCount: two", "minReplicaCount"},
		"a setting that KEDA's scaler lacks": {"azure", "keda", "taskQueue:", "taskQeue:", `no setting "taskQeue"`},
		"a misspelt field of Prometheus":     {"azure", "pod-monitor", "podMetricsEndpoints:", "podMetricEndpoints:", "podMetricEndpoints"},
		"an unknown kind":                    {"base", "", "kind: NetworkPolicy", "kind: NetworkPolice", "nothing here knows the schema"},
	} {
		t.Run(name, func(t *testing.T) {
			var found []string
			for _, text := range buildOverlay(t, tc.overlay, tc.component) {
				if _, err := schemas.Decode([]byte(strings.Replace(text, tc.old, tc.broken, 1))); err != nil {
					found = append(found, err.Error())
				}
			}
			require.Len(t, found, 1)
			require.Contains(t, found[0], tc.fault)
		})
	}
}

func TestDisagreementsAreNamed(t *testing.T) {
	schemas, err := LoadSchemas()
	require.NoError(t, err)
	const app = "app.kubernetes.io/name: tokenkeeper-worker"
	for name, tc := range map[string]struct{ kind, old, broken, fault string }{
		"pods without the label of their identity":   {"WorkerDeployment", `azure.workload.identity/use: "true"`, "other: label", "the pods lack the label"},
		"an account without an identity":             {"ServiceAccount", identityAnnotation, "other", "lacks the annotation"},
		"an account of another name":                 {"ServiceAccount", "name: tokenkeeper-worker", "name: other", "is not there"},
		"a budget for other pods":                    {"PodDisruptionBudget", app, "app: other", "PodDisruptionBudget tokenkeeper-worker does not select"},
		"a policy for other pods":                    {"NetworkPolicy", app, "app: other", "NetworkPolicy tokenkeeper-worker does not select"},
		"a pod that may be root":                     {"WorkerDeployment", "runAsNonRoot: true", "runAsNonRoot: false", "lacks runAsNonRoot"},
		"a file system to write to":                  {"WorkerDeployment", "readOnlyRootFilesystem: true", "readOnlyRootFilesystem: false", "lacks readOnlyRootFilesystem"},
		"capabilities":                               {"WorkerDeployment", "- ALL", "- CHOWN", "lacks dropped capabilities"},
		"a liveness probe that kills while stopping": {"WorkerDeployment", "path: /healthz", "path: /readyz", "lacks a liveness probe on /healthz"},
		"no memory below the limit for Go":           {"WorkerDeployment", "value: 200MiB", "value: 300MiB", "lacks a GOMEMLIMIT below its memory limit"},
		"a misspelt variable":                        {"WorkerDeployment", "TOKENKEEPER_AZURE_CREDENTIAL", "TOKENKEEPER_AZURE_CREDENTAIL", "a meaning for its variable TOKENKEEPER_AZURE_CREDENTAIL"},
	} {
		t.Run(name, func(t *testing.T) {
			texts := buildOverlay(t, "azure", "")
			for i, text := range texts {
				if strings.Contains(text, "\nkind: "+tc.kind+"\n") {
					texts[i] = strings.Replace(text, tc.old, tc.broken, 1)
					require.NotEqual(t, text, texts[i])
				}
			}
			found := Disagreements(decodeAll(t, schemas, texts), documentedVariables(t))
			require.Len(t, found, 1, found)
			require.Contains(t, found[0], tc.fault)
		})
	}
}

// build builds an overlay as kubectl apply -k does, with one more component where
// one is named, and returns its objects.
func buildOverlay(t *testing.T, overlay, component string) []string {
	t.Helper()
	folder := filepath.Join(kubernetes, overlay)
	if component != "" {
		folder = t.TempDir()
		here, err := filepath.Abs(kubernetes)
		require.NoError(t, err)
		link := func(path string) string {
			relative, err := filepath.Rel(folder, filepath.Join(here, path))
			require.NoError(t, err)
			return relative
		}
		require.NoError(t, os.WriteFile(filepath.Join(folder, "kustomization.yaml"), []byte(
			"resources: ["+link(overlay)+"]\ncomponents: ["+link("components/"+component)+"]\n"), 0o600))
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	require.NoError(t, err)
	var texts []string
	for _, resource := range built.Resources() {
		text, err := resource.AsYAML()
		require.NoError(t, err)
		texts = append(texts, string(text))
	}
	return texts
}

func decodeAll(t *testing.T, schemas *Schemas, texts []string) (objects []Object) {
	t.Helper()
	for _, text := range texts {
		o, err := schemas.Decode([]byte(text))
		require.NoError(t, err)
		objects = append(objects, o)
	}
	return objects
}

var documented = regexp.MustCompile("(?m)^\\| `(\\w+)` \\|")

// documentedVariables are those of docs/configuration.md, which is generated from the
// code.
func documentedVariables(t *testing.T) (names []string) {
	t.Helper()
	text, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	for _, match := range documented.FindAllSubmatch(text, -1) {
		names = append(names, string(match[1]))
	}
	require.Contains(t, names, "KEY_VAULT_URL")
	return append(names, "GOMEMLIMIT") // Go's own
}
