// Package testenv runs the whole system on one machine for the demo, the fault
// campaign and the tests: a Temporal server with its Web UI, a vault, a provider,
// and as many workers as wanted ([System]). The server and the workers are processes
// of their own that can be killed; the vault and the provider are served by this
// process, over the network, and can be stopped and made to fail.
//
// [Shared] holds what all tests of a package share, and [OwnTemporal] is for a test
// that harms its server.
package testenv

import (
	"cmp"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv/process"
	"tokenkeeper/internal/testenv/temporal"
	"tokenkeeper/internal/vault"
	vaultclient "tokenkeeper/internal/vault/keyvault"
)

// Options say what to run. The zero value, but for the required fields, is a
// fresh system on free ports.
type Options struct {
	// Dir keeps databases, logs, the certificate and the providers file. Required.
	Dir string
	// CLI is the Temporal CLI that serves, used where Temporal is nil.
	CLI string
	// Temporal is a server that runs already and that the system does not stop.
	Temporal *temporal.Server
	// WorkerBinary is the program to run as a worker. Required; see BuildWorker.
	WorkerBinary string
	// TaskQueue separates systems that share a server. Default "token-refresh".
	TaskQueue string

	Port, UIPort int // of the Temporal server; 0 means a free one
	Provider     authserver.Options
	// Others are further providers, each another one of the product's table.
	Others []authserver.Options
	Vault  keyvault.Options
}

// System is a running system. Stop ends it.
type System struct {
	Temporal *temporal.Server
	Provider *authserver.Server
	Others   []*authserver.Server // in the order of the options
	Vault    *keyvault.Server

	options Options
	entry   provider.Provider // the product's, which the first simulator simulates
	owns    bool              // Stop ends the Temporal server as well
	workers []*Worker
}

// Start runs everything but workers. The vault holds the client's credentials
// and no account yet; see CreateAccount.
func Start(ctx context.Context, o Options) (s *System, err error) {
	if o.TaskQueue == "" {
		o.TaskQueue = "token-refresh"
	}
	s = &System{options: o, Temporal: o.Temporal, owns: o.Temporal == nil}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	if s.Provider, err = authserver.Start(o.Provider); err != nil {
		return s, err
	}
	for _, further := range o.Others {
		other, err := authserver.Start(further)
		if err != nil {
			return s, err
		}
		s.Others = append(s.Others, other)
	}
	if s.Vault, err = keyvault.Start(o.Vault); err != nil {
		return s, err
	}
	if s.entry, err = provider.Builtin().Lookup(s.Provider.Imitates().Name); err != nil {
		return s, err
	}
	for _, p := range s.providers() {
		client := p.Client()
		credentials := base64.StdEncoding.EncodeToString([]byte(client.ID + ":" + client.Secret.Reveal()))
		if _, err = s.Vault.Put(provider.Provider{Name: p.Imitates().Name}.CredentialsName(), credentials); err != nil {
			return s, err
		}
	}
	if err = os.WriteFile(s.certificateFile(), s.Vault.CertificatePEM(), 0o600); err != nil {
		return s, err
	}
	yaml, err := s.providersYAML()
	if err == nil {
		err = os.WriteFile(s.providersFile(), []byte(yaml), 0o600)
	}
	if err != nil {
		return s, err
	}
	if s.owns {
		s.Temporal, err = temporal.StartTemporal(ctx, o.CLI, o.Dir, o.Port, o.UIPort)
	}
	return s, err
}

// providers are all simulators, the first one first.
func (s *System) providers() []*authserver.Server {
	return append([]*authserver.Server{s.Provider}, s.Others...)
}

// At is the same system seen from another one of its providers, whose accounts the
// methods are about then. It is not to be stopped.
func (s *System) At(p *authserver.Server) (*System, error) {
	seen := *s
	seen.Provider = p
	var err error
	seen.entry, err = provider.Builtin().Lookup(p.Imitates().Name)
	return &seen, err
}

// providersYAML points the built-in providers at their simulators, and gives them what
// the options change in those. All else is as the product's table has it.
func (s *System) providersYAML() (string, error) {
	lines := []string{"providers:"}
	for i, options := range append([]authserver.Options{s.options.Provider}, s.options.Others...) {
		at := s.providers()[i]
		base, p := at.URL(), at.Imitates()
		lines = append(lines,
			"  "+p.Name+":",
			"    auth_url: "+base+p.AuthorizePath,
			"    token_url: "+base+p.TokenPath,
		)
		if options.ReplayWindow != 0 {
			lines = append(lines, "    replay_window: "+at.ReplayWindow().String())
		}
		if options.ReplayWindow < 0 {
			lines = append(lines, "    replay_ends_on_use: false") // there is nothing to end
		}
		entry, err := provider.Builtin().Lookup(p.Name)
		if err != nil {
			return "", err
		}
		if p.RevokePath != "" || entry.RevokeURL != "" { // never an address of the real provider
			lines = append(lines, "    revoke_url: "+base+cmp.Or(p.RevokePath, "/none"))
		}
		if options.ReuseRevokes {
			lines = append(lines, "    reuse: "+string(provider.RevokesGrant))
		}
	}
	return strings.Join(lines, "\n") + "\n", nil
}

func (s *System) certificateFile() string { return filepath.Join(s.options.Dir, "vault.pem") }
func (s *System) providersFile() string   { return filepath.Join(s.options.Dir, "providers.yaml") }

// CreateAccount has a user consent at the provider and puts the refresh token
// into the vault by hand, as the article's readers did. The empty name is the
// default account. The provider's name of the user is UserOf.
func (s *System) CreateAccount(name string) error {
	refresh, _ := s.Provider.CreateGrant(UserOf(name))
	_, err := s.Vault.Put(s.SecretName(name, "RefreshToken"), refresh)
	return err
}

// UserOf is the provider's user of an account.
func UserOf(account string) string {
	if account == "" || account == "default" {
		return "USER-DEFAULT"
	}
	return "USER-" + strings.ToUpper(account)
}

// SecretName is the vault's name for an account's secret of the given kind, at
// the system's provider.
func (s *System) SecretName(account, kind string) string {
	if prefix := s.entry.VaultPrefix(); prefix != "" {
		return prefix + "-" + SecretName(account, kind)
	}
	return SecretName(account, kind)
}

// SecretName is the same at Fitbit, whose names carry no prefix.
func SecretName(account, kind string) string {
	if account == "" || account == "default" {
		return kind
	}
	return account + "-" + kind
}

// Held is the value of the current refresh token in the vault; empty for none.
func (s *System) Held(account string) string {
	versions := s.Vault.Versions(s.SecretName(account, "RefreshToken"))
	if len(versions) == 0 {
		return ""
	}
	return versions[len(versions)-1].Value
}

// Lost reports whether the grant of an account is gone: the refresh token that
// the vault holds is neither the provider's live one nor would it still be
// answered with the live one.
func (s *System) Lost(account string) bool {
	held := s.Held(account)
	return !s.Provider.IsLive(held) && !s.Provider.Replayable(held)
}

// Revoke ends the consent of an account at the provider, as its owner can. The
// vault keeps its tokens, which are worth nothing then.
func (s *System) Revoke(ctx context.Context, account string) error {
	form := url.Values{"token": {s.Held(account)}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Provider.URL()+"/oauth2/revoke", strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	client := s.Provider.Client()
	request.SetBasicAuth(client.ID, client.Secret.Reveal())
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("revoke the consent: %w", err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("revoke the consent: the provider answers %s", answer.Status)
	}
	return nil
}

// Secrets is a client of the vault, made as a worker makes its own.
func (s *System) Secrets() (vault.Secrets, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.Vault.CertificatePEM()) {
		return nil, fmt.Errorf("the vault at %s has no certificate to trust", s.Vault.URL())
	}
	return vaultclient.New(vaultclient.Options{URL: s.Vault.URL(), Credential: vaultclient.CredentialEmulator, RootCAs: roots})
}

// Providers is the table that a worker reads from its providers file.
func (s *System) Providers() (provider.Table, error) {
	yaml, err := os.ReadFile(s.providersFile())
	if err != nil {
		return provider.Table{}, err
	}
	return provider.Builtin().Override(yaml, s.providersFile())
}

// TaskQueue is where the system's workers listen.
func (s *System) TaskQueue() string { return s.options.TaskQueue }

// Stop ends the workers, then everything else that the system started.
func (s *System) Stop() error {
	var problems []error
	for _, w := range s.workers {
		problems = append(problems, w.Stop(process.StopWithin))
	}
	if s.owns && s.Temporal != nil {
		problems = append(problems, s.Temporal.Stop())
	}
	if s.Vault != nil {
		s.Vault.Close()
	}
	for _, p := range s.providers() {
		if p != nil {
			p.Close()
		}
	}
	if err := errors.Join(problems...); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}
