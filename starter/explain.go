package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// server is the Temporal that a command talks to.
type server struct{ address, namespace string }

// describeError says in one sentence what Temporal's error means and what mends it.
// Errors that are not Temporal's come back as they are.
func (p server) describeError(err error) error {
	if err == nil || errors.Is(err, errInterrupted) {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return errInterrupted
	}
	var missing *serviceerror.NamespaceNotFound
	if errors.As(err, &missing) {
		return fmt.Errorf("namespace %q is unknown to Temporal at %s; set TEMPORAL_NAMESPACE to the right one, or create it with: %s",
			p.namespace, p.address, shell("temporal", "operator", "namespace", "create", "--namespace", p.namespace))
	}
	why := stripWrapping(err)
	switch grpcCode(err) {
	case codes.Unimplemented:
		return p.notTemporal(why)
	case codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Errorf("temporal at %s refuses access to namespace %q (%s); check TEMPORAL_API_KEY or the client's certificate, and TEMPORAL_NAMESPACE", p.address, p.namespace, why)
	case codes.Unavailable, codes.DeadlineExceeded:
		switch {
		case strings.Contains(why, "handshake failed"):
			return fmt.Errorf("cannot agree on TLS with Temporal at %s (%s); check TEMPORAL_TLS and the certificates that TEMPORAL_TLS_* name", p.address, why)
		case strings.Contains(why, "server preface"):
			return p.notTemporal(why)
		}
		return fmt.Errorf("no Temporal server answers at %s (%s); if it should be this machine, start one with: temporal server start-dev; otherwise set TEMPORAL_ADDRESS", p.address, why)
	case codes.OK, codes.Unknown:
		return err
	}
	return fmt.Errorf("temporal at %s: %s", p.address, why)
}

func (p server) notTemporal(why string) error {
	return fmt.Errorf("what answers at %s does not speak Temporal's language (%s); if it wants TLS, set TEMPORAL_TLS=true, otherwise correct TEMPORAL_ADDRESS (the Web UI has another port)", p.address, why)
}

// grpcCode is the gRPC code of Temporal's error; OK for errors of ours.
func grpcCode(err error) codes.Code {
	var service serviceerror.ServiceError
	switch {
	case errors.As(err, &service):
		return service.Status().Code()
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	}
	if s, ok := status.FromError(err); ok { // what has no type of Temporal's own
		return s.Code()
	}
	return codes.OK
}

var layers = regexp.MustCompile(`^failed reaching server: |connection error: |desc = |transport: |Error while dialing: |"`)

// stripWrapping is the core of an error without what each layer put around it.
func stripWrapping(err error) string { return layers.ReplaceAllString(err.Error(), "") }
