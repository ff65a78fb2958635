package provider

import "fmt"

// fix says what a person can do about a failure; empty where there is nothing
// to do but wait.
func fix(p Provider, kind Kind, code string) string {
	switch kind {
	case InvalidGrant:
		consent := fmt.Sprintf("if no newer token is in the vault, the person must consent again at %s, and the new refresh token goes into the vault", p.Title)
		if p.GrantEnds != "" {
			consent += "; see first that it will last: " + p.GrantEnds
		}
		return consent
	case InvalidClient:
		return fmt.Sprintf("check the client id and secret in the vault's %s (base64 of client_id:client_secret) against the app's registration at %s", p.CredentialsName(), p.Title)
	case RequestRejected:
		return fmt.Sprintf("check the entry of %s in the providers file; if there is none, this is a defect to report", p.Name)
	case ProviderRetired:
		return retiredFix(p)
	case Unexpected:
		return unexpectedFix(p, code)
	}
	return ""
}

func retiredFix(p Provider) string {
	s := fmt.Sprintf("%s has ended this API", p.Title)
	if p.Status.Since != "" {
		s += " in " + p.Status.Since
	}
	if p.Status.Successor == "" {
		return s + fmt.Sprintf("; look up its successor and correct token_url of %s in the providers file", p.Name)
	}
	return s + fmt.Sprintf("; grants do not move, so the person must consent anew at its successor, provider %s", p.Status.Successor)
}

// unexpectedFix explains the one code that a token endpoint has no business
// sending. invalid_token and expired_token speak of an access token (RFC 6750
// section 3.1), and a refresh presents none: whoever says so took the request
// for an API call. That says nothing about the grant, and as Fitbit's gateway
// may do it in passing, the refresh is tried again.
func unexpectedFix(p Provider, code string) string {
	if code == "invalid_token" || code == "expired_token" {
		return fmt.Sprintf("the answer speaks of an access token, which a refresh does not send; check that token_url of %s is its token endpoint", p.Name)
	}
	return ""
}
