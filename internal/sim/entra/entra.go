// Package entra simulates what Microsoft Entra does for a service principal: the client
// credentials grant of the Microsoft identity platform, with a secret or a certificate,
// and its refusals as they stand on the wire.
//
// It is https under the name of Entra's public host, as Azure's libraries demand, with a
// certificate of its own that clients have to trust.
package entra

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"time"
)

// Host is the name that the server's certificate is for.
const Host = "login.microsoftonline.com"

// Application is what is registered in the tenant. It may be changed while the server runs.
type Application struct {
	TenantID, ClientID string
	Secret             string
	SecretExpired      bool
	Certificates       []*x509.Certificate
	Disabled           bool
}

// Server is a running Entra with one tenant and one application.
type Server struct {
	server      *httptest.Server
	certificate []byte // PEM

	mu          sync.Mutex
	application Application
	issued      int
}

// Start serves on a free port of loopback.
func Start(application Application) (*Server, error) {
	pair, certificate, err := newIdentity(Host)
	if err != nil {
		return nil, err
	}
	s := &Server{application: application, certificate: certificate}
	s.server = httptest.NewUnstartedServer(s)
	s.server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	s.server.StartTLS()
	return s, nil
}

// Close ends the server.
func (s *Server) Close() { s.server.Close() }

// Address is the host and port where the server listens for what [Host] names.
func (s *Server) Address() string { return s.server.Listener.Addr().String() }

// CertificatePEM is what clients have to trust.
func (s *Server) CertificatePEM() []byte { return s.certificate }

// Change changes what is registered.
func (s *Server) Change(change func(*Application)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.application)
}

// Issued is how many tokens were issued.
func (s *Server) Issued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	tenant, endpoint, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	switch {
	case endpoint == "discovery/instance":
		reply(w, http.StatusOK, map[string]any{
			"tenant_discovery_endpoint": "https://" + Host + "/" + s.application.TenantID + "/v2.0/.well-known/openid-configuration",
			"api-version":               "1.1",
			"metadata":                  []map[string]any{{"preferred_network": Host, "preferred_cache": "login.windows.net", "aliases": []string{Host, "login.windows.net"}}},
		})
	case tenant != s.application.TenantID:
		refuse(w, refusal{http.StatusBadRequest, "invalid_tenant", 90002, "Tenant '" + tenant + "' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant."})
	case endpoint == "v2.0/.well-known/openid-configuration":
		base := "https://" + Host + "/" + tenant
		reply(w, http.StatusOK, map[string]any{"token_endpoint": base + "/oauth2/v2.0/token", "authorization_endpoint": base + "/oauth2/v2.0/authorize", "issuer": base + "/v2.0", "cloud_instance_name": "microsoftonline.com"})
	case endpoint == "oauth2/v2.0/token" && r.Method == http.MethodPost:
		if no := s.application.check(r); no.code != 0 {
			refuse(w, no)
			return
		}
		s.issued++
		reply(w, http.StatusOK, map[string]any{"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": fmt.Sprintf("fake-azure-token-%d", s.issued)})
	default:
		http.NotFound(w, r)
	}
}

// refusal is an error as Entra answers it.
type refusal struct {
	status int
	oauth  string
	code   int
	text   string
}

// check follows "OAuth 2.0 client credentials flow" and the texts of "Microsoft Entra
// authentication and authorization error codes".
func (a Application) check(r *http.Request) refusal {
	id, secret, assertion := r.PostFormValue("client_id"), r.PostFormValue("client_secret"), r.PostFormValue("client_assertion")
	switch {
	case r.PostFormValue("grant_type") != "client_credentials" || !strings.Contains(r.PostFormValue("scope")+" ", "/.default "):
		return refusal{http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'."}
	case id != a.ClientID:
		return refusal{http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '" + id + "' was not found in the directory 'Contoso'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant."}
	case a.Disabled:
		return refusal{http.StatusBadRequest, "unauthorized_client", 7000112, "Application '" + id + "'(Token Keeper) is disabled."}
	case assertion != "":
		return a.checkAssertion(assertion)
	case secret == "":
		return refusal{http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."}
	case secret != a.Secret:
		return refusal{http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '" + id + "'."}
	case a.SecretExpired:
		return refusal{http.StatusUnauthorized, "invalid_client", 7000222, "The provided client secret keys for app '" + id + "' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds."}
	}
	return refusal{}
}

func refuse(w http.ResponseWriter, r refusal) {
	now := time.Now().UTC().Format("2006-01-02 15:04:05Z")
	const trace, correlation = "255d1aef-8c98-452f-ac51-23d051240864", "fb3d2015-bc17-4bb9-bb85-30c5cf1aaaa7"
	reply(w, r.status, map[string]any{
		"error":             r.oauth,
		"error_description": fmt.Sprintf("AADSTS%d: %s Trace ID: %s Correlation ID: %s Timestamp: %s", r.code, r.text, trace, correlation, now),
		"error_codes":       []int{r.code}, "timestamp": now, "trace_id": trace, "correlation_id": correlation,
		"error_uri": fmt.Sprintf("https://%s/error?code=%d", Host, r.code),
	})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store, no-cache")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
