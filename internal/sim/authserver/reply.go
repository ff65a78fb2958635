package authserver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// reply is an answer before it is sent, so that a fault can still change it.
// Where tokens or refused is set, the provider's wire makes status and body.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	tokens  *issue
	refused *refusal
	// truncated announces the whole body and sends half of it.
	truncated bool
	// pause between the bytes of the body; zero sends it at once.
	pause time.Duration
	// endless is how many bytes the body goes on for, unannounced.
	endless int
}

func jsonReply(status int, body any) reply {
	encoded, err := json.Marshal(body)
	if err != nil {
		return textReply(http.StatusInternalServerError, "text/plain", err.Error())
	}
	r := textReply(status, "application/json;charset=UTF-8", string(encoded))
	r.header.Set("Cache-Control", "no-store")
	return r
}

func textReply(status int, contentType, body string) reply {
	return reply{
		status: status,
		header: http.Header{"Content-Type": {contentType}},
		body:   []byte(body),
	}
}

// tokenReply is an answer with tokens, in the provider's format.
func tokenReply(i issue) reply {
	r := jsonReply(http.StatusOK, nil)
	r.tokens = &i
	return r
}

// refuse is an error, in the provider's format.
func refuse(status int, code string, what parameter, message string) reply {
	r := jsonReply(status, nil)
	r.refused = &refusal{status: status, code: code, what: what, message: message}
	return r
}

func invalidRequest(message string) reply {
	return refuse(http.StatusBadRequest, "invalid_request", theRequest, message)
}

func invalidGrant(what parameter, message string) reply {
	return refuse(http.StatusBadRequest, "invalid_grant", what, message)
}

// invalidClient repeats the Authorization header, as one form of Fitbit's real answer
// does.
func invalidClient(header string) reply {
	return refuse(http.StatusUnauthorized, "invalid_client", theClient, "Client authentication failed. Received header = "+header)
}

// in gives the reply a provider's format.
func (r reply) in(w wire) reply {
	var status int
	var body any
	switch {
	case r.tokens != nil:
		status, body = w.issued(*r.tokens)
	case r.refused != nil:
		status, body = w.refused(*r.refused)
	default:
		return r
	}
	formatted := jsonReply(status, body)
	formatted.header, formatted.truncated, formatted.pause = r.header, r.truncated, r.pause
	return formatted
}

// asForm writes the JSON object of an answer as a form.
func (r reply) asForm() reply {
	var fields map[string]any
	decoder := json.NewDecoder(bytes.NewReader(r.body))
	decoder.UseNumber()
	if decoder.Decode(&fields) != nil {
		return r // no JSON
	}
	form := url.Values{}
	for name, value := range fields {
		form.Set(name, fmt.Sprint(value))
	}
	r.body = []byte(form.Encode())
	r.header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	return r
}

// lengthened adds to the end of both tokens. An answer without tokens stays as it is.
func (r reply) lengthened(by string) reply {
	if r.tokens == nil {
		return r
	}
	changed := *r.tokens
	for _, t := range []**string{&changed.access, &changed.refresh} {
		if *t != nil {
			longer := **t + by
			*t = &longer
		}
	}
	r.tokens = &changed
	return r
}

func (r reply) write(w http.ResponseWriter) {
	for name, values := range r.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(r.body)))
	w.WriteHeader(r.status)
	body := r.body
	if r.truncated {
		// net/http closes the connection when less arrives than was announced.
		body = body[:len(body)/2]
	}
	_, _ = w.Write(body) // fails where the client is gone
}
