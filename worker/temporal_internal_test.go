package main

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestWhatKeepsAWorkerFromItsNamespaceIsSaidWithTheFix(t *testing.T) {
	for _, tc := range []struct {
		name string
		err  error
		want string
	}{
		{"no such namespace", serviceerror.NewNamespaceNotFound("health"),
			`the Temporal server at temporal.example:7233 has no namespace "health"; set TEMPORAL_NAMESPACE to one that it has, or create it with: temporal operator namespace create --namespace health`},
		{"not allowed", fmt.Errorf("failed reaching server: %w", serviceerror.NewPermissionDenied("Request unauthorized.", "")),
			`the Temporal server at temporal.example:7233 does not let this worker into namespace "health": failed reaching server: Request unauthorized.; check TEMPORAL_NAMESPACE, and TEMPORAL_API_KEY or the client's certificate`},
		{"not known", fmt.Errorf("failed reaching server: %w", status.Error(codes.Unauthenticated, "no API key")),
			`the Temporal server at temporal.example:7233 does not let this worker into namespace "health": failed reaching server: rpc error: code = Unauthenticated desc = no API key; check TEMPORAL_NAMESPACE, and TEMPORAL_API_KEY or the client's certificate`},
		{"no server", fmt.Errorf("failed reaching server: %w", context.DeadlineExceeded),
			`the Temporal server at temporal.example:7233 does not serve this worker: failed reaching server: context deadline exceeded; see that it runs and that TEMPORAL_ADDRESS names it`},
		{"anything else", errors.New("odd"),
			`the Temporal server at temporal.example:7233 does not serve this worker: odd; see that it runs and that TEMPORAL_ADDRESS names it`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.EqualError(t, explain(tc.err, "temporal.example:7233", "health"), tc.want)
		})
	}
	require.NoError(t, explain(nil, "temporal.example:7233", "health"))
}
