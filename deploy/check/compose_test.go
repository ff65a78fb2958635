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
			project := loadProject(t, demoFile, profile)
			var found []string
			for _, s := range project.Services {
				found = append(found, brokenRules(s, documentedVariables(t))...)
			}
			require.Empty(t, strings.Join(found, "\n"))
		})
	}
}

func TestAProfileExchangesOnlyTemporal(t *testing.T) {
	require.Equal(t, []string{"current", "fitbit", "network", "retention", "seed", "starter", "temporal", "vault", "worker", "worker-2"}, serviceNames(loadProject(t, demoFile, "dev")))
	require.Equal(t, []string{"current", "fitbit", "namespace", "network", "postgresql", "schema", "seed", "server", "starter", "ui", "vault", "worker", "worker-2"}, serviceNames(loadProject(t, demoFile, "cluster")))
}

// Two builds of one tag would recreate each other's containers at random.
func TestOneServiceBuildsEachImage(t *testing.T) {
	for file, profile := range map[string]string{demoFile: "dev", homeFile: "starter"} {
		builders := map[string]string{}
		for name, s := range loadProject(t, file, profile).Services {
			if s.Build == nil {
				continue
			}
			require.Empty(t, builders[s.Image], "%s: %s is built by %s as well", file, s.Image, name)
			builders[s.Image] = name
		}
		for name, s := range loadProject(t, file, profile).Services {
			if strings.HasPrefix(s.Image, "tokenkeeper-") && s.Build == nil {
				require.NotEmpty(t, builders[s.Image], "%s: no service builds the image of %s", file, name)
				require.Equal(t, "never", s.PullPolicy, "%s: %s would be pulled from a registry", file, name)
			}
		}
	}
}

// A container that ends takes its network with it, and leaves those that share it cut off.
func TestNoNetworkIsThatOfAProgram(t *testing.T) {
	for name, s := range loadProject(t, demoFile, "dev").Services {
		if strings.HasPrefix(s.NetworkMode, "service:") {
			require.Equal(t, "service:network", s.NetworkMode, name)
		}
	}
}

func TestAHomeServerKeepsTheRulesAndWhatItHas(t *testing.T) {
	project := loadProject(t, homeFile, "starter")
	require.Equal(t, []string{"retention", "starter", "temporal", "worker"}, serviceNames(project))
	var found []string
	for _, s := range project.Services {
		found = append(found, brokenRules(s, documentedVariables(t))...)
		require.Equal(t, "10m", s.Logging.Options["max-size"], "the log of %s has no end", s.Name)
		if s.Name == "temporal" || s.Name == "worker" {
			require.Equal(t, "unless-stopped", s.Restart, s.Name)
		}
		for variable := range s.Environment {
			require.NotContains(t, variable, "SECRET", "%s has a secret in the file", s.Name)
		}
	}
	require.Empty(t, strings.Join(found, "\n"))
	require.Contains(t, project.Services["temporal"].Command, "--db-filename=/home/temporal/temporal.db")
	require.NotContains(t, serviceNames(loadProject(t, homeFile, "")), "starter", "up would start it")
}

func TestTheTwoWorkersAreOneVersionThatIsMadeCurrent(t *testing.T) {
	project := loadProject(t, demoFile, "dev")
	one, two := project.Services["worker"], project.Services["worker-2"]
	for _, name := range []string{"TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID"} {
		require.Equal(t, *one.Environment[name], *two.Environment[name])
	}
	require.NotEqual(t, *one.Environment["TOKENKEEPER_HTTP_ADDRESS"], *two.Environment["TOKENKEEPER_HTTP_ADDRESS"], "they share a network")
	current := strings.Join(project.Services["current"].Command, " ")
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
			worker := loadProject(t, demoFile, "dev").Services["worker"]
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
	runOnce       = []string{"seed", "current", "starter", "schema", "namespace", "retention"}
	noHealthCheck = []string{"vault", "network"}
	writeable     = []string{"ui"}
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

// The compose files: the demo's, with everything simulated, and that of a home server.
const (
	demoFile = "../../docker-compose.yml"
	homeFile = "../../compose.home.yml"
)

func loadProject(t *testing.T, file, profile string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{file}, cli.WithProfiles([]string{profile}),
		cli.WithoutEnvironmentResolution) // the home server's settings are not in the repository
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

func serviceNames(p *types.Project) []string {
	return slices.Sorted(slices.Values(p.ServiceNames()))
}
