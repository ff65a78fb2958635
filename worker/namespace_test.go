package main_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
)

func TestWorkersAddTheSearchAttributesWhereTheyAreMissing(t *testing.T) {
	s := newSystem(t)
	namespace := unique("namespace")
	s.createNamespace(namespace)
	one, other := s.launch("TEMPORAL_NAMESPACE="+namespace), s.launch("TEMPORAL_NAMESPACE="+namespace)
	require.NoError(t, one.Ready(t.Context()))
	require.NoError(t, other.Ready(t.Context()))
	listed, err := s.temporal.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	require.NoError(t, err)
	for _, name := range []string{"TokenAccount", "TokenProvider", "TokenHealth"} {
		require.Contains(t, listed.GetCustomAttributes(), name)
	}
	for _, w := range []process{one, other} {
		require.NotContains(t, w.Output(), "runs will carry no search attributes")
	}

	account := s.refreshIn(namespace)
	eventually(t, "the run is found by its account", func() bool {
		return s.temporalCLI("workflow", "count", "--namespace", namespace, "--query", "TokenAccount = '"+account+"' AND TokenHealth = 'healthy'") == "Total: 1\n"
	})
}

func TestRunsAreGreenWhereASearchAttributeIsOfAnotherType(t *testing.T) {
	s := newSystem(t)
	namespace := unique("namespace")
	s.createNamespace(namespace)
	s.temporalCLI("operator", "search-attribute", "create", "--namespace", namespace, "--name", "TokenHealth", "--type", "Int")
	said := s.work("TEMPORAL_NAMESPACE="+namespace).logged("runs will carry no search attributes", 1)[0].Error
	require.Contains(t, said, "TokenHealth of namespace "+namespace+" is of type Int and not Keyword; remove it, and start the workers again: temporal ")
	s.refreshIn(namespace)

	_, command, _ := strings.Cut(said, "start the workers again: temporal ")
	s.temporalCLI(strings.Fields(command)...)
	require.NotContains(t, s.work("TEMPORAL_NAMESPACE="+namespace).Output(), "runs will carry no search attributes")
}

// refreshIn refreshes a new account in a namespace, to success, and returns the
// account.
func (s *system) refreshIn(namespace string) (account string) {
	s.t.Helper()
	account = s.consent()
	s.temporalCLI("workflow", "execute", "--namespace", namespace, "--type", "RefreshTokens", "--task-queue", s.TaskQueue(),
		"--workflow-id", account, "--input", `{"account":"`+account+`"}`)
	require.True(s.t, s.Provider.IsLive(s.Held(account)))
	return account
}
