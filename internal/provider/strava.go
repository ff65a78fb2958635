package provider

import "net/http"

// fromStrava turns {"message":"Bad Request","errors":[{"resource":"RefreshToken",
// "field":"refresh_token","code":"invalid"}]} into {"error":"invalid_grant"}.
// Which secret was wrong is in the resource, and nothing else is read. Successes
// are RFC 6749's already, but for expires_at, which says nothing that expires_in
// does not.
func fromStrava(a Answer) Answer {
	var body struct {
		Errors []struct {
			Resource string `json:"resource"`
		} `json:"errors"`
	}
	if a.Status < 400 || a.Status >= 500 || a.decode(&body) != "" || len(body.Errors) == 0 {
		return a
	}
	switch body.Errors[0].Resource {
	case "RefreshToken", "AuthorizationCode":
		return refusal(a, a.Status, "invalid_grant")
	case "Application":
		// A wrong client id comes with 400, a wrong secret with 401.
		if a.Status == http.StatusBadRequest || a.Status == http.StatusUnauthorized {
			return refusal(a, http.StatusUnauthorized, "invalid_client")
		}
	}
	return a
}
