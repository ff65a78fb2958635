package provider

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
)

// The ways in which no answer comes that a person can tell apart.
const (
	faultCancelled = "cancelled"
	faultTime      = "no answer in time"
	faultName      = "host name not resolved"
	faultTLS       = "TLS failed"
	faultRefused   = "connection refused"
	faultRoute     = "no route to the host"
	faultReset     = "connection reset"
	faultClosed    = "connection closed without an answer"
	faultOther     = "no answer"
)

// noAnswer is the failure of a request that got no answer. The network's own
// error stays out of it, for it can quote URLs and proxies' addresses.
func noAnswer(p Provider, err error) *Failure {
	f := &Failure{Provider: p.Name, Kind: Unreachable, Detail: networkFault(err)}
	switch f.Detail {
	case faultName, faultRefused, faultRoute:
		f.Fix = "if it goes on, check token_url and whether the worker may reach it"
	case faultTLS:
		f.Fix = "if it goes on, check token_url and the certificate authorities that the worker trusts"
	}
	return f
}

func networkFault(err error) string {
	var (
		name    *net.DNSError
		network net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return faultCancelled
	case errors.As(err, &name):
		return faultName
	case isTLS(err):
		return faultTLS
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return faultTime
	case errors.Is(err, syscall.ECONNREFUSED):
		return faultRefused
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return faultRoute
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return faultReset
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return faultClosed
	}
	return faultOther
}

// isTLS knows an untrusted certificate, a peer that speaks no TLS, and alerts of
// either side, which crypto/tls reports as operations of the connection.
func isTLS(err error) bool {
	var (
		trust  *tls.CertificateVerificationError
		record tls.RecordHeaderError
		op     *net.OpError
	)
	return errors.As(err, &trust) || errors.As(err, &record) || errors.Is(err, http.ErrSchemeMismatch) ||
		errors.As(err, &op) && (op.Op == "remote error" || op.Op == "local error")
}
