package provider

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The operations at a provider, as failures name them.
const (
	refreshing = "refresh"
	exchanging = "code exchange"
	revoking   = "revocation"
)

// Kind says what a failed refresh means for the grant.
type Kind string

const (
	// Unreachable: no answer came. The refresh token may be spent.
	Unreachable Kind = "unreachable"
	// Unavailable: the provider reported a fault of its own.
	Unavailable Kind = "unavailable"
	// RateLimited: too many calls; Failure.RetryAfter says how long to wait.
	RateLimited Kind = "rate limited"
	// Malformed: an answer of success that holds no usable tokens. The refresh
	// token is probably spent.
	Malformed Kind = "malformed answer"
	// Unexpected: a refusal without a known OAuth error code, such as a
	// firewall's page. It says nothing about the grant.
	Unexpected Kind = "unexpected answer"
	// InvalidGrant: the provider reports in a well-formed error that the refresh
	// token is expired, revoked or spent.
	InvalidGrant Kind = "grant dead"
	// InvalidClient: the provider rejects the client's credentials.
	InvalidClient Kind = "client refused"
	// RequestRejected: the provider rejects the request's form: a defect, or a
	// wrong entry in the table.
	RequestRejected Kind = "request rejected"
	// ProviderRetired: the provider has ended this API.
	ProviderRetired Kind = "retired"
)

// FailureType is the Temporal failure type of a final kind; empty for a kind that
// is retried.
func (k Kind) FailureType() string {
	switch k {
	case InvalidGrant:
		return "InvalidGrant"
	case InvalidClient:
		return "InvalidClient"
	case RequestRejected:
		return "RequestRejected"
	case ProviderRetired:
		return "ProviderRetired"
	}
	return ""
}

// Retryable reports whether the same refresh may succeed later without a repair.
func (k Kind) Retryable() bool { return k.FailureType() == "" }

// Failure is why a request to a provider failed. It holds nothing of the
// provider's answer but its status and a known OAuth error code.
type Failure struct {
	Provider string // the provider's name
	Op       string // the operation; empty for a refresh
	Kind     Kind
	// Status is the HTTP status, as translated by the dialect; zero when no answer
	// came.
	Status int
	// RetryAfter is the wait that the provider asks for, at most MaxRetryAfter;
	// zero when it asks for none.
	RetryAfter time.Duration
	// MaybeSpent: the provider may have taken the refresh token, although the request
	// failed. False only where nothing was sent, or where the provider refused it for
	// good in a well-formed error.
	MaybeSpent bool
	// Issued: the answer was a success and held at least the beginning of a token, so
	// that the refresh token is known to be spent.
	Issued bool
	// MayBeDead: the answer says nothing definite, and where it goes on outside the replay
	// window the grant is probably dead.
	MayBeDead bool
	// Detail is an OAuth error code, or this package's description of the answer.
	Detail string
	// Fix is the operator's next step, as a clause that completes any message about
	// this failure; empty where only waiting helps.
	Fix string
}

// Error joins operation, provider, kind, details and fix.
func (f *Failure) Error() string {
	var details []string
	if f.Status != 0 {
		details = append(details, strings.TrimSpace(strconv.Itoa(f.Status)+" "+http.StatusText(f.Status)))
	}
	if f.Detail != "" {
		details = append(details, f.Detail)
	}
	if f.RetryAfter > 0 {
		details = append(details, "retry after "+f.RetryAfter.String())
	}
	op := cmp.Or(f.Op, refreshing)
	s := fmt.Sprintf("provider: %s at %s: %s", op, f.Provider, f.Kind)
	if len(details) > 0 {
		s += " (" + strings.Join(details, ", ") + ")"
	}
	switch {
	case f.Fix == "":
	case op == refreshing && f.Kind == InvalidGrant:
		s += "; unless a newer token is found, " + f.Fix // the run searches for one next
	default:
		s += "; " + f.Fix
	}
	return s
}

// hint is the Fix of a refused refresh; empty where only waiting helps.
func hint(p Provider, kind Kind, code string) string {
	switch kind {
	case InvalidGrant:
		s := fmt.Sprintf("have the account owner consent again at %s (starter authorize)", p.Title)
		if p.GrantEnds != "" {
			s += "; see first that it will last: " + p.GrantEnds
		}
		return s
	case InvalidClient:
		return fmt.Sprintf("check the client id and secret in the vault's %s (base64 of client_id:client_secret) against the app's registration at %s", p.CredentialsName(), p.Title)
	case RequestRejected:
		return fmt.Sprintf("check the entry of %s in the providers file; if there is none, this is a defect to report", p.Name)
	case ProviderRetired:
		return retiredHint(p)
	case Unexpected:
		// RFC 6750 section 3.1: these two codes are for an access token. A refresh
		// presents none, so they say nothing about the grant; Fitbit's gateway may
		// send them in passing, so the refresh is retried.
		if code == "invalid_token" || code == "expired_token" {
			return fmt.Sprintf("the answer speaks of an access token, which a refresh does not send; check that token_url of %s is its token endpoint", p.Name)
		}
	}
	return ""
}

func retiredHint(p Provider) string {
	s := fmt.Sprintf("%s has ended this API", p.Title)
	if p.Status.Since != "" {
		s += " in " + p.Status.Since
	}
	if p.Status.Successor == "" {
		return s + fmt.Sprintf("; look up its successor and correct token_url of %s in the providers file", p.Name)
	}
	return s + fmt.Sprintf("; grants do not move, so the account owner must consent anew at its successor, provider %s", p.Status.Successor)
}

// transportError is the failure of a request that got no answer; sent says whether any
// of it may have left. The network's own error stays out of it, because it can quote
// URLs and proxies' addresses.
func transportError(p Provider, op string, err error, sent bool) *Failure {
	const (
		route = "if it goes on, check token_url and whether the worker may reach it"
		trust = "if it goes on, check token_url and the certificate authorities that the worker trusts"
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
