package main_test

import (
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
		require.NotContains(t, w.Output(), "search attributes, and this worker cannot add them")
	}

	account := s.consent()
	s.temporalCLI("workflow", "execute", "--namespace", namespace, "--type", "RefreshTokens", "--task-queue", s.TaskQueue(),
		"--workflow-id", account, "--input", `{"account":"`+account+`"}`)
	eventually(t, "the run is found by its account", func() bool {
		return s.temporalCLI("workflow", "count", "--namespace", namespace, "--query", "TokenAccount = '"+account+"' AND TokenHealth = 'healthy'") == "Total: 1\n"
	})
}
