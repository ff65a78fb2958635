package authserver

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// reply is an answer before it goes out, so that a fault can still change it.
// Where tokens or refused is set, the provider's wire makes status and body.
type reply struct {
	status  int
	header  http.Header
	body    []byte
	tokens  *issue
	refused *refusal
	// truncated announces the whole body and sends half of it.
	truncated bool
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

// tokenReply is an answer with tokens, in the provider's own words.
func tokenReply(i issue) reply {
	r := jsonReply(http.StatusOK, nil)
	r.tokens = &i
	return r
}

// refuse is an error, in the provider's own words.
func refuse(status int, code string, what parameter, message string) reply {
	r := jsonReply(status, nil)
	r.refused = &refusal{status, code, what, message}
	return r
}

func invalidRequest(message string) reply {
	return refuse(http.StatusBadRequest, "invalid_request", theRequest, message)
}

func invalidGrant(what parameter, message string) reply {
	return refuse(http.StatusBadRequest, "invalid_grant", what, message)
}

// invalidClient echoes the Authorization header, as one variant of Fitbit's real
// answer does.
func invalidClient(header string) reply {
	return refuse(http.StatusUnauthorized, "invalid_client", theClient, "Client authentication failed. Received header = "+header)
}

// in puts the reply into a provider's words.
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
	said := jsonReply(status, body)
	said.header, said.truncated = r.header, r.truncated
	return said
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
	_, _ = w.Write(body) // the client may be gone; that is its business
}
