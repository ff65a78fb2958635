package keyvault

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// bundle is a secret, a listed version or a deleted secret on the wire.
// Times are Unix seconds.
type bundle struct {
	Value              *string           `json:"value,omitempty"`
	ContentType        string            `json:"contentType,omitempty"`
	ID                 string            `json:"id"`
	Attributes         attributes        `json:"attributes"`
	Tags               map[string]string `json:"tags,omitempty"`
	RecoveryID         string            `json:"recoveryId,omitempty"`
	DeletedDate        int64             `json:"deletedDate,omitempty"`
	ScheduledPurgeDate int64             `json:"scheduledPurgeDate,omitempty"`
}

type attributes struct {
	Enabled         *bool  `json:"enabled,omitempty"`
	NotBefore       *int64 `json:"nbf,omitempty"`
	Expires         *int64 `json:"exp,omitempty"`
	Created         int64  `json:"created,omitempty"`
	Updated         int64  `json:"updated,omitempty"`
	RecoveryLevel   string `json:"recoveryLevel,omitempty"`
	RecoverableDays int    `json:"recoverableDays,omitempty"`
}

// writeRequest is the body of PUT and PATCH. A PATCH changes only what is present;
// tags that are present replace all tags.
type writeRequest struct {
	Value       *string           `json:"value"`
	ContentType *string           `json:"contentType"`
	Attributes  attributes        `json:"attributes"`
	Tags        map[string]string `json:"tags"`
}

type page struct {
	Value    []bundle `json:"value"`
	NextLink *string  `json:"nextLink"`
}

// reply is the answer to a call, before it is sent or cut.
type reply struct {
	status int
	header http.Header
	body   any
}

const softDeleteDays = 90

func properties(v Version, id string) bundle {
	enabled := v.Enabled
	return bundle{
		ID: id, ContentType: v.ContentType, Tags: v.Tags,
		Attributes: attributes{
			Enabled: &enabled, NotBefore: unix(v.NotBefore), Expires: unix(v.Expires),
			Created: v.Created.Unix(), Updated: v.Updated.Unix(),
			RecoveryLevel: "Recoverable+Purgeable", RecoverableDays: softDeleteDays,
		},
	}
}

func (w writeRequest) apply(v *Version) {
	if w.ContentType != nil {
		v.ContentType = *w.ContentType
	}
	if w.Tags != nil {
		v.Tags = w.Tags
	}
	if w.Attributes.Enabled != nil {
		v.Enabled = *w.Attributes.Enabled
	}
	if w.Attributes.NotBefore != nil {
		v.NotBefore = time.Unix(*w.Attributes.NotBefore, 0).UTC()
	}
	if w.Attributes.Expires != nil {
		v.Expires = time.Unix(*w.Attributes.Expires, 0).UTC()
	}
}

func unix(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	seconds := t.Unix()
	return &seconds
}

func success(body any) reply { return reply{status: http.StatusOK, body: body} }

// errorBody is Key Vault's own shape of an error.
type errorBody struct {
	Error errorDetail `json:"error"`
}

type errorDetail struct {
	Code    string      `json:"code"`
	Message string      `json:"message"`
	Inner   *innerError `json:"innererror,omitempty"`
}

type innerError struct {
	Code string `json:"code"`
}

func failure(e *apiError) reply {
	d := errorDetail{Code: e.code, Message: e.message}
	if e.inner != "" {
		d.Inner = &innerError{e.inner}
	}
	r := reply{status: e.status, header: http.Header{}, body: errorBody{d}}
	if e.retryAfter > 0 {
		r.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.retryAfter.Seconds()))))
	}
	return r
}

// unauthorized is a failure with the challenge that the real vault sends with each 401.
func unauthorized(e *apiError) reply {
	r := failure(e)
	r.header.Set("WWW-Authenticate", challenge)
	return r
}

// bare is a conflict without its inner code; any other reply is as it was.
func (r reply) bare() reply {
	if body, ok := r.body.(errorBody); ok && r.status == http.StatusConflict {
		body.Error.Inner = nil
		r.body = body
	}
	return r
}

func (r reply) write(w http.ResponseWriter) {
	for key, values := range r.header {
		w.Header()[key] = values
	}
	if r.body == nil {
		w.WriteHeader(r.status)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(r.status)
	_ = json.NewEncoder(w).Encode(r.body) // fails where the client is gone
}

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

// errBeingDeleted is the real vault's answer to a purge that came too early, from
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

// errReadOnly is the real vault's answer to writes during a regional failover: 503,
// distinguished from an outage by its message alone (reported by users in
// Azure/azure-cli issue 25693 and MSEndpointMgr/CloudLAPS issue 70).
func errReadOnly(op Operation) *apiError {
	return &apiError{
		status: http.StatusServiceUnavailable, code: "ServiceUnavailable",
		message: fmt.Sprintf("Operation %q is unavailable: the service is currently in a read-only state.", op),
	}
}
