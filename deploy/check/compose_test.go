package check

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

func TestEveryServiceKeepsTheRulesInBothProfiles(t *testing.T) {
	for _, profile := range []string{"dev", "cluster"} {
		t.Run(profile, func(t *testing.T) {
			project := loadProject(t, profile)
			var found []string
			for _, s := range project.Services {
				found = append(found, brokenRules(s, documentedVariables(t))...)
			}
			require.Empty(t, strings.Join(found, "\n"))
		})
	}
}

func TestAProfileExchangesOnlyTemporal(t *testing.T) {
	require.Equal(t, []string{"current", "fitbit", "seed", "starter", "temporal", "vault", "worker", "worker-2"}, serviceNames(loadProject(t, "dev")))
	require.Equal(t, []string{"current", "fitbit", "namespace", "postgresql", "schema", "seed", "server", "starter", "ui", "vault", "worker", "worker-2"}, serviceNames(loadProject(t, "cluster")))
}

func TestTheTwoWorkersAreOneVersionThatIsMadeCurrent(t *testing.T) {
	project := loadProject(t, "dev")
	one, two := project.Services["worker"], project.Services["worker-2"]
	for _, name := range []string{"TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID"} {
		require.Equal(t, *one.Environment[name], *two.Environment[name])
	}
	require.NotEqual(t, *one.Environment["TOKENKEEPER_HTTP_ADDRESS"], *two.Environment["TOKENKEEPER_HTTP_ADDRESS"], "they share a network")
	current := project.Services["current"].Command
	require.Contains(t, current, "--deployment-name="+*one.Environment["TEMPORAL_DEPLOYMENT_NAME"])
	require.Contains(t, current, "--build-id="+*one.Environment["TEMPORAL_WORKER_BUILD_ID"])
}

func TestABrokenRuleIsNamed(t *testing.T) {
	for fault, breaks := range map[string]func(*types.ServiceConfig){
		"is not pinned":                  func(s *types.ServiceConfig) { s.Image = "tokenkeeper-worker" },
		"is pinned to latest":            func(s *types.ServiceConfig) { s.Image = "tokenkeeper-worker:latest" },
		"has no health check":            func(s *types.ServiceConfig) { s.HealthCheck = nil },
		"runs as root":                   func(s *types.ServiceConfig) { s.User = "" },
		"keeps capabilities":             func(s *types.ServiceConfig) { s.CapDrop = nil },
		"may gain privileges":            func(s *types.ServiceConfig) { s.SecurityOpt = nil },
		"may write to its image":         func(s *types.ServiceConfig) { s.ReadOnly = false },
		"is reached from other machines": func(s *types.ServiceConfig) { s.Ports = []types.ServicePortConfig{{HostIP: "0.0.0.0", Published: "1"}} },
		"has more memory than it was":    func(s *types.ServiceConfig) { s.MemLimit = 0 },
		"is killed 40s after SIGTERM":    func(s *types.ServiceConfig) { d := types.Duration(40 * time.Second); s.StopGracePeriod = &d },
		"sets KEY_VAULT_ADDRESS, which":  func(s *types.ServiceConfig) { s.Environment["KEY_VAULT_ADDRESS"] = nil },
	} {
		t.Run(fault, func(t *testing.T) {
			worker := loadProject(t, "dev").Services["worker"]
			breaks(&worker)
			found := brokenRules(worker, documentedVariables(t))
			require.Len(t, found, 1, found)
			require.Contains(t, found[0], fault)
		})
	}
}

// The services with exceptions, which docker-compose.yml explains, and those of the
// product's programs.
var (
	runOnce       = []string{"seed", "current", "starter", "schema", "namespace"}
	noHealthCheck = []string{"vault"}
	writeable     = []string{"vault", "ui"}
	product       = []string{"worker", "worker-2", "starter"}
)

// brokenRules lists the rules that a service breaks.
func brokenRules(s types.ServiceConfig, variables []string) (found []string) {
	fault := func(broken bool, format string, args ...any) {
		if broken {
			found = append(found, s.Name+" "+fmt.Sprintf(format, args...))
		}
	}
	name, tag, _ := strings.Cut(s.Image, ":")
	fault(tag == "", "is not pinned: image %q has no tag", name)
	fault(tag == "latest", "is pinned to latest")
	fault(s.HealthCheck == nil && !slices.Contains(runOnce, s.Name) && !slices.Contains(noHealthCheck, s.Name), "has no health check")
	fault(s.User == "" || strings.HasPrefix(s.User, "0") || s.User == "root", "runs as root")
	fault(!slices.Contains(s.CapDrop, "ALL"), "keeps capabilities")
	fault(!slices.Contains(s.SecurityOpt, "no-new-privileges:true"), "may gain privileges")
	fault(!s.ReadOnly && !slices.Contains(writeable, s.Name), "may write to its image")
	for _, port := range s.Ports {
		ip := net.ParseIP(port.HostIP)
		fault(ip == nil || !ip.IsLoopback(), "is reached from other machines on port %s", port.Published)
	}
	if strings.HasPrefix(s.Name, "worker") {
		grace := time.Duration(0)
		if s.StopGracePeriod != nil {
			grace = time.Duration(*s.StopGracePeriod)
		}
		fault(s.MemLimit == 0 || s.MemLimit > 256<<20, "has more memory than it was measured in")
		fault(grace < time.Minute, "is killed %s after SIGTERM, before its calls have ended", grace)
	}
	for variable := range s.Environment {
		fault(slices.Contains(product, s.Name) && !slices.Contains(variables, variable), "sets %s, which neither worker nor starter reads", variable)
	}
	return found
}

func loadProject(t *testing.T, profile string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../../docker-compose.yml"}, cli.WithProfiles([]string{profile}))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

func serviceNames(p *types.Project) []string {
	return slices.Sorted(slices.Values(p.ServiceNames()))
}
