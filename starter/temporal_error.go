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

// server names the Temporal server and namespace of a command in its errors.
type server struct{ address, namespace string }

// describeError returns Temporal's error in one sentence with its fix. Other
// errors are returned as they are.
func (s server) describeError(err error) error {
	if err == nil || errors.Is(err, errInterrupted) {
		return err
	}
	if errors.Is(err, context.Canceled) || grpcCode(err) == codes.Canceled {
		return errInterrupted
	}
	switch detail, fix := s.diagnose(err); {
	case detail == "":
		return err
	case fix == "":
		return errors.New(detail)
	default:
		return fmt.Errorf("%s; %s", detail, fix)
	}
}

// diagnose says what Temporal's error means, and what mends it. It returns nothing for an
// error that is not Temporal's.
func (s server) diagnose(err error) (detail, fix string) {
	var missing *serviceerror.NamespaceNotFound
	if errors.As(err, &missing) {
		return fmt.Sprintf("namespace %q is unknown to Temporal at %s", s.namespace, s.address),
			"set TEMPORAL_NAMESPACE to the right one, or create it with: " + shell("temporal", "operator", "namespace", "create", "--namespace", s.namespace, "--retention", "168h")
	}
	cause := layers.ReplaceAllString(err.Error(), "")
	switch grpcCode(err) {
	case codes.Unimplemented:
		return s.notTemporal(cause)
	case codes.Unauthenticated, codes.PermissionDenied:
		return fmt.Sprintf("temporal at %s refuses access to namespace %q (%s)", s.address, s.namespace, cause),
			"check TEMPORAL_API_KEY or the client's certificate, and TEMPORAL_NAMESPACE"
	case codes.Unavailable, codes.DeadlineExceeded:
		return s.diagnoseConnection(cause)
	case codes.OK, codes.Unknown:
		return "", ""
	}
	return fmt.Sprintf("temporal at %s: %s", s.address, cause), ""
}

// diagnoseConnection tells by the cause's words, for gRPC passes nothing else on.
func (s server) diagnoseConnection(cause string) (detail, fix string) {
	for _, tls := range tlsMistakes {
		if strings.Contains(cause, tls.words) {
			return fmt.Sprintf("cannot agree on TLS with Temporal at %s: %s (%s)", s.address, tls.meaning, cause), tls.fix
		}
	}
	switch {
	case strings.Contains(cause, "handshake failed"), strings.Contains(cause, "remote error: tls"):
		return fmt.Sprintf("cannot agree on TLS with Temporal at %s (%s)", s.address, cause), "check TEMPORAL_TLS and the certificates that TEMPORAL_TLS_* name"
	case strings.Contains(cause, "server preface"):
		return s.notTemporal(cause)
	case strings.Contains(cause, "no such host"), strings.Contains(cause, "server misbehaving"):
		return fmt.Sprintf("no host has the name in %s (%s)", s.address, cause), "correct TEMPORAL_ADDRESS, or see that this machine's name server answers"
	}
	return fmt.Sprintf("no Temporal server answers at %s (%s)", s.address, cause),
		"if it should be this machine, start one with: " + startServer + "; otherwise set TEMPORAL_ADDRESS"
}

// startServer keeps what it is told; without a file it forgets everything when it ends.
const startServer = "temporal server start-dev --db-filename temporal.db"

// tlsMistakes are what crypto/tls and crypto/x509 say, here and, as an alert, at the server.
var tlsMistakes = []struct{ words, meaning, fix string }{
	{"first record does not look like a TLS handshake", "what answers there speaks no TLS",
		"set TEMPORAL_TLS=false if the way to it is safe, or correct TEMPORAL_ADDRESS"},
	{"remote error: tls: certificate required", "it asks for a client's certificate, and this machine shows none",
		"set TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH"},
	{"remote error: tls: expired certificate", "the client's certificate has expired",
		"renew the certificate that TEMPORAL_TLS_CLIENT_CERT_PATH names"},
	{"remote error: tls: unknown certificate authority", "it does not trust the authority of the client's certificate",
		"use a certificate of an authority that it trusts in TEMPORAL_TLS_CLIENT_CERT_PATH, or add the authority there"},
	{"remote error: tls: bad certificate", "it refuses the client's certificate, or asks for one",
		"set TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH to a certificate that it knows, and is valid now"},
	{"remote error: tls: unknown certificate", "it refuses the client's certificate",
		"set TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH to a certificate that it knows, and is valid now"},
	{"certificate signed by unknown authority", "its certificate comes from an authority that this machine does not trust",
		"set TEMPORAL_TLS_SERVER_CA_CERT_PATH to the authority's certificate"},
	{"certificate is not trusted", "its certificate comes from an authority that this machine does not trust", // macOS
		"set TEMPORAL_TLS_SERVER_CA_CERT_PATH to the authority's certificate"},
	{"certificate has expired or is not yet valid", "its certificate has expired or is not valid yet, by this machine's clock",
		"renew the server's certificate, or set this machine's clock"},
	{"certificate is valid for", "its certificate is for another host",
		"correct TEMPORAL_ADDRESS, or set TEMPORAL_TLS_SERVER_NAME to a name that the certificate is for"},
	{"certificate is not valid for", "its certificate is for another host",
		"correct TEMPORAL_ADDRESS, or set TEMPORAL_TLS_SERVER_NAME to a name that the certificate is for"},
	{"cannot validate certificate for", "its certificate is for another host",
		"correct TEMPORAL_ADDRESS, or set TEMPORAL_TLS_SERVER_NAME to a name that the certificate is for"},
	{"protocol version not supported", "it speaks only versions of TLS before 1.2",
		"have the server, or the proxy before it, take TLS 1.2 or 1.3"},
}

func (s server) notTemporal(cause string) (detail, fix string) {
	return fmt.Sprintf("what answers at %s does not speak Temporal's language (%s)", s.address, cause),
		"if it wants TLS, set TEMPORAL_TLS=true, otherwise correct TEMPORAL_ADDRESS (the Web UI has another port)"
}

// layers are what gRPC and the SDK put around the cause of an error.
var layers = regexp.MustCompile(`^failed reaching server: |connection error: |desc = |transport: |Error while dialing: |"`)

// grpcCode is the code of Temporal's error; OK for any other error.
func grpcCode(err error) codes.Code {
	var service serviceerror.ServiceError
	switch {
	case errors.As(err, &service):
		return service.Status().Code()
	case errors.Is(err, context.DeadlineExceeded):
		return codes.DeadlineExceeded
	}
	if s, ok := status.FromError(err); ok { // without a type of Temporal's own
		return s.Code()
	}
	return codes.OK
}
