package provider

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// transportError is the failure of a request that got no answer; sent says whether any
// of it may have left. The network's own error stays out of it, because it can quote
// URLs and proxies' addresses.
func transportError(p Provider, op string, err error, sent bool) *Failure {
	const (
		route = "if it goes on, check token_url and whether the worker may reach it"
		trust = "if it goes on, check token_url and the certificate authorities that the worker trusts"
		files = "raise this process's limit (ulimit -n, LimitNOFILE) or see what holds its files open"
	)
	var (
		name    *net.DNSError
		network net.Error
		detail  = "no answer"
		fix     string
	)
	switch {
	case errors.Is(err, context.Canceled):
		detail = "cancelled"
	case says(err, syscall.EMFILE.Error()): // the resolver passes it on as text alone
		detail, fix = "too many open files, so that no connection can be opened", files
	case errors.As(err, &name):
		detail, fix = "host name not resolved", route
	case isTLS(err):
		detail, fix = "TLS failed", trust
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		detail = "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		detail, fix = "connection refused", route
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		detail, fix = "no route to the host", route
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		detail = "connection reset"
	case says(err, "response headers exceeded"), says(err, "response header list larger"): // HTTP/1 and HTTP/2
		detail = "an answer with more than 64 KiB of headers"
	case says(err, "connection error: PROTOCOL_ERROR"): // among other things more than twice as many
		detail = "an answer that breaks HTTP/2"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		detail = "connection closed without an answer"
	}
	return &Failure{Provider: p.Name, Op: op, Kind: Unreachable, Detail: detail, Fix: fix, MaybeSpent: sent}
}

// says recognises the errors for which net/http has no type.
func says(err error, words string) bool { return err != nil && strings.Contains(err.Error(), words) }

// isTLS recognises an untrusted certificate, a peer without TLS, and alerts of
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
