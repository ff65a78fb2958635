package authserver

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// distort gives the answer that goes out in place of the true one. truth is
// the zero reply when the request took no effect.
func (f Fault) distort(truth reply, user, authorization string) reply {
	switch f.Answer {
	case Status:
		return f.statusReply()
	case Malformed:
		return textReply(http.StatusOK, "application/json", `{"access_token":"fake-broken","expires_in":28800,`)
	case HTML:
		return textReply(http.StatusOK, "text/html", "<!doctype html><title>Down for maintenance</title><p>Back soon.")
	case Truncated:
		truth.truncated = true
		return truth
	case NoTokens:
		return jsonReply(http.StatusOK, map[string]any{"expires_in": 28800, "token_type": "Bearer", "user_id": user})
	case EmptyTokens:
		return jsonReply(http.StatusOK, tokenResponse{ExpiresIn: 28800, TokenType: "Bearer", UserID: user})
	case WrongUser:
		return withUserID(truth, WrongUserID)
	case InvalidClient:
		return invalidClient(authorization)
	default:
		return truth
	}
}

func (f Fault) statusReply() reply {
	r := errorReply(f.Status, "system", http.StatusText(f.Status))
	if f.Status >= http.StatusInternalServerError {
		page := fmt.Sprintf("<html><head><title>%d %s</title></head></html>", f.Status, http.StatusText(f.Status))
		r = textReply(f.Status, "text/html", page)
	}
	if f.RetryAfter > 0 {
		r.header.Set("Retry-After", seconds(f.RetryAfter))
	}
	if f.RateLimitReset > 0 {
		r.header.Set(rateLimitReset, seconds(f.RateLimitReset))
	}
	return r
}

// withUserID leaves an answer that is no JSON object as it is.
func withUserID(r reply, user string) reply {
	var body map[string]any
	if json.Unmarshal(r.body, &body) != nil {
		return r
	}
	body["user_id"] = user
	changed := jsonReply(r.status, body)
	changed.header = r.header
	return changed
}

func seconds(d Duration) string { return strconv.Itoa(int(time.Duration(d).Seconds())) }
