package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"tokenkeeper/internal/token"
)

// Secrets is the part of Azure Key Vault that this package needs. Every method
// returns an [*Error] of one of the kinds below ([ErrNotFound], …), without a
// secret's value in it. Package keyvault implements it over azsecrets.
type Secrets interface {
	// Get reads one version, or the current one when version is empty.
	Get(ctx context.Context, name, version string) (Secret, error)
	// Set writes a new version, which becomes the current one: the last Set wins.
	Set(ctx context.Context, name string, value token.Secret, p Properties) (Properties, error)
	// SetTags replaces all tags of one version and leaves its value and expiry, and
	// which version is current, as they are.
	SetTags(ctx context.Context, name, version string, tags map[string]string) error
	// DisableVersion keeps one version from being read and leaves its value, tags and
	// expiry as they are.
	DisableVersion(ctx context.Context, name, version string) error
	// Versions lists every version, in no order; none for a name never written.
	Versions(ctx context.Context, name string) ([]Properties, error)
	// IsDeleted reports whether the name is soft-deleted: kept by the vault, but
	// neither readable nor writable until recovered.
	IsDeleted(ctx context.Context, name string) (bool, error)
	// Recover brings a soft-deleted name back with all its versions and returns once
	// it can be written again.
	Recover(ctx context.Context, name string) error
}

// Secret is one version of a secret.
type Secret struct {
	Properties
	Value token.Secret
}

// Properties are a version's attributes, which Key Vault lists without its value.
type Properties struct {
	Version     string
	ContentType string
	Tags        map[string]string
	Expires     time.Time // the exp attribute; zero for none. Key Vault serves the value all the same
	Created     time.Time // by the vault's clock, in whole seconds; ignored by Set
	Enabled     bool      // ignored by Set, which enables
}

// The kinds of failure that callers tell apart.
var (
	ErrNotFound    = errors.New("not found")          // no secret has this name, or none has this version
	ErrDeleted     = errors.New("soft-deleted")       // the name must be recovered first
	ErrDisabled    = errors.New("disabled")           // the version exists and cannot be read
	ErrDenied      = errors.New("access denied")      // retryable: a new role takes minutes to count
	ErrReadOnly    = errors.New("read-only")          // retryable: a regional failover
	ErrThrottled   = errors.New("throttled")          // retryable: too many calls in ten seconds
	ErrUnavailable = errors.New("unavailable")        // retryable: no answer, or a 5xx
	ErrCredential  = errors.New("credential refused") // by Microsoft Entra for good, or there is none
	ErrRejected    = errors.New("request rejected")   // the request itself is wrong

	ErrMalformed     = errors.New("malformed")                // the value cannot be what it should be
	ErrOtherProvider = errors.New("another provider's token") // another provider issued the refresh token
	ErrConflict      = errors.New("conflict")                 // two refresh tokens of one consent and generation
)

// Error is a failed call of the vault.
type Error struct {
	Op     string // "get", "set", "tag", "disable", "list", "recover"
	Name   string // the secret's name
	Kind   error  // one of the kinds above
	Detail string // "403 Forbidden, SecretDisabled", or the network error; never a value
	Fix    string // what mends it; empty where only waiting does
}

func (e *Error) Error() string {
	s := fmt.Sprintf("vault: %s %s: %v", e.Op, e.Name, e.Kind)
	if e.Detail != "" {
		s += " (" + e.Detail + ")"
	}
	if e.Fix != "" {
		s += "; " + e.Fix
	}
	return s
}

func (e *Error) Unwrap() error { return e.Kind }

// Retryable reports whether waiting alone may make the same call succeed.
func Retryable(err error) bool {
	for _, permanent := range []error{ErrNotFound, ErrDeleted, ErrDisabled, ErrCredential, ErrRejected, ErrMalformed, ErrConflict, ErrOtherProvider} {
		if errors.Is(err, permanent) {
			return false
		}
	}
	return true
}
