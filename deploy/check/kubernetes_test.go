package check

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	policy "k8s.io/api/policy/v1"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

// kustomizations are what an operator may apply, by name: a folder, or what
// docs/deploy.md has them write.
var kustomizations = map[string]string{
	"base":             "",
	"azure":            "",
	"azure-plain":      "",
	"azure-keda":       "resources: [../azure]\ncomponents: [../components/keda, ../components/pod-monitor]\n",
	"azure-plain-keda": "resources: [../azure]\ncomponents: [../components/plain, ../components/keda-plain, ../components/pod-monitor]\n",
}

// manifests builds a kustomization.
func manifests(t *testing.T, name string) []string {
	t.Helper()
	from := repository(t)
	if written := kustomizations[name]; written != "" {
		require.NoError(t, from.WriteFile(root+"/"+name+"/kustomization.yaml", []byte(written)))
	}
	objects, err := build(from, name)
	require.NoError(t, err)
	require.NotEmpty(t, objects)
	return objects
}

func repository(t *testing.T) filesys.FileSystem {
	t.Helper()
	from, err := tree("../kubernetes")
	require.NoError(t, err)
	return from
}

func TestEveryObjectIsWhatItsReaderTakes(t *testing.T) {
	for name := range kustomizations {
		t.Run(name, func(t *testing.T) {
			for _, object := range manifests(t, name) {
				_, _, err := decode(object)
				require.NoError(t, err)
			}
		})
	}
}

func TestWhatNoReaderTakesIsFound(t *testing.T) {
	for name, change := range map[string][2]string{
		"a key of the controller's that is misspelt": {"temporalNamespace: default", "temporalNameSpace: default"},
		"a key of a pod that is misspelt":            {"readOnlyRootFilesystem: true", "readOnlyRootFileSystem: true"},
		"a key at the wrong depth":                   {"minReadySeconds: 10", "strategy: {minReadySeconds: 10}"},
		"a number that is a word":                    {"containerPort: 8085", "containerPort: http"},
	} {
		t.Run(name, func(t *testing.T) {
			from := repository(t)
			content, err := from.ReadFile(root + "/base/worker.yaml")
			require.NoError(t, err)
			require.Contains(t, string(content), change[0])
			require.NoError(t, from.WriteFile(root+"/base/worker.yaml", []byte(strings.Replace(string(content), change[0], change[1], 1))))
			objects, err := build(from, "base")
			require.NoError(t, err)
			require.True(t, slices.ContainsFunc(objects, func(object string) bool {
				_, _, err := decode(object)
				return err != nil
			}), "nobody noticed")
		})
	}
}

// pod is the worker's pod of a kustomization, whatever makes it.
func pod(t *testing.T, objects []string) core.PodTemplateSpec {
	t.Helper()
	for _, object := range objects {
		_, decoded, err := decode(object)
		require.NoError(t, err)
		switch it := decoded.(type) {
		case *workerDeployment:
			return it.Spec.Template
		case *apps.Deployment:
			require.Subset(t, it.Spec.Template.Labels, it.Spec.Selector.MatchLabels, "the selector finds its pods")
			return it.Spec.Template
		}
	}
	t.Fatal("nothing makes pods")
	return core.PodTemplateSpec{}
}

func TestThePodIsAsTightAsItCanBe(t *testing.T) {
	for name := range kustomizations {
		t.Run(name, func(t *testing.T) {
			p := pod(t, manifests(t, name)).Spec
			require.True(t, *p.SecurityContext.RunAsNonRoot)
			require.Equal(t, core.SeccompProfileTypeRuntimeDefault, p.SecurityContext.SeccompProfile.Type)
			require.False(t, *p.AutomountServiceAccountToken)
			require.Len(t, p.Containers, 1)
			c := p.Containers[0]
			require.NotEmpty(t, c.Image)
			require.True(t, *c.SecurityContext.ReadOnlyRootFilesystem)
			require.False(t, *c.SecurityContext.AllowPrivilegeEscalation)
			require.Equal(t, []core.Capability{"ALL"}, c.SecurityContext.Capabilities.Drop)
			require.NotEmpty(t, c.Resources.Requests)
			require.Contains(t, c.Resources.Limits, core.ResourceMemory)
			require.Equal(t, "/readyz", c.StartupProbe.HTTPGet.Path)
			require.Equal(t, "/readyz", c.ReadinessProbe.HTTPGet.Path)
			require.Equal(t, "/healthz", c.LivenessProbe.HTTPGet.Path, "a worker that finishes its calls lives")
			patience := time.Duration(c.StartupProbe.PeriodSeconds*c.StartupProbe.FailureThreshold) * time.Second
			require.GreaterOrEqual(t, patience, 5*time.Minute, "a role takes minutes to reach the vault")
		})
	}
}

func TestOnAzureThePodHasAnIdentityAndNoSecret(t *testing.T) {
	for name := range kustomizations {
		if !strings.HasPrefix(name, "azure") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			objects := manifests(t, name)
			p := pod(t, objects)
			require.Equal(t, "CHANGE-ME.azurecr.io/tokenkeeper-worker:CHANGE-ME", p.Spec.Containers[0].Image)
			require.Equal(t, "true", p.Labels["azure.workload.identity/use"])
			variables := map[string]string{}
			for _, v := range p.Spec.Containers[0].Env {
				require.NotContains(t, variables, v.Name, "twice")
				variables[v.Name] = v.Value
			}
			require.Equal(t, "workload", variables["TOKENKEEPER_AZURE_CREDENTIAL"])
			require.Regexp(t, `^https://.*\.vault\.azure\.net$`, variables["KEY_VAULT_URL"])
			known := documented(t)
			for variable := range variables {
				require.Contains(t, known, variable, "a variable that no page knows")
			}
			accounts := 0
			for _, object := range objects {
				_, decoded, err := decode(object)
				require.NoError(t, err)
				if account, ok := decoded.(*core.ServiceAccount); ok {
					accounts++
					require.Equal(t, p.Spec.ServiceAccountName, account.Name)
					require.NotEmpty(t, account.Annotations["azure.workload.identity/client-id"])
				}
				require.NotContains(t, object, "kind: Secret\n")
			}
			require.Equal(t, 1, accounts)
		})
	}
}

func TestSelectorsFindThePods(t *testing.T) {
	for name := range kustomizations {
		t.Run(name, func(t *testing.T) {
			objects := manifests(t, name)
			labels := pod(t, objects).Labels
			for _, object := range objects {
				_, decoded, err := decode(object)
				require.NoError(t, err)
				if budget, ok := decoded.(*policy.PodDisruptionBudget); ok {
					require.Subset(t, labels, budget.Spec.Selector.MatchLabels)
				}
			}
		})
	}
}

func TestNothingScalesWhatTheManifestFixes(t *testing.T) {
	for _, name := range []string{"azure-keda", "azure-plain-keda"} {
		for _, object := range manifests(t, name) {
			var fixed struct {
				Kind string
				Spec struct{ Replicas *int }
			}
			require.NoError(t, yaml.Unmarshal([]byte(object), &fixed))
			if fixed.Kind == "WorkerDeployment" || fixed.Kind == "Deployment" {
				require.Nil(t, fixed.Spec.Replicas, "%s in %s", fixed.Kind, name)
			}
		}
	}
}

// documented are the variables that docs/configuration.md has.
func documented(t *testing.T) []string {
	t.Helper()
	page, err := os.ReadFile("../../docs/configuration.md")
	require.NoError(t, err)
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|").FindAllStringSubmatch(string(page), -1) {
		names = append(names, row[1])
	}
	require.NotEmpty(t, names)
	return names
}
