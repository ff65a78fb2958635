package provider

import (
	"cmp"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What may be asked of a provider, as its failures name it.
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
	// Unavailable: the provider said that the fault is its own.
	Unavailable Kind = "unavailable"
	// RateLimited: too many calls; Failure.RetryAfter says how long to wait.
	RateLimited Kind = "rate limited"
	// Malformed: an answer of success that holds no usable tokens. The refresh
	// token is probably spent.
	Malformed Kind = "malformed answer"
	// InvalidGrant: the refresh token is expired, revoked or spent, in the
	// provider's own well-formed word.
	InvalidGrant Kind = "grant dead"
	// InvalidClient: the provider does not take the client's credentials.
	InvalidClient Kind = "client refused"
	// RequestRejected: the provider calls the request itself wrong: a defect, or a
	// wrong entry in the table.
	RequestRejected Kind = "request rejected"
	// ProviderRetired: the provider has ended this API.
	ProviderRetired Kind = "retired"
	// Unexpected: a refusal without a known OAuth error code, such as a
	// firewall's page. It says nothing about the grant.
	Unexpected Kind = "unexpected answer"
)

// Retryable reports whether the same refresh may go through later without
// anyone mending anything first.
func (k Kind) Retryable() bool {
	switch k {
	case InvalidGrant, InvalidClient, RequestRejected, ProviderRetired:
		return false
	}
	return true
}

// Failure is why a refresh gave no pair. It holds no word of the provider's
// answer but its status and an error code from RFC 6749 and its kin.
type Failure struct {
	Provider string // the provider's name
	// Op is what was asked for: a refresh, where it is empty.
	Op   string
	Kind Kind
	// Status is the HTTP status, in the dialect's translation; zero when no
	// answer came.
	Status int
	// RetryAfter is how long the provider asks to be left alone, at most
	// MaxRetryAfter; zero when it does not say.
	RetryAfter time.Duration
	// Detail is an OAuth error code, or this package's words for what came.
	Detail string
	// Fix tells a person what to do; empty where waiting is all there is to do.
	Fix string
}

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
	s := fmt.Sprintf("provider: %s at %s: %s", cmp.Or(f.Op, refreshing), f.Provider, f.Kind)
	if len(details) > 0 {
		s += " (" + strings.Join(details, ", ") + ")"
	}
	if f.Fix != "" {
		s += "; " + f.Fix
	}
	return s
}
