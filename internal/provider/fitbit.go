package provider

import "net/http"

// fromFitbit turns {"errors":[{"errorType":…,"message":…}],"success":false}
// into {"error":…}. The message is dropped: it echoes the refresh token, or the
// whole Basic header. Successes are RFC 6749's already.
func fromFitbit(a Answer) Answer {
	var body struct {
		Errors []struct {
			ErrorType string `json:"errorType"`
		} `json:"errors"`
	}
	if a.decode(&body) != "" || len(body.Errors) == 0 {
		return a
	}
	code, status := body.Errors[0].ErrorType, a.Status
	// "system" is Fitbit's rate limit. With a 5xx it is an outage and with 410 the
	// end of the API, and the status says so.
	if code == "system" && status >= 400 && status < 500 && status != http.StatusGone {
		status = http.StatusTooManyRequests
	}
	return refusal(a, status, code)
}
