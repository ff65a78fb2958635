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
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"tokenkeeper/internal/vault"
)

// fail turns an error of the library into ours. Ctx is the caller's, without the
// time limit that we put on the call.
func (c *Client) fail(ctx context.Context, op, name string, err error) error {
	return c.failAs(op, name, c.diagnose(ctx, err))
}

func (c *Client) failAs(op, name string, f failure) error {
	v := judge(f)
	return &vault.Error{Op: op, Name: name, Kind: v.kind, Detail: v.detail, Fix: v.fix}
}

// diagnose reads what is worth knowing out of an error of azsecrets or
// azidentity. It keeps no text of theirs: their messages carry whole bodies.
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
		f.class = foreign
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, context.DeadlineExceeded):
		f.class = silent
	case errors.As(err, &final):
		// The challenge is missing or names another service.
		f.class = foreign
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
	if payload, err := runtime.Payload(response.RawResponse); err == nil {
		// What is no JSON has no codes.
		_ = json.Unmarshal(payload, &body)
	}
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
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(e.err, &failed) {
		f.class = credentialMissing
		if errors.Is(e.err, context.DeadlineExceeded) || errors.Is(e.err, context.Canceled) {
			f.class = credentialFailed
		}
		return f
	}
	f.class = credentialFailed
	if failed.RawResponse == nil {
		return f
	}
	f.status = failed.RawResponse.StatusCode
	var body struct {
		Error string
		Codes []int `json:"error_codes"`
	}
	if payload, err := runtime.Payload(failed.RawResponse); err == nil {
		_ = json.Unmarshal(payload, &body)
	}
	f.code = safeCode(body.Error)
	if len(body.Codes) > 0 {
		f.inner = "AADSTS" + strconv.Itoa(body.Codes[0])
	}
	return f
}

// Long enough for Lowkey Vault's codes, which are names of Java classes.
var code = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_. ]{0,127}$`)

// safeCode lets through only what looks like an error code: our errors repeat no
// other text of the far side.
func safeCode(s string) string {
	if !code.MatchString(s) {
		return ""
	}
	return s
}
