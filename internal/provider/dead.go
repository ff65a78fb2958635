package provider

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// DeadAnswer is an answer to a refresh that means a dead grant: its HTTP status, zero for
// any, and the text that Field of the JSON body holds. Field is a path of keys with dots
// between them; empty means "error". A number and a truth value count as their text. The
// answer is as the [Dialect] has translated it.
type DeadAnswer struct {
	Status int
	Field  string
	Value  string
}

// mayMeanDead reports whether an answer with this status can be about a grant: those of
// success, and those of a refusal that does not speak for the whole service.
func mayMeanDead(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusGone, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	}
	return status >= 200 && status < 300 || status >= 400 && status < 500
}

// deadAnswer returns what to quote of the entry's dead answer that this is: the entry's
// own text, because the body may echo a token elsewhere.
func deadAnswer(p Provider, a Answer) (quote string, ok bool) {
	var body map[string]json.RawMessage
	if len(p.DeadAnswers) == 0 || !mayMeanDead(a.Status) || a.decode(&body) != "" {
		return "", false
	}
	for _, dead := range p.DeadAnswers {
		field := cmp.Or(dead.Field, "error")
		if text, found := textAt(body, field); !found || text != dead.Value || dead.Status != 0 && dead.Status != a.Status {
			continue
		}
		if field == "error" {
			return dead.Value, true
		}
		return field + " " + dead.Value, true
	}
	return "", false
}

// textAt returns the text at a path of keys with dots between them; a number and a truth
// value as they are written.
func textAt(body map[string]json.RawMessage, path string) (string, bool) {
	key, rest, deeper := strings.Cut(path, ".")
	raw, found := body[key]
	if deeper {
		var inner map[string]json.RawMessage
		if !found || json.Unmarshal(raw, &inner) != nil {
			return "", false
		}
		return textAt(inner, rest)
	}
	var (
		text   string
		number json.Number
		truth  bool
	)
	switch {
	case !found, string(raw) == "null":
		return "", false
	case json.Unmarshal(raw, &text) == nil:
		return text, true
	case json.Unmarshal(raw, &truth) == nil:
		return strconv.FormatBool(truth), true
	case json.Unmarshal(raw, &number) == nil:
		return number.String(), true
	}
	return "", false
}
