package authserver

import (
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
		return tokenReply(issue{expiresIn: 28800, user: user})
	case EmptyTokens:
		empty := ""
		return tokenReply(issue{access: &empty, refresh: &empty, expiresIn: 28800, user: user})
	case WrongUser:
		if truth.tokens != nil {
			truth.tokens.user = WrongUserID
		}
		return truth
	case InvalidClient:
		return invalidClient(authorization)
	default:
		return truth
	}
}

func (f Fault) statusReply() reply {
	r := refuse(f.Status, "system", theRequest, http.StatusText(f.Status))
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

func seconds(d Duration) string { return strconv.Itoa(int(time.Duration(d).Seconds())) }
