package authserver

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// reply is an answer before it goes out, so that a fault can still change it.
type reply struct {
	status int
	header http.Header
	body   []byte
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

// errorReply has Fitbit's shape of an error, which is not that of RFC 6749.
func errorReply(status int, errorType, message string) reply {
	type entry struct {
		ErrorType string `json:"errorType"`
		Message   string `json:"message"`
	}
	return jsonReply(status, struct {
		Errors  []entry `json:"errors"`
		Success bool    `json:"success"`
	}{Errors: []entry{{errorType, message}}})
}

func invalidRequest(message string) reply {
	return errorReply(http.StatusBadRequest, "invalid_request", message)
}

func invalidGrant(message string) reply {
	return errorReply(http.StatusBadRequest, "invalid_grant", message)
}

// invalidClient echoes the Authorization header, as one variant of the real
// answer does.
func invalidClient(header string) reply {
	return errorReply(http.StatusUnauthorized, "invalid_client",
		"Client authentication failed. Received header = "+header)
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
