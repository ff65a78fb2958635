package keyvault

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/vault"
)

func TestEveryFailureHasAKindADetailAndAFix(t *testing.T) {
	const host = "my-vault.vault.azure.net"
	answer := func(status int, code, inner string) failure {
		return failure{class: answered, host: host, status: status, code: code, inner: inner}
	}
	token := func(credential string, status int, code, inner string) failure {
		return failure{class: credentialFailed, host: host, credential: credential, status: status, code: code, inner: inner}
	}
	creates := func(f *failure) { f.creates = true }
	with := func(f failure, change func(*failure)) failure { change(&f); return f }

	for _, c := range []struct {
		name    string
		failure failure
		kind    error
		detail  string
		fix     string // a part of it; "" means none
	}{
		// The vault answered.
		{"bad name", answer(400, "BadParameter", ""), vault.ErrRejected, "400 Bad Request, BadParameter", ""},
		{"token of another tenant", answer(401, "Unauthorized", "AKV10032"), vault.ErrCredential, "401 Unauthorized, AKV10032", "vault's own Entra tenant"},
		{"a signing key not known yet", answer(401, "Unauthorized", "AKV10046"), vault.ErrUnavailable, "401 Unauthorized, AKV10046", "it often passes"},
		{"a 401 without a code", answer(401, "Unauthorized", ""), vault.ErrUnavailable, "401 Unauthorized", "it often passes"},
		{"no role", answer(403, "Forbidden", "ForbiddenByRbac"), vault.ErrDenied, "403 Forbidden, ForbiddenByRbac", "Key Vault Secrets Officer"},
		{"denied for no stated reason", answer(403, "Forbidden", ""), vault.ErrDenied, "403 Forbidden", "Key Vault Secrets Officer), an access policy, Azure Policy or a network rule"},
		{"denied by a code that is not known", answer(403, "Forbidden", "ForbiddenByMoonPhase"), vault.ErrDenied, "403 Forbidden, ForbiddenByMoonPhase", "look for"},
		{"a role without new versions", with(answer(403, "Forbidden", "ForbiddenByRbac"), creates), vault.ErrDenied, "403 Forbidden, ForbiddenByRbac", "setSecret"},
		{"Azure Policy", with(answer(403, "Forbidden", ""), func(f *failure) { f.byPolicy = true }), vault.ErrDenied, "403 Forbidden", "expiry date or content type that Azure Policy asks for"},
		{"a new version denied for no stated reason", with(answer(403, "Forbidden", ""), creates), vault.ErrDenied, "403 Forbidden", "a role without setSecret"},
		{"private endpoints only", answer(403, "Forbidden", "ForbiddenByConnection"), vault.ErrDenied, "403 Forbidden, ForbiddenByConnection", "private endpoint"},
		{"an access policy that lacks a permission", answer(403, "Forbidden", "ForbiddenByPolicy"), vault.ErrDenied, "403 Forbidden, ForbiddenByPolicy", "access policy"},
		{"no access policy", answer(403, "Forbidden", "AccessDenied"), vault.ErrDenied, "403 Forbidden, AccessDenied", "access policy"},
		{"firewall", answer(403, "Forbidden", "ForbiddenByFirewall"), vault.ErrDenied, "403 Forbidden, ForbiddenByFirewall", "firewall"},
		{"disabled version", answer(403, "Forbidden", "SecretDisabled"), vault.ErrDisabled, "403 Forbidden, SecretDisabled", "--enabled true"},
		{"no such secret", answer(404, "SecretNotFound", ""), vault.ErrNotFound, "404 Not Found, SecretNotFound", ""},
		{"soft-deleted", answer(409, "Conflict", "ObjectIsDeletedButRecoverable"), vault.ErrDeleted, "409 Conflict, ObjectIsDeletedButRecoverable", "az keyvault secret recover"},
		{"being recovered", answer(409, "Conflict", "ObjectIsBeingRecovered"), vault.ErrUnavailable, "409 Conflict, ObjectIsBeingRecovered", ""},
		{"being deleted", answer(409, "Conflict", "ObjectIsBeingDeleted"), vault.ErrUnavailable, "409 Conflict, ObjectIsBeingDeleted", ""},
		{"soft-deleted without a reason", with(answer(409, "Conflict", ""), func(f *failure) { f.deleted = true }), vault.ErrDeleted, "409 Conflict", "az keyvault secret recover"},
		{"two at once", answer(409, "Conflict", ""), vault.ErrUnavailable, "409 Conflict", ""},
		{"too slow", answer(408, "", ""), vault.ErrUnavailable, "408 Request Timeout", ""},
		{"too large", answer(413, "RequestEntityTooLarge", ""), vault.ErrRejected, "413 Request Entity Too Large", ""},
		{"throttled", with(answer(429, "Throttled", ""), func(f *failure) { f.retryAfter = 16 * time.Second }), vault.ErrThrottled, "429 Too Many Requests, Throttled, retry after 16s", ""},
		{"internal error", answer(500, "InternalServerError", ""), vault.ErrUnavailable, "500 Internal Server Error", ""},
		{"gateway", answer(502, "", ""), vault.ErrUnavailable, "502 Bad Gateway", ""},
		{"outage", answer(503, "ServiceUnavailable", ""), vault.ErrUnavailable, "503 Service Unavailable", ""},
		{"regional failover", with(answer(503, "ServiceUnavailable", ""), func(f *failure) { f.readOnly = true }), vault.ErrReadOnly, "503 Service Unavailable", ""},
		{"a status without a name", answer(599, "", ""), vault.ErrUnavailable, "599", ""},

		// Another host answered, which does not prove that a secret is missing.
		{"a proxy's 404", answer(404, "", ""), vault.ErrUnavailable, "404 Not Found from " + host + ", not in Key Vault's manner", "KEY_VAULT_URL"},
		{"a proxy's 403", answer(403, "", ""), vault.ErrUnavailable, "403 Forbidden from " + host + ", not in Key Vault's manner", "KEY_VAULT_URL"},
		{"a redirect", answer(302, "", ""), vault.ErrUnavailable, "302 Found from " + host + ", a redirect, which is not followed", "KEY_VAULT_URL"},
		{"an answer without end", failure{class: outOfBounds, host: host, excess: "a body of more than 1 MiB"}, vault.ErrUnavailable, "an answer of " + host + " has a body of more than 1 MiB", "KEY_VAULT_URL"},
		{"a page instead of JSON", failure{class: unreadable, host: host}, vault.ErrUnavailable, host + " answers something else than Key Vault's JSON", "KEY_VAULT_URL"},
		{"challenge for another service", failure{class: notKeyVault, host: host}, vault.ErrRejected, host + " does not answer as an Azure Key Vault", "KEY_VAULT_URL"},

		// No answer.
		{"silence", failure{class: silent, host: host}, vault.ErrUnavailable, "no whole answer from " + host, "check KEY_VAULT_URL and the network"},
		{"no file descriptor", failure{class: noDescriptor, host: host}, vault.ErrUnavailable, "too many open files: this process can open no connection", "ulimit -n"},
		{"caller gave up", failure{class: gaveUp, host: host}, vault.ErrUnavailable, "given up before " + host + " answered", ""},
		{"refused", failure{class: refused, host: host}, vault.ErrUnavailable, host + " refuses connections", "KEY_VAULT_URL"},
		{"unknown host", failure{class: unknownHost, host: host}, vault.ErrUnavailable, "no host has the name " + host, "KEY_VAULT_URL"},
		{"untrusted certificate", failure{class: untrusted, host: host}, vault.ErrUnavailable, "the certificate of " + host + " is not trusted", "CA file"},

		// No token.
		{"no credential", failure{class: credentialMissing, credential: CredentialDefault}, vault.ErrCredential, "nothing to get a token with", "TOKENKEEPER_AZURE_CREDENTIAL to managed, workload, environment"},
		{"another's credential", failure{class: credentialMissing}, vault.ErrCredential, "nothing to get a token with", "check TOKENKEEPER_AZURE_CREDENTIAL"},
		{"identity not ready in a chain", failure{class: credentialMissing, credential: CredentialDefault, notReady: true}, vault.ErrUnavailable, "this machine has no managed identity yet", "TOKENKEEPER_AZURE_CREDENTIAL"},
		{"identity not ready", failure{class: credentialMissing, credential: CredentialManaged}, vault.ErrUnavailable, "this machine has no managed identity yet", "ManagedIdentityCredential"},
		{"identity not assigned yet", token(CredentialManaged, 400, "invalid_request", ""), vault.ErrUnavailable, "400 Bad Request, invalid_request to the request for a token", "ManagedIdentityCredential"},
		{"wrong client secret", token(CredentialDefault, 401, "invalid_client", "AADSTS7000215"), vault.ErrCredential, "401 Unauthorized, invalid_client, AADSTS7000215 to the request for a token", "client secret is wrong"},
		{"expired client secret", token(CredentialDefault, 401, "invalid_client", "AADSTS7000222"), vault.ErrCredential, "401 Unauthorized, invalid_client, AADSTS7000222 to the request for a token", "client secret has expired"},
		{"an application that is new", token(CredentialDefault, 400, "unauthorized_client", "AADSTS700016"), vault.ErrUnavailable, "400 Bad Request, unauthorized_client, AADSTS700016 to the request for a token", "no application or tenant has this id"},
		{"federation that is new", token(CredentialWorkload, 401, "invalid_client", "AADSTS700213"), vault.ErrUnavailable, "401 Unauthorized, invalid_client, AADSTS700213 to the request for a token", "AZURE_FEDERATED_TOKEN_FILE"},
		{"blocked identity", token(CredentialManaged, 403, "", ""), vault.ErrUnavailable, "403 Forbidden to the request for a token", "ManagedIdentityCredential"},
		{"metadata service starting", token(CredentialManaged, 404, "", ""), vault.ErrUnavailable, "404 Not Found to the request for a token", "if that lasts, give this machine"},
		{"Entra slow", token(CredentialWorkload, 408, "", ""), vault.ErrUnavailable, "408 Request Timeout to the request for a token", "if that lasts"},
		{"Entra throttles", token(CredentialWorkload, 429, "", ""), vault.ErrUnavailable, "429 Too Many Requests to the request for a token", "if that lasts"},
		{"Entra down", token(CredentialWorkload, 503, "", ""), vault.ErrUnavailable, "503 Service Unavailable to the request for a token", "if that lasts"},
		{"Entra unreachable", token(CredentialWorkload, 0, "", ""), vault.ErrUnavailable, "no answer to the request for a token", "if that lasts"},
		{"not logged in", token(CredentialCLI, 0, "", ""), vault.ErrCredential, "az gives no token", "az login"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := classify(c.failure)
			require.Equal(t, c.kind, v.kind)
			require.Equal(t, c.detail, v.detail)
			if c.fix == "" {
				require.Empty(t, v.fix)
			} else {
				require.Contains(t, v.fix, c.fix)
			}
		})
	}
}

func TestOnlyWhatLooksLikeAnErrorCodeIsRepeated(t *testing.T) {
	require.Equal(t, "SecretNotFound", safeCode("SecretNotFound"))
	require.Empty(t, safeCode(`Invalid token: "fake-refresh-token-1"`))
	require.Empty(t, safeCode("fake-refresh-token-1"))
	require.Empty(t, safeCode(""))
}
