package keyvault

import (
	"encoding/json"
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

// writeRequest is the body of PUT and PATCH. What is absent in a PATCH stays as
// it is; tags that are present replace all tags.
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

// reply is what a call comes to, before it goes on the wire or is cut.
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

func failure(e *apiError) reply {
	type inner struct {
		Code string `json:"code"`
	}
	type detail struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Inner   *inner `json:"innererror,omitempty"`
	}
	d := detail{Code: e.code, Message: e.message}
	if e.inner != "" {
		d.Inner = &inner{e.inner}
	}
	r := reply{status: e.status, header: http.Header{}, body: map[string]detail{"error": d}}
	if e.retryAfter > 0 {
		r.header.Set("Retry-After", strconv.Itoa(int(math.Ceil(e.retryAfter.Seconds()))))
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
	// A client that has gone is no concern of the vault's.
	_ = json.NewEncoder(w).Encode(r.body)
}
