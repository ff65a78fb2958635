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

func TestDescribeErrorNamesTheFix(t *testing.T) {
	at := server{address: "temporal.test:7233", namespace: "homes"}
	unavailable := func(why string) error {
		return fmt.Errorf("failed reaching server: %w", serviceerror.NewUnavailable(`connection error: desc = "transport: `+why+`"`))
	}
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"connection refused": {
			unavailable("Error while dialing: dial tcp 10.0.0.1:7233: connect: connection refused"),
			"no Temporal server answers at temporal.test:7233 (dial tcp 10.0.0.1:7233: connect: connection refused); if it should be this machine, start one with: temporal server start-dev --db-filename temporal.db; otherwise set TEMPORAL_ADDRESS",
		},
		"no answer in time": {
			fmt.Errorf("failed reaching server: %w", context.DeadlineExceeded),
			"no Temporal server answers at temporal.test:7233 (context deadline exceeded); if it should be this machine, start one with: temporal server start-dev --db-filename temporal.db; otherwise set TEMPORAL_ADDRESS",
		},
		"a strange certificate": {
			unavailable("authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority"),
			"cannot agree on TLS with Temporal at temporal.test:7233: its certificate comes from an authority that this machine does not trust (authentication handshake failed: tls: failed to verify certificate: x509: certificate signed by unknown authority); set TEMPORAL_TLS_SERVER_CA_CERT_PATH to the authority's certificate",
		},
		"plain where TLS is spoken": {
			fmt.Errorf("failed reaching server: %w", serviceerror.NewUnavailable(`connection error: desc = "error reading server preface: EOF"`)),
			"what answers at temporal.test:7233 does not speak Temporal's language (error reading server preface: EOF); if it wants TLS, set TEMPORAL_TLS=true, otherwise correct TEMPORAL_ADDRESS (the Web UI has another port)",
		},
		"a web server": {
			serviceerror.NewUnimplemented("unexpected HTTP status code received from server: 404 (Not Found)"),
			"what answers at temporal.test:7233 does not speak Temporal's language (unexpected HTTP status code received from server: 404 (Not Found)); if it wants TLS, set TEMPORAL_TLS=true, otherwise correct TEMPORAL_ADDRESS (the Web UI has another port)",
		},
		"no API key": {
			fmt.Errorf("failed reaching server: %w", status.Error(codes.Unauthenticated, "no credentials")),
			"temporal at temporal.test:7233 refuses access to namespace \"homes\" (rpc error: code = Unauthenticated no credentials); check TEMPORAL_API_KEY or the client's certificate, and TEMPORAL_NAMESPACE",
		},
		"the wrong API key": {
			serviceerror.NewPermissionDenied("request unauthorized", ""),
			"temporal at temporal.test:7233 refuses access to namespace \"homes\" (request unauthorized); check TEMPORAL_API_KEY or the client's certificate, and TEMPORAL_NAMESPACE",
		},
		"an unknown namespace": {
			serviceerror.NewNamespaceNotFound("homes"),
			"namespace \"homes\" is unknown to Temporal at temporal.test:7233; set TEMPORAL_NAMESPACE to the right one, or create it with: temporal operator namespace create --namespace homes --retention 168h",
		},
		"anything else of Temporal's": {
			serviceerror.NewInvalidArgument("workflow id is too long"),
			"temporal at temporal.test:7233: workflow id is too long",
		},
		"Ctrl-C":           {fmt.Errorf("list: %w", context.Canceled), "interrupted"},
		"Ctrl-C in a call": {serviceerror.NewCanceled("context canceled"), "interrupted"},
		"any other error":  {conflictError{errors.New("runs already")}, "runs already"},
	} {
		t.Run(name, func(t *testing.T) {
			require.EqualError(t, at.describeError(tc.err), tc.want)
		})
	}
	require.NoError(t, at.describeError(nil))
}
