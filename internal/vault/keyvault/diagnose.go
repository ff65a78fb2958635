package keyvault

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

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
		beyond      *outOfBoundsError
		final       interface{ NonRetriable() } // azcore's mark
	)
	switch {
	case isNoDescriptor(err): // also in a request for a token
		f.class = noDescriptor
	case errors.As(err, &credential):
		return diagnoseCredential(f, credential)
	case errors.As(err, &response):
		return diagnoseResponse(f, response)
	case errors.As(err, &beyond):
		f.class, f.excess = outOfBounds, beyond.what
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
	if f.inner == "" {
		f.inner = safeCode(akv.FindString(body.Error.Message))
	}
	f.readOnly = strings.Contains(body.Error.Message, "read-only")
	f.byPolicy = strings.Contains(body.Error.Message, "disallowed by policy")
	f.retryAfter = retryAfter(response.RawResponse)
	return f
}

func diagnoseCredential(f failure, e *credentialError) failure {
	f.credential = e.kind
	f.class = credentialFailed
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(e.err, &failed) {
		if !errors.Is(e.err, context.DeadlineExceeded) && !errors.Is(e.err, context.Canceled) {
			f.class = credentialMissing
			// A chain of credentials passes its members' errors on as text alone. The second
			// one's managed identity gave no answer within a second.
			text := e.err.Error()
			f.notReady = strings.Contains(text, "Identity not found") || strings.Contains(text, "managed identity timed out")
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

// akv is the code that begins the message of a 401.
var akv = regexp.MustCompile(`^AKV[0-9]{5}\b`)

// safeCode returns only what looks like an error code: errors repeat no other text
// of the host.
func safeCode(s string) string {
	if !code.MatchString(s) {
		return ""
	}
	return s
}
