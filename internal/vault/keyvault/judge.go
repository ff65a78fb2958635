package keyvault

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"tokenkeeper/internal/vault"
)

// class is how a call failed.
type class int

const (
	answered          class = iota // the host answered with an error status
	silent                         // no answer, or half of one
	gaveUp                         // the caller's context ended first
	refused                        // nobody listens
	unknownHost                    // the name does not resolve
	untrusted                      // the certificate is not one we trust
	unreadable                     // the answer is not the API's JSON
	foreign                        // whoever answers is not an Azure Key Vault
	credentialMissing              // nothing to authenticate with
	credentialFailed               // no token; status is Entra's, 0 without an answer
)

// failure is what is known of a failed call, without any text that the other
// side could have put a secret into.
type failure struct {
	class  class
	host   string
	status int
	// code and inner are the error body's; for credentialFailed they are the
	// OAuth error and the AADSTS code.
	code, inner string
	readOnly    bool // the message speaks of a read-only state
	retryAfter  time.Duration
	credential  string // the kind given to NewCredential; empty if another's
}

func (f failure) notFound() bool {
	return f.class == answered && f.status == http.StatusNotFound && f.code != ""
}

const (
	checkURL = "check KEY_VAULT_URL"
	grant    = `grant this identity the role "Key Vault Secrets Officer" on the vault (a new role takes some minutes to count)`
)

// verdict is the part of a vault.Error that depends on the failure alone.
type verdict struct {
	kind        error
	detail, fix string
}

// judge decides what a failure means to callers and what mends it.
func judge(f failure) verdict {
	switch f.class {
	case silent:
		return verdict{vault.ErrUnavailable, "no whole answer from " + f.host, "if that lasts, " + checkURL + " and the network on the way"}
	case gaveUp:
		return verdict{vault.ErrUnavailable, "given up before " + f.host + " answered", ""}
	case refused:
		return verdict{vault.ErrUnavailable, f.host + " refuses connections", "if that lasts, " + checkURL}
	case unknownHost:
		return verdict{vault.ErrUnavailable, "no host has the name " + f.host, "if that lasts, " + checkURL}
	case untrusted:
		return verdict{vault.ErrUnavailable, "the certificate of " + f.host + " is not trusted", checkURL + " and the CA file that vouches for the vault"}
	case unreadable:
		return verdict{vault.ErrUnavailable, f.host + " answers something else than Key Vault's JSON", "if that lasts, " + checkURL}
	case foreign:
		return verdict{vault.ErrRejected, f.host + " does not answer as an Azure Key Vault", checkURL}
	case credentialMissing:
		return verdict{vault.ErrCredential, "nothing to get a token with", credentialFix(f.credential)}
	case credentialFailed:
		return judgeToken(f)
	}
	return judgeAnswer(f)
}

// judgeToken: Entra's 400, 401 and 403 stay what they are until a person acts;
// everything else passes ("azidentity troubleshooting guide", "How to use
// managed identities: error handling").
func judgeToken(f failure) verdict {
	fix := credentialFix(f.credential)
	switch f.status {
	case 0:
		if f.credential == CredentialCLI {
			return verdict{vault.ErrCredential, "az gives no token", fix}
		}
		return verdict{vault.ErrUnavailable, "no answer to the request for a token", "if that lasts, " + fix}
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return verdict{vault.ErrCredential, describe(f) + " to the request for a token", fix}
	}
	return verdict{vault.ErrUnavailable, describe(f) + " to the request for a token", "if that lasts, " + fix}
}

// judgeAnswer follows "Azure Key Vault REST API error codes" and the error bodies
// that users of the real service posted.
func judgeAnswer(f failure) verdict {
	detail := describe(f)
	switch {
	case f.status == http.StatusTooManyRequests:
		return verdict{vault.ErrThrottled, detail, ""}
	case f.status == http.StatusServiceUnavailable && f.readOnly:
		return verdict{vault.ErrReadOnly, detail, ""}
	case f.status >= http.StatusInternalServerError, f.status == http.StatusRequestTimeout:
		return verdict{vault.ErrUnavailable, detail, ""}
	case f.code == "":
		// A proxy's or a gateway's word is no reason to believe that a secret is
		// missing, or that access is denied.
		return verdict{vault.ErrUnavailable, detail + " from " + f.host + ", not in Key Vault's manner", "if that lasts, " + checkURL}
	}
	switch f.status {
	case http.StatusUnauthorized:
		return verdict{vault.ErrCredential, detail, "check that the identity and the vault are of one Entra tenant"}
	case http.StatusForbidden:
		return judgeForbidden(f)
	case http.StatusNotFound:
		return verdict{vault.ErrNotFound, detail, ""}
	case http.StatusConflict:
		if f.inner == "ObjectIsDeletedButRecoverable" {
			return verdict{vault.ErrDeleted, detail, "recover it with az keyvault secret recover"}
		}
		// Being deleted, being recovered, or changed by two at once: it passes.
		return verdict{vault.ErrUnavailable, detail, ""}
	}
	return verdict{vault.ErrRejected, detail, ""}
}

func judgeForbidden(f failure) verdict {
	detail := describe(f)
	switch f.inner {
	case "SecretDisabled":
		return verdict{vault.ErrDisabled, detail, "enable it with az keyvault secret set-attributes --vault-name VAULT --name NAME --enabled true"}
	case "ForbiddenByFirewall":
		return verdict{vault.ErrDenied, detail, "let this machine's address through the vault's firewall"}
	case "AccessDenied":
		return verdict{vault.ErrDenied, detail, "give this identity get, list, set and recover on secrets in the vault's access policy"}
	}
	return verdict{vault.ErrDenied, detail, grant}
}

// describe reads as "403 Forbidden, ForbiddenByRbac".
func describe(f failure) string {
	text := http.StatusText(f.status)
	parts := []string{strings.TrimSpace(fmt.Sprintf("%d %s", f.status, text))}
	for _, code := range []string{f.code, f.inner} {
		if code != "" && code != strings.ReplaceAll(text, " ", "") {
			parts = append(parts, code)
		}
	}
	if f.retryAfter > 0 {
		parts = append(parts, "retry after "+f.retryAfter.String())
	}
	return strings.Join(parts, ", ")
}
