package keyvault

import (
	"fmt"
	"net/http"
	"time"
)

// apiError is an answer in Key Vault's own error shape:
// {"error":{"code","message","innererror":{"code"}}}.
type apiError struct {
	status     int
	code       string
	inner      string
	message    string
	retryAfter time.Duration
}

func errBadParameter(message string) *apiError {
	return &apiError{status: http.StatusBadRequest, code: "BadParameter", message: message}
}

func errUnauthorized() *apiError {
	return &apiError{status: http.StatusUnauthorized, code: "Unauthorized", message: "AKV10000: Request is missing a Bearer or PoP token."}
}

func errForbidden() *apiError {
	return &apiError{status: http.StatusForbidden, code: "Forbidden", inner: "ForbiddenByRbac", message: "Caller is not authorized to perform action on resource."}
}

func errSecretDisabled() *apiError {
	return &apiError{status: http.StatusForbidden, code: "Forbidden", inner: "SecretDisabled", message: "Operation get is not allowed on a disabled secret."}
}

func errSecretNotFound(id string) *apiError {
	return &apiError{status: http.StatusNotFound, code: "SecretNotFound", message: fmt.Sprintf("A secret with (name/id) %s was not found in this key vault.", id)}
}

func errDeletedSecretNotFound(name string) *apiError {
	return &apiError{status: http.StatusNotFound, code: "SecretNotFound", message: "Deleted Secret not found: " + name}
}

func errDeletedButRecoverable(name string) *apiError {
	return &apiError{
		status: http.StatusConflict, code: "Conflict", inner: "ObjectIsDeletedButRecoverable",
		message: fmt.Sprintf("Secret %s is deleted but recoverable; its name cannot be used before it is recovered or purged.", name),
	}
}

// errBeingDeleted is what the real vault said to a purge that came too early, in
// the recorded tests of Azure/azure-sdk-for-js.
func errBeingDeleted(name string) *apiError {
	return &apiError{
		status: http.StatusConflict, code: "Conflict", inner: "ObjectIsBeingDeleted",
		message: fmt.Sprintf("Secret %s is currently being deleted; retry later.", name),
	}
}

func errBeingRecovered(name string) *apiError {
	return &apiError{
		status: http.StatusConflict, code: "Conflict", inner: "ObjectIsBeingRecovered",
		message: fmt.Sprintf("Secret %s is currently being recovered; retry later.", name),
	}
}

func errThrottled(after time.Duration) *apiError {
	return &apiError{
		status: http.StatusTooManyRequests, code: "Throttled", retryAfter: after,
		message: "Too many requests were received. Reason: VaultRequestTypeLimitReached",
	}
}

func errUnavailable() *apiError {
	return &apiError{status: http.StatusServiceUnavailable, code: "ServiceUnavailable", message: "The service is unavailable."}
}

// errReadOnly is what the real vault answers to writes during a regional
// failover: 503, told from an outage by its message alone (reported by users in
// Azure/azure-cli issue 25693 and MSEndpointMgr/CloudLAPS issue 70).
func errReadOnly(op Operation) *apiError {
	return &apiError{
		status: http.StatusServiceUnavailable, code: "ServiceUnavailable",
		message: fmt.Sprintf("Operation %q is unavailable: the service is currently in a read-only state.", op),
	}
}
