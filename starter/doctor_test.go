package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv/process"
)

// sick is a setup, and the problem that doctor is to find in it.
type sick struct {
	environ     map[string]string // over the healthy one
	vaultFault  *keyvault.Fault
	flags       []string
	part, check string
	detail, fix string // patterns
}

// doctorSays runs doctor, and returns its exit code and what it found.
func doctorSays(t *testing.T, environ map[string]string, flags ...string) (int, examination) {
	t.Helper()
	var out, notes bytes.Buffer
	code := run(t.Context(), append([]string{"doctor", "--output", "json"}, flags...), environ, &out, &notes)
	var found examination
	require.NoError(t, json.Unmarshal(out.Bytes(), &found), "%s%s", &out, &notes)
	require.NotContains(t, out.String()+notes.String(), "canary")
	return code, found
}

func (s sick) look(t *testing.T, healthy map[string]string) {
	t.Helper()
	environ := maps.Clone(healthy)
	maps.Copy(environ, s.environ)
	code, found := doctorSays(t, environ, append([]string{"--only", s.part}, s.flags...)...)
	require.Equal(t, 3, code, "%+v", found)
	for _, f := range found.Checks {
		if f.Verdict == problem && f.Check == s.check && regexp.MustCompile(s.detail).MatchString(f.Detail) {
			require.Regexp(t, s.fix, f.Fix)
			return
		}
	}
	require.Fail(t, "the problem was not found", "%+v", found)
}

// authority issues certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// issue makes a certificate; without a parent its own issuer.
func issue(t *testing.T, parent *authority, change func(*x509.Certificate)) (authority, tls.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "doctor.test"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(90 * day),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: parent == nil,
	}
	if change != nil {
		change(template)
	}
	by := authority{template, key}
	if parent != nil {
		by = *parent
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	require.NoError(t, err)
	parsed, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return authority{parsed, key}, tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}
}

// file puts a certificate, or a key, as PEM into a file.
func file(t *testing.T, dir, name, kind string, der []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return path
}

func keyFile(t *testing.T, dir, name string, c tls.Certificate) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	require.NoError(t, err)
	return file(t, dir, name, "PRIVATE KEY", der)
}

// behindTLS puts TLS before an address, as Temporal's own front end or a proxy does.
func behindTLS(t *testing.T, address string, config *tls.Config) string {
	t.Helper()
	config.NextProtos = []string{"h2"}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			front, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = front.Close() }()
				if front.(*tls.Conn).HandshakeContext(t.Context()) != nil {
					return
				}
				back, err := net.Dial("tcp", address)
				if err != nil {
					return
				}
				defer func() { _ = back.Close() }()
				go func() { _, _ = io.Copy(back, front) }()
				_, _ = io.Copy(front, back)
			}()
		}
	}()
	return listener.Addr().String()
}

// closedPort is an address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	ports, err := process.FreePorts(1)
	require.NoError(t, err)
	return fmt.Sprintf("127.0.0.1:%d", ports[0])
}

func TestDoctorNamesEachMistakeInTheWayToTemporal(t *testing.T) {
	address := shared.Temporal(t).Address()
	dir := t.TempDir()
	ca, _ := issue(t, nil, nil)
	strangers, _ := issue(t, nil, nil)
	_, good := issue(t, &ca, nil)
	_, expired := issue(t, &ca, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	_, otherHost := issue(t, &ca, func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"temporal.test"} })
	_, client := issue(t, &ca, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} })
	_, clientExpired := issue(t, &ca, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	_, clientOfStranger := issue(t, &strangers, nil)
	trusted := x509.NewCertPool()
	trusted.AddCert(ca.certificate)
	plain := func(c tls.Certificate) string {
		return behindTLS(t, address, &tls.Config{Certificates: []tls.Certificate{c}})
	}
	mutual := behindTLS(t, address, &tls.Config{Certificates: []tls.Certificate{good}, ClientCAs: trusted, ClientAuth: tls.RequireAndVerifyClientCert})
	caFile := file(t, dir, "ca.pem", "CERTIFICATE", ca.certificate.Raw)
	strangersFile := file(t, dir, "stranger.pem", "CERTIFICATE", strangers.certificate.Raw)
	with := func(name string, c tls.Certificate, to string) map[string]string {
		return map[string]string{
			"TEMPORAL_ADDRESS": to, "TEMPORAL_TLS": "true", "TEMPORAL_TLS_SERVER_CA_CERT_PATH": caFile,
			"TEMPORAL_TLS_CLIENT_CERT_PATH": file(t, dir, name+".pem", "CERTIFICATE", c.Certificate[0]), "TEMPORAL_TLS_CLIENT_KEY_PATH": keyFile(t, dir, name+".key", c),
		}
	}
	mixed := with("mixed", client, mutual)
	mixed["TEMPORAL_TLS_CLIENT_KEY_PATH"] = keyFile(t, dir, "other.key", good)

	healthy := map[string]string{"TEMPORAL_ADDRESS": address}
	for name, s := range map[string]sick{
		"a closed port": {environ: map[string]string{"TEMPORAL_ADDRESS": closedPort(t)}, check: "reach",
			detail: "no Temporal server answers at 127.0.0.1:.*connection refused", fix: `^if it should be this machine, start one with: temporal server start-dev --db-filename temporal\.db; otherwise set TEMPORAL_ADDRESS$`},
		"an unknown host": {environ: map[string]string{"TEMPORAL_ADDRESS": "temporal.invalid:7233"}, check: "reach",
			detail: "no host has the name in temporal.invalid:7233", fix: "^correct TEMPORAL_ADDRESS"},
		"an unknown namespace": {environ: map[string]string{"TEMPORAL_NAMESPACE": "nowhere"}, check: "namespace",
			detail: `namespace "nowhere" is unknown`, fix: "temporal operator namespace create --namespace nowhere --retention 168h"},
		"TLS to a server without": {environ: map[string]string{"TEMPORAL_TLS": "true"}, check: "reach",
			detail: "what answers there speaks no TLS", fix: "^set TEMPORAL_TLS=false"},
		"no TLS to a server with": {environ: map[string]string{"TEMPORAL_ADDRESS": plain(good)}, check: "reach",
			detail: "does not speak Temporal's language", fix: "if it wants TLS, set TEMPORAL_TLS=true"},
		"an authority that is not trusted": {environ: map[string]string{"TEMPORAL_ADDRESS": plain(good), "TEMPORAL_TLS": "true"}, check: "reach",
			detail: "comes from an authority that this machine does not trust", fix: "^set TEMPORAL_TLS_SERVER_CA_CERT_PATH"},
		"the wrong authority": {environ: map[string]string{"TEMPORAL_ADDRESS": plain(good), "TEMPORAL_TLS": "true", "TEMPORAL_TLS_SERVER_CA_CERT_PATH": strangersFile}, check: "reach",
			detail: "comes from an authority that this machine does not trust", fix: "^set TEMPORAL_TLS_SERVER_CA_CERT_PATH"},
		"an expired certificate": {environ: map[string]string{"TEMPORAL_ADDRESS": plain(expired), "TEMPORAL_TLS": "true", "TEMPORAL_TLS_SERVER_CA_CERT_PATH": caFile}, check: "reach",
			detail: "its certificate has expired or is not valid yet", fix: "^renew the server's certificate"},
		"another host's certificate": {environ: map[string]string{"TEMPORAL_ADDRESS": plain(otherHost), "TEMPORAL_TLS": "true", "TEMPORAL_TLS_SERVER_CA_CERT_PATH": caFile}, check: "reach",
			detail: "its certificate is for another host", fix: "TEMPORAL_TLS_SERVER_NAME"},
		"no client certificate": {environ: map[string]string{"TEMPORAL_ADDRESS": mutual, "TEMPORAL_TLS": "true", "TEMPORAL_TLS_SERVER_CA_CERT_PATH": caFile}, check: "reach",
			detail: "asks for a client's certificate", fix: "^set TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH"},
		"an expired client certificate": {environ: with("expired", clientExpired, mutual), check: "client certificate",
			detail: "it expired 20", fix: "^renew the certificate that TEMPORAL_TLS_CLIENT_CERT_PATH names"},
		"as the server tells it": {environ: with("expired", clientExpired, mutual), check: "reach",
			detail: "the client's certificate has expired", fix: "^renew the certificate"},
		"a stranger's client certificate": {environ: with("stranger", clientOfStranger, mutual), check: "reach",
			detail: "does not trust the authority of the client's certificate|refuses the client's certificate", fix: "TEMPORAL_TLS_CLIENT_CERT_PATH"},
		"another certificate's key": {environ: mixed, part: "configuration", check: "TEMPORAL_TLS_*",
			detail: "private key does not match", fix: "^check certificate, key and authority"},
	} {
		t.Run(name, func(t *testing.T) {
			if s.part == "" {
				s.part = "temporal"
			}
			s.look(t, healthy)
		})
	}

	code, found := doctorSays(t, with("good", client, mutual), "--only", "temporal")
	require.Equal(t, 3, code) // without workers
	require.Equal(t, finding{"temporal", "reach", fine, found.Checks[1].Detail, ""}, found.Checks[1])
	require.Equal(t, fine, found.Checks[0].Verdict, "the client's certificate is well")
}

func TestDoctorSendsATestEvent(t *testing.T) {
	took := make(chan string, 1)
	good := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { took <- r.Header.Get("webhook-id") }))
	t.Cleanup(good.Close)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	t.Cleanup(refusing.Close)
	dir := t.TempDir()
	receivers := filepath.Join(dir, "webhooks.yaml")
	const secret = "whsec_Y2FuYXJ5LWNhbmFyeS1jYW5hcnktY2FuYXJ5"
	environ := map[string]string{"TOKENKEEPER_WEBHOOKS": receivers}
	write := func(urls ...string) {
		text := "receivers:\n"
		for i, url := range urls {
			text += fmt.Sprintf("  ops%d:\n    url: %s\n    secret: %s\n", i, url, secret)
		}
		require.NoError(t, os.WriteFile(receivers, []byte(text), 0o600))
	}
	write(good.URL)
	code, found := doctorSays(t, environ, "--only", "webhook")
	require.Equal(t, 0, code, "%+v", found)
	require.Contains(t, <-took, "doctor-")
	write(refusing.URL, good.URL)
	sick{part: "webhook", check: "ops0", detail: "answers 401", fix: "see that its secret is the one that the receiver checks"}.look(t, environ)
	<-took
	require.NoError(t, os.WriteFile(receivers, []byte("receivers: {}"), 0o600))
	sick{part: "webhook", check: "receivers", detail: "has no receiver", fix: "write"}.look(t, environ)
}

func TestDoctorNamesEachMistakeAtTheVault(t *testing.T) {
	v, err := keyvault.Start(keyvault.Options{})
	require.NoError(t, err)
	t.Cleanup(v.Close)
	dir := t.TempDir()
	ca := filepath.Join(dir, "vault.pem")
	require.NoError(t, os.WriteFile(ca, v.CertificatePEM(), 0o600))
	_, stranger := issue(t, nil, nil)
	healthy := map[string]string{
		"KEY_VAULT_URL": v.URL(), "TOKENKEEPER_KEY_VAULT_CA_FILE": ca, "TOKENKEEPER_AZURE_CREDENTIAL": "emulator", "TOKENKEEPER_ALLOW_EMULATOR": "true",
		"XDG_STATE_HOME": dir,
	}
	code, found := doctorSays(t, healthy, "--only", "vault")
	require.Equal(t, 0, code, "%+v", found)
	require.Len(t, v.Versions(probeSecret), 1)
	for _, f := range found.Checks {
		require.Equal(t, fine, f.Verdict, "%+v", f)
	}

	const all = keyvault.Operation("")
	fault := func(kind keyvault.Kind, op keyvault.Operation) *keyvault.Fault {
		return &keyvault.Fault{Kind: kind, Operation: op}
	}
	for name, s := range map[string]sick{
		"a closed port": {environ: map[string]string{"KEY_VAULT_URL": "https://" + closedPort(t)}, check: "read", detail: "refuses connections", fix: "check KEY_VAULT_URL"},
		"an unknown host": {environ: map[string]string{"KEY_VAULT_URL": "https://vault.invalid"}, check: "read",
			detail: "no host has the name vault.invalid", fix: "check KEY_VAULT_URL"},
		"an authority that is not trusted": {environ: map[string]string{"TOKENKEEPER_KEY_VAULT_CA_FILE": file(t, dir, "stranger.pem", "CERTIFICATE", stranger.Certificate[0])}, check: "read",
			detail: "is not trusted", fix: "the CA file that vouches for the vault"},
		"no role":                     {vaultFault: fault(keyvault.Denied, all), check: "read", detail: "ForbiddenByRbac", fix: `grant this identity the role "Key Vault Secrets Officer"`},
		"a vault in a network":        {vaultFault: fault(keyvault.DeniedByConnection, all), check: "read", detail: "ForbiddenByConnection", fix: "private endpoint only"},
		"a firewall":                  {vaultFault: fault(keyvault.DeniedByFirewall, all), check: "read", detail: "ForbiddenByFirewall", fix: "through the vault's firewall"},
		"an access policy":            {vaultFault: fault(keyvault.DeniedByAccessPolicy, all), check: "read", detail: "ForbiddenByPolicy", fix: "give this identity get, list, set and recover"},
		"an identity of elsewhere":    {vaultFault: fault(keyvault.WrongTenant, all), check: "read", detail: "AKV10032", fix: "use an identity of the vault's own Entra tenant"},
		"a role that reads only":      {vaultFault: fault(keyvault.Denied, keyvault.OpSet), check: "write", detail: "ForbiddenByRbac", fix: "its action setSecret is refused; where it has roles on the accounts' secrets alone, see with one of those: starter doctor --account NAME"},
		"an Azure Policy":             {vaultFault: fault(keyvault.DeniedByAzurePolicy, all), check: "write", detail: "access denied", fix: "Azure Policy"},
		"a failover":                  {vaultFault: fault(keyvault.ReadOnly, all), check: "write", detail: "read-only", fix: ""},
		"an identity without list":    {vaultFault: fault(keyvault.Denied, keyvault.OpListVersions), check: "list", detail: "ForbiddenByRbac", fix: "Key Vault Secrets Officer"},
		"a keyset that is not there":  {part: "keyset", check: "keys", detail: "the vault has no TokenKeeperKeyset", fix: "starter keys init"},
		"variables that are mistaken": {part: "configuration", environ: map[string]string{"KEY_VAULT_URL": "my-vault"}, check: "KEY_VAULT_URL", detail: "is not a URL", fix: "https://"},
	} {
		t.Run(name, func(t *testing.T) {
			v.ClearFaults()
			if s.vaultFault != nil {
				v.Inject(*s.vaultFault)
			}
			if s.part == "" {
				s.part = "vault"
			}
			s.look(t, healthy)
		})
	}
	v.ClearFaults()

	t.Run("an account's access token, written again", func(t *testing.T) {
		_, err := v.Put("will-AccessToken", "canary-access")
		require.NoError(t, err)
		_, err = v.Put("will-RefreshToken", "canary-refresh")
		require.NoError(t, err)
		probes := len(v.Versions(probeSecret))
		code, found := doctorSays(t, healthy, "--only", "vault", "--account", "will")
		require.Equal(t, 0, code, "%+v", found)
		versions := v.Versions("will-AccessToken")
		require.Len(t, versions, 2)
		require.Equal(t, "canary-access", versions[1].Value)
		require.Len(t, v.Versions("will-RefreshToken"), 1)
		require.Len(t, v.Versions(probeSecret), probes, "nothing else is written")
	})
	t.Run("secrets that are deleted", func(t *testing.T) {
		require.NoError(t, v.Delete(probeSecret))
		sick{part: "vault", check: "write", detail: "soft-deleted", fix: "recover"}.look(t, healthy)
	})
	t.Run("very many versions", func(t *testing.T) {
		many := make([]keyvault.Version, manyVersions)
		for i := range many {
			many[i] = keyvault.Version{ID: fmt.Sprintf("%032x", i+1), Value: "canary", Enabled: true, Created: time.Now()}
		}
		require.NoError(t, v.Seed("bo-RefreshToken", many...))
		sick{part: "vault", check: "versions", detail: "bo-RefreshToken has 450 versions", fix: "docs/reliability.md", flags: []string{"--account", "bo"}}.look(t, healthy)
	})
}
