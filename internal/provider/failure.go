package provider

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
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

// Answers are what a provider's answer to a refresh is counted as: "ok", or a kind.
func Answers() []string {
	all := []string{"ok"}
	for _, k := range []Kind{Unreachable, Unavailable, RateLimited, Malformed, Unexpected, InvalidGrant, InvalidClient, RequestRejected, ProviderRetired} {
		all = append(all, string(k))
	}
	return all
}

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

// Failure is why a request to a provider failed. It holds nothing of the provider's
// answer but its status, a known error code, and the host that a redirect leads to.
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
	// window the grant is probably dead. It is so for a 4xx that is neither understood nor
	// about the service as a whole, for a RequestRejected, and for a 2xx that is whole JSON
	// with an error or without any token.
	MayBeDead bool
	// Passing: such an answer may be everyone's for a while, a firewall's or a rollout's: a
	// refusal that is no whole JSON object, or a 404.
	Passing bool
	// Detail is a known OAuth error code, one of the entry's dead answers, or this
	// package's description of the answer.
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
	case op == refreshing && f.MayBeDead:
		s += "; if it goes on, " + f.Fix
	default:
		s += "; " + f.Fix
	}
	return s
}
