package check

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/stretchr/testify/require"
)

// profiles are the two Temporals of the compose file.
var profiles = []string{"dev", "cluster"}

func composed(t *testing.T, profile string) *types.Project {
	t.Helper()
	options, err := cli.NewProjectOptions([]string{"../../docker-compose.yml"}, cli.WithProfiles([]string{profile}))
	require.NoError(t, err)
	project, err := options.LoadProject(t.Context())
	require.NoError(t, err)
	return project
}

// once are the services that end when they are done; all others must say how
// they are.
var once = []string{"seed", "current", "starter", "schema", "namespace"}

func TestComposeServicesAreTight(t *testing.T) {
	pinned := regexp.MustCompile(`:(v?\d+(\.\d+)+[\w.-]*|local)$`)
	for _, profile := range profiles {
		for name, s := range composed(t, profile).Services {
			t.Run(profile+"/"+name, func(t *testing.T) {
				require.Regexp(t, pinned, s.Image, "the image is not pinned to a version")
				require.Equal(t, []string{"ALL"}, s.CapDrop)
				require.Contains(t, s.SecurityOpt, "no-new-privileges:true")
				require.NotEmpty(t, s.User)
				require.False(t, strings.HasPrefix(s.User, "0"), "runs as root")
				require.Equal(t, name != "vault" && name != "ui", s.ReadOnly, "read-only but for what writes where it is installed")
				for _, port := range s.Ports {
					require.Equal(t, "127.0.0.1", port.HostIP, "a port off loopback")
				}
			})
		}
	}
}

func TestComposeServicesSayHowTheyAre(t *testing.T) {
	for _, profile := range profiles {
		project := composed(t, profile)
		for name, s := range project.Services {
			endsByItself := false
			for _, o := range once {
				endsByItself = endsByItself || o == name
			}
			switch {
			case endsByItself:
				require.NotEqual(t, "unless-stopped", s.Restart, name)
			case name == "vault":
				require.Contains(t, project.Services["seed"].DependsOn, "vault", "its image has no program to ask with, so the seed asks")
			default:
				require.NotNil(t, s.HealthCheck, "%s in profile %s", name, profile)
				require.NotEmpty(t, s.HealthCheck.Test)
				require.Equal(t, "unless-stopped", s.Restart, name)
			}
		}
	}
}

func TestTwoComposeWorkersAreOneVersionThatIsMadeCurrent(t *testing.T) {
	for _, profile := range profiles {
		project := composed(t, profile)
		one, other := project.Services["worker"], project.Services["worker-2"]
		known := documented(t)
		for _, name := range []string{"TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID", "TEMPORAL_ADDRESS", "KEY_VAULT_URL"} {
			require.NotEmpty(t, *one.Environment[name], name)
			require.Equal(t, *one.Environment[name], *other.Environment[name], name)
		}
		for name := range one.Environment {
			require.Contains(t, known, name, "a variable that no page knows")
		}
		require.NotEqual(t, *one.Environment["TOKENKEEPER_HTTP_ADDRESS"], *other.Environment["TOKENKEEPER_HTTP_ADDRESS"], "they share a network")
		require.GreaterOrEqual(t, time.Duration(*one.StopGracePeriod), time.Minute)
		command := strings.Join(project.Services["current"].Command, " ")
		require.Contains(t, command, "--deployment-name="+*one.Environment["TEMPORAL_DEPLOYMENT_NAME"])
		require.Contains(t, command, "--build-id="+*one.Environment["TEMPORAL_WORKER_BUILD_ID"])
		for _, worker := range []string{"worker", "worker-2"} {
			require.Equal(t, types.ServiceConditionHealthy, project.Services["current"].DependsOn[worker].Condition)
		}
		require.Equal(t, types.ServiceConditionCompletedSuccessfully, project.Services["starter"].DependsOn["current"].Condition)
	}
}
