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
	refused                        // the host refuses connections
	unknownHost                    // the name does not resolve
	untrusted                      // the certificate has no known issuer
	unreadable                     // the answer is not the API's JSON
	outOfBounds                    // the answer is none of Key Vault's: too large, or it leads elsewhere
	noDescriptor                   // this process may open no more files and connections
	notKeyVault                    // the host is not an Azure Key Vault
	credentialMissing              // nothing to authenticate with
	credentialFailed               // no token; status is Entra's, 0 without an answer
)

// failure is what is known of a failed call, without any text that the host could
// have put a secret into.
type failure struct {
	class  class
	host   string
	status int
	// code and inner are the error body's, or the AKV code that begins its message; for
	// credentialFailed they are the OAuth error and the AADSTS code.
	code, inner string
	readOnly    bool   // the message speaks of a read-only state
	byPolicy    bool   // the message speaks of Azure Policy
	creates     bool   // the call was to write a new version
	deleted     bool   // a conflict, and the vault lists the name among the deleted
	excess      string // for outOfBounds, what the answer has
	notReady    bool   // the managed identity is not known to its endpoint, or that is silent
	otherTenant bool   // the vault's challenge names another tenant than the credential's
	retryAfter  time.Duration
	credential  string // the kind given to NewCredential; empty if the caller made it
}

// unexplained reports a conflict that does not state its reason.
func (f failure) unexplained() bool {
	if f.class != answered || f.status != http.StatusConflict {
		return false
	}
	switch f.inner {
	case innerDeleted, innerBeingDeleted, innerBeingRecovered:
		return false
	}
	return true
}

// The inner codes of a 409.
const (
	innerDeleted        = "ObjectIsDeletedButRecoverable"
	innerBeingDeleted   = "ObjectIsBeingDeleted"
	innerBeingRecovered = "ObjectIsBeingRecovered"
)

func (f failure) notFound() bool {
	return f.class == answered && f.status == http.StatusNotFound && f.code != ""
}

// classification is the part of a vault.Error that depends on the failure alone.
type classification struct {
	kind        error
	detail, fix string
}

const (
	checkURL   = "check KEY_VAULT_URL"
	assignRole = `grant this identity the role "Key Vault Secrets Officer" on the vault (a new role takes some minutes to count)`
	meetPolicy = "set the expiry date or content type that Azure Policy asks for on the secret's current version, or exempt the vault"
)

// classify decides what a failure means to callers and what mends it.
func classify(f failure) classification {
	switch f.class {
	case silent:
		return classification{vault.ErrUnavailable, "no whole answer from " + f.host, "if that lasts, " + checkURL + " and the network on the way"}
	case gaveUp:
		return classification{vault.ErrUnavailable, "given up before " + f.host + " answered", ""}
	case refused:
		return classification{vault.ErrUnavailable, f.host + " refuses connections", "if that lasts, " + checkURL}
	case unknownHost:
		return classification{vault.ErrUnavailable, "no host has the name " + f.host, "if that lasts, " + checkURL}
	case untrusted:
		return classification{vault.ErrUnavailable, "the certificate of " + f.host + " is not trusted", checkURL + " and the CA file that vouches for the vault"}
	case unreadable:
		return classification{vault.ErrUnavailable, f.host + " answers something else than Key Vault's JSON", "if that lasts, " + checkURL}
	case outOfBounds:
		return classification{vault.ErrUnavailable, "an answer of " + f.host + " has " + f.excess, "if that lasts, " + checkURL}
	case noDescriptor:
		return classification{vault.ErrUnavailable, "too many open files: this process can open no connection", "raise its limit (ulimit -n, LimitNOFILE) or see what holds its files open"}
	case notKeyVault:
		return classification{vault.ErrRejected, f.host + " does not answer as an Azure Key Vault", checkURL}
	case credentialMissing:
		if f.otherTenant {
			return classification{vault.ErrCredential, "the vault is of another tenant than the service principal", "set AZURE_TENANT_ID to the vault's, where an application of it has access (az keyvault show --name VAULT --query properties.tenantId)"}
		}
		if f.notReady || f.credential == CredentialManaged {
			return classification{vault.ErrUnavailable, "this machine has no managed identity yet", "if that lasts, " + credentialFix(f.credential)}
		}
		return classification{vault.ErrCredential, "nothing to get a token with", credentialFix(f.credential)}
	case credentialFailed:
		return classifyToken(f)
	}
	return classifyAnswer(f)
}

// classifyToken: of Entra's refusals only a secret that is wrong or expired lasts until
// an operator acts. An identity, an application or a federation that is new is unknown
// for a while ("How to use managed identities: error handling", "AADSTS error codes").
func classifyToken(f failure) classification {
	fix := credentialFix(f.credential)
	if f.status == 0 {
		if f.credential == CredentialCLI {
			return classification{vault.ErrCredential, "az gives no token", fix}
		}
		return classification{vault.ErrUnavailable, "no answer to the request for a token", "if that lasts, " + fix}
	}
	detail := f.describe() + " to the request for a token"
	if fix, known := principalFixes[f.inner]; known && f.credential == CredentialEnvironment {
		if lastingRefusals[f.inner] {
			return classification{vault.ErrCredential, detail, fix}
		}
		return classification{vault.ErrUnavailable, detail, "if that lasts, " + fix}
	}
	switch f.inner {
	case "AADSTS7000215":
		return classification{vault.ErrCredential, detail, "the client secret is wrong: " + fix}
	case "AADSTS7000222":
		return classification{vault.ErrCredential, detail, "the client secret has expired, make a new one: " + fix}
	case "AADSTS700016", "AADSTS90002":
		return classification{vault.ErrUnavailable, detail, "if that lasts, no application or tenant has this id: " + fix}
	}
	return classification{vault.ErrUnavailable, detail, "if that lasts, " + fix}
}

// lastingRefusals are those that no waiting mends: the variable has to be changed.
var lastingRefusals = map[string]bool{"AADSTS7000215": true, "AADSTS7000222": true, "AADSTS1000502": true}

// principalFixes name, by Entra's code, the variable of a service principal that is wrong
// ("Microsoft Entra authentication and authorization error codes").
var principalFixes = map[string]string{
	"AADSTS7000215": "AZURE_CLIENT_SECRET is not the value of a secret of this application, or is its id; " + makeSecret,
	"AADSTS7000222": "AZURE_CLIENT_SECRET has expired; " + makeSecret,
	"AADSTS700027":  "AZURE_CLIENT_CERTIFICATE_PATH has a certificate that is not registered on the application; register it with: az ad app credential reset --append --id CLIENT-ID --cert @FILE",
	"AADSTS1000502": "AZURE_CLIENT_CERTIFICATE_PATH has a certificate that has expired; make a new one, and register it on the application",
	"AADSTS700024":  "the clock of this machine is wrong: AZURE_CLIENT_CERTIFICATE_PATH signs with its time",
	"AADSTS700016":  "AZURE_CLIENT_ID is no application of the tenant AZURE_TENANT_ID; correct either",
	"AADSTS7000112": "the application AZURE_CLIENT_ID is disabled; enable it, or name another",
	"AADSTS90002":   "AZURE_TENANT_ID is no tenant of this cloud; az account show --query tenantId",
	"AADSTS900023":  "AZURE_TENANT_ID is no tenant; az account show --query tenantId",
}

const makeSecret = "make one with: az ad app credential reset --append --id CLIENT-ID"

// classifyAnswer follows "Azure Key Vault REST API error codes" and the error bodies
// that users of the real service posted.
func classifyAnswer(f failure) classification {
	detail := f.describe()
	switch {
	case f.status == http.StatusTooManyRequests:
		return classification{vault.ErrThrottled, detail, ""}
	case f.status == http.StatusServiceUnavailable && f.readOnly:
		return classification{vault.ErrReadOnly, detail, ""}
	case f.status >= http.StatusInternalServerError, f.status == http.StatusRequestTimeout:
		return classification{vault.ErrUnavailable, detail, ""}
	case f.status >= 300 && f.status < 400:
		return classification{vault.ErrUnavailable, detail + " from " + f.host + ", a redirect, which is not followed", "if that lasts, " + checkURL + " and the proxy on the way"}
	case f.code == "":
		// A proxy's 404 or 403 does not prove that a secret is missing or denied.
		return classification{vault.ErrUnavailable, detail + " from " + f.host + ", not in Key Vault's manner", "if that lasts, " + checkURL}
	}
	switch f.status {
	case http.StatusUnauthorized:
		if f.inner == "AKV10032" {
			return classification{vault.ErrCredential, detail, "use an identity of the vault's own Entra tenant"}
		}
		// AKV10046 and its kind come and go by themselves.
		return classification{vault.ErrUnavailable, detail, "it often passes; if it lasts, check that the identity still exists"}
	case http.StatusForbidden:
		return classifyForbidden(f)
	case http.StatusNotFound:
		return classification{vault.ErrNotFound, detail, ""}
	case http.StatusConflict:
		if f.deleted || f.inner == innerDeleted {
			return classification{vault.ErrDeleted, detail, "recover it with az keyvault secret recover"}
		}
		// Being deleted, being recovered, or changed by two callers at once.
		return classification{vault.ErrUnavailable, detail, ""}
	}
	return classification{vault.ErrRejected, detail, ""}
}

// classifyForbidden names for each inner code its own fix. All but a disabled version
// may end by itself: roles, policies and network rules take minutes to count.
func classifyForbidden(f failure) classification {
	detail := f.describe()
	denied := func(fix string) classification { return classification{vault.ErrDenied, detail, fix} }
	switch f.inner {
	case "SecretDisabled":
		return classification{vault.ErrDisabled, detail, "enable it with az keyvault secret set-attributes --vault-name VAULT --name NAME --enabled true"}
	case "ForbiddenByFirewall":
		return denied("let this machine's address through the vault's firewall")
	case "ForbiddenByConnection":
		return denied("the vault takes calls by private endpoint only: run the worker in its network, or permit public access")
	}
	switch {
	case f.byPolicy:
		return denied(meetPolicy)
	case f.inner == "AccessDenied", f.inner == "ForbiddenByPolicy":
		return denied("give this identity get, list, set and recover on secrets in the vault's access policy")
	case f.inner == "ForbiddenByRbac" && f.creates:
		return denied(assignRole + "; its action setSecret is refused")
	case f.inner == "ForbiddenByRbac":
		return denied(assignRole)
	case f.creates:
		return denied("look for an Azure Policy (" + meetPolicy + "), a role without setSecret, an access policy or a network rule")
	}
	return denied("look for a missing role (Key Vault Secrets Officer), an access policy, Azure Policy or a network rule")
}

// describe reads as "403 Forbidden, ForbiddenByRbac".
func (f failure) describe() string {
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
