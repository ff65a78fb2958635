package keyvault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

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
	// code and inner are the error body's; for credentialFailed they are the
	// OAuth error and the AADSTS code.
	code, inner string
	readOnly    bool // the message speaks of a read-only state
	retryAfter  time.Duration
	credential  string // the kind given to NewCredential; empty if the caller made it
}

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
	case notKeyVault:
		return classification{vault.ErrRejected, f.host + " does not answer as an Azure Key Vault", checkURL}
	case credentialMissing:
		return classification{vault.ErrCredential, "nothing to get a token with", credentialFix(f.credential)}
	case credentialFailed:
		return classifyToken(f)
	}
	return classifyAnswer(f)
}

// classifyToken: Entra's 400, 401 and 403 last until an operator acts; all else
// passes ("azidentity troubleshooting guide", "How to use managed identities: error
// handling").
func classifyToken(f failure) classification {
	fix := credentialFix(f.credential)
	switch f.status {
	case 0:
		if f.credential == CredentialCLI {
			return classification{vault.ErrCredential, "az gives no token", fix}
		}
		return classification{vault.ErrUnavailable, "no answer to the request for a token", "if that lasts, " + fix}
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden:
		return classification{vault.ErrCredential, f.describe() + " to the request for a token", fix}
	}
	return classification{vault.ErrUnavailable, f.describe() + " to the request for a token", "if that lasts, " + fix}
}

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
	case f.code == "":
		// A proxy's 404 or 403 does not prove that a secret is missing or denied.
		return classification{vault.ErrUnavailable, detail + " from " + f.host + ", not in Key Vault's manner", "if that lasts, " + checkURL}
	}
	switch f.status {
	case http.StatusUnauthorized:
		return classification{vault.ErrCredential, detail, "check that the identity and the vault are of one Entra tenant"}
	case http.StatusForbidden:
		switch f.inner {
		case "SecretDisabled":
			return classification{vault.ErrDisabled, detail, "enable it with az keyvault secret set-attributes --vault-name VAULT --name NAME --enabled true"}
		case "ForbiddenByFirewall":
			return classification{vault.ErrDenied, detail, "let this machine's address through the vault's firewall"}
		case "AccessDenied":
			return classification{vault.ErrDenied, detail, "give this identity get, list, set and recover on secrets in the vault's access policy"}
		}
		return classification{vault.ErrDenied, detail, assignRole}
	case http.StatusNotFound:
		return classification{vault.ErrNotFound, detail, ""}
	case http.StatusConflict:
		if f.inner == "ObjectIsDeletedButRecoverable" {
			return classification{vault.ErrDeleted, detail, "recover it with az keyvault secret recover"}
		}
		// Being deleted, being recovered, or changed by two callers at once.
		return classification{vault.ErrUnavailable, detail, ""}
	}
	return classification{vault.ErrRejected, detail, ""}
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

// diagnose reads a failure out of an error of azsecrets or azidentity. It keeps none
// of their texts, which carry whole bodies. Ctx is the caller's, without the time
// limit of a single call.
func (c *Client) diagnose(ctx context.Context, err error) failure {
	f := failure{host: c.host}
	if ctx.Err() != nil {
		f.class = gaveUp
		return f
	}
	var (
		credential  *credentialError
		response    *azcore.ResponseError
		dns         *net.DNSError
		certificate *tls.CertificateVerificationError
		network     net.Error
		final       interface{ NonRetriable() } // azcore's mark
	)
	switch {
	case errors.As(err, &credential):
		return diagnoseCredential(f, credential)
	case errors.As(err, &response):
		return diagnoseResponse(f, response)
	case errors.As(err, &dns):
		f.class = unknownHost
		if dns.IsTimeout || dns.IsTemporary {
			f.class = silent
		}
	case errors.As(err, &certificate), errors.As(err, new(x509.UnknownAuthorityError)), errors.As(err, new(x509.HostnameError)):
		f.class = untrusted
	case errors.Is(err, syscall.ECONNREFUSED):
		f.class = refused
	case errors.Is(err, http.ErrSchemeMismatch):
		f.class = notKeyVault
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.DeadlineExceeded):
		f.class = silent
	case errors.As(err, &final):
		f.class = notKeyVault // the challenge is missing or names another service
	default:
		f.class = unreadable
	}
	return f
}

func diagnoseResponse(f failure, response *azcore.ResponseError) failure {
	f.class = answered
	f.status = response.StatusCode
	if response.RawResponse == nil {
		return f
	}
	var body struct {
		Error struct {
			Code, Message string
			InnerError    struct{ Code string }
		}
	}
	decodePayload(response.RawResponse, &body)
	f.code = safeCode(body.Error.Code)
	f.inner = safeCode(body.Error.InnerError.Code)
	f.readOnly = strings.Contains(body.Error.Message, "read-only")
	if seconds, err := strconv.Atoi(response.RawResponse.Header.Get("Retry-After")); err == nil {
		f.retryAfter = time.Duration(seconds) * time.Second
	}
	return f
}

func diagnoseCredential(f failure, e *credentialError) failure {
	f.credential = e.kind
	f.class = credentialFailed
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(e.err, &failed) {
		if !errors.Is(e.err, context.DeadlineExceeded) && !errors.Is(e.err, context.Canceled) {
			f.class = credentialMissing
		}
		return f
	}
	if failed.RawResponse == nil {
		return f
	}
	f.status = failed.RawResponse.StatusCode
	var body struct {
		Error string
		Codes []int `json:"error_codes"`
	}
	decodePayload(failed.RawResponse, &body)
	f.code = safeCode(body.Error)
	if len(body.Codes) > 0 {
		f.inner = "AADSTS" + strconv.Itoa(body.Codes[0])
	}
	return f
}

// decodePayload leaves body empty where the payload is not JSON: it has no codes.
func decodePayload(response *http.Response, body any) {
	if payload, err := runtime.Payload(response); err == nil {
		_ = json.Unmarshal(payload, body)
	}
}

// Long enough for Lowkey Vault's codes, which are names of Java classes.
var code = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_. ]{0,127}$`)

// safeCode returns only what looks like an error code: errors repeat no other text
// of the host.
func safeCode(s string) string {
	if !code.MatchString(s) {
		return ""
	}
	return s
}
