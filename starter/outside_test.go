package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv/process"
	"tokenkeeper/internal/vault"
	vaultclient "tokenkeeper/internal/vault/keyvault"
)

// outside is what a script has around it beside Temporal: a vault, and providers
// with a consent page each.
type outside struct {
	vault     *keyvault.Server
	second    *keyvault.Server // nil until the script asks for it
	providers map[string]*authserver.Server
}

// freeRedirect is a redirect URL on a port that is free now.
func freeRedirect() (string, error) {
	ports, err := process.FreePorts(1)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("http://localhost:%d/callback", ports[0]), nil
}

// startOutside starts the vault and the providers, and returns the environment in
// which a program finds them.
func startOutside(dir, redirect string, names ...string) (*outside, []string, error) {
	o := &outside{providers: map[string]*authserver.Server{}}
	var err error
	if o.vault, err = keyvault.Start(keyvault.Options{}); err != nil {
		return o, nil, err
	}
	table, urls := "providers:\n", []string(nil)
	for _, name := range names {
		p, err := authserver.ProviderOf(name)
		if err != nil {
			return o, nil, err
		}
		client := authserver.DefaultClient()
		client.RedirectURIs = []string{redirect}
		s, err := authserver.Start(authserver.Options{Provider: p, Client: client, TokenPrefix: "canary-token-7h3x-"})
		if err != nil {
			return o, nil, err
		}
		o.providers[name] = s
		urls = append(urls, "URL_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"="+s.URL())
		table += fmt.Sprintf("  %s:\n    auth_url: %s%s\n    token_url: %[2]s%[4]s\n", name, s.URL(), p.AuthorizePath, p.TokenPath)
		if p.RevokePath != "" {
			table += fmt.Sprintf("    revoke_url: %s%s\n", s.URL(), p.RevokePath)
		}
	}
	files := map[string]string{"vault.pem": string(o.vault.CertificatePEM()), "providers.yaml": table}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return o, nil, err
		}
	}
	return o, append(urls,
		"KEY_VAULT_URL="+o.vault.URL(), "TOKENKEEPER_KEY_VAULT_CA_FILE="+filepath.Join(dir, "vault.pem"),
		"TOKENKEEPER_AZURE_CREDENTIAL=emulator", "TOKENKEEPER_ALLOW_EMULATOR=true",
		"TOKENKEEPER_PROVIDERS="+filepath.Join(dir, "providers.yaml"), "XDG_STATE_HOME="+filepath.Join(dir, "state"),
		"REDIRECT="+redirect,
	), nil
}

func (o *outside) close() {
	if o.vault != nil {
		o.vault.Close()
	}
	if o.second != nil {
		o.second.Close()
	}
	for _, p := range o.providers {
		p.Close()
	}
}

// secondVault starts another vault, whose URL is then SECOND_VAULT. "second-vault put SECRET
// VALUE" and "second-vault live PROVIDER SECRET" are put and live there.
func secondVault(ts *testscript.TestScript, not bool, args []string) {
	o := outsideOf(ts)
	if len(args) == 0 {
		var err error
		o.second, err = keyvault.Start(keyvault.Options{})
		ts.Check(err)
		bundle := append(o.vault.CertificatePEM(), o.second.CertificatePEM()...)
		ts.Check(os.WriteFile(ts.Getenv("TOKENKEEPER_KEY_VAULT_CA_FILE"), bundle, 0o600))
		ts.Setenv("SECOND_VAULT", o.second.URL())
		return
	}
	first := o.vault
	o.vault = o.second
	defer func() { o.vault = first }()
	map[string]func(*testscript.TestScript, bool, []string){"put": putCommand, "live": live}[args[0]](ts, not, args[1:])
}

type outsideKey struct{}

// surround starts the outside of a script: "outside PROVIDER...". The system's
// browser is a program that notes which address it was to open.
func surround(ts *testscript.TestScript, _ bool, args []string) {
	redirect, err := freeRedirect()
	ts.Check(err)
	dir := ts.Getenv("WORK")
	o, environ, err := startOutside(dir, redirect, args...)
	ts.Defer(o.close)
	ts.Check(err)
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		ts.Setenv(name, value)
	}
	bin := filepath.Join(dir, "bin")
	ts.Check(os.MkdirAll(bin, 0o755))
	opener := "#!/bin/sh\necho \"$1\" > \"$WORK/.opened\" && mv \"$WORK/.opened\" \"$WORK/opened\"\n"
	ts.Check(os.WriteFile(filepath.Join(bin, "xdg-open"), []byte(opener), 0o755))
	ts.Setenv("PATH", bin+string(filepath.ListSeparator)+ts.Getenv("PATH"))
	ts.Value(outsideKey{}).(*outsides).it = o
}

// outsides is where a script's environment keeps its outside.
type outsides struct{ it *outside }

func outsideOf(ts *testscript.TestScript) *outside {
	o := ts.Value(outsideKey{}).(*outsides).it
	if o == nil {
		ts.Fatalf("the script has no outside")
	}
	return o
}

// browser decides at the consent page: "browser allow|deny USER". The page that it
// shows in the end goes to the file page. "! browser" does not wait for it.
func browserCommand(ts *testscript.TestScript, leaves bool, args []string) {
	opened := filepath.Join(ts.Getenv("WORK"), "opened")
	var address []byte
	for deadline := time.Now().Add(patience); len(address) == 0; time.Sleep(20 * time.Millisecond) {
		address, _ = os.ReadFile(opened)
		if time.Now().After(deadline) {
			ts.Fatalf("no browser was opened")
		}
	}
	ts.Check(os.Remove(opened))
	if leaves {
		go func() { _, _ = decide(strings.TrimSpace(string(address)), args[0], args[1]) }()
		return
	}
	text, err := decide(strings.TrimSpace(string(address)), args[0], args[1])
	ts.Check(err)
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), "page"), []byte(text), 0o600))
}

// decide opens a consent page, decides, and returns the page in the end.
func decide(address, decision, user string) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", err
	}
	answer, err := (&http.Client{Jar: jar}).PostForm(address, url.Values{"user": {user}, "decision": {decision}})
	if err != nil {
		return "", err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return answer.Request.URL.String() + "\n" + string(text), err
}

// vaultFails makes the vault fail: "vault-fails KIND [SECRET [TIMES]]"; it heals with
// "! vault-fails". Without a secret's name all writes do.
func vaultFails(ts *testscript.TestScript, heal bool, args []string) {
	v := outsideOf(ts).vault
	if heal {
		v.ClearFaults()
		return
	}
	f := keyvault.Fault{Kind: keyvault.Kind(args[0]), Operation: keyvault.OpWrites}
	if len(args) > 1 {
		f.Name = args[1]
	}
	v.Inject(f)
}

// live wants the current version of a secret to be a live refresh token of a
// provider: "live PROVIDER SECRET".
func live(ts *testscript.TestScript, not bool, args []string) {
	o := outsideOf(ts)
	versions := o.vault.Versions(args[1])
	is := len(versions) > 0 && versions[len(versions)-1].Enabled && o.providers[args[0]].IsLive(versions[len(versions)-1].Value)
	if is == not {
		ts.Fatalf("%s holds a live refresh token of %s: %v", args[1], args[0], is)
	}
}

// disabled wants a secret to have versions of which the current one is disabled.
func disabled(ts *testscript.TestScript, _ bool, args []string) {
	versions := outsideOf(ts).vault.Versions(args[0])
	if len(versions) == 0 || versions[len(versions)-1].Enabled {
		ts.Fatalf("%s is not disabled", args[0])
	}
}

// providerFails makes a provider's endpoint fail once: "provider-fails PROVIDER ENDPOINT".
func providerFails(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(outsideOf(ts).providers[args[0]].Inject(authserver.Fault{
		Endpoint: authserver.Endpoint(args[1]), Answer: authserver.Status, Status: http.StatusServiceUnavailable,
	}))
}

// providerHolds keeps a provider's next answer to a code back, though it has taken
// effect, until "! provider-holds": "provider-holds PROVIDER USER".
func providerHolds(ts *testscript.TestScript, release bool, args []string) {
	p := outsideOf(ts).providers[args[0]]
	if !release {
		ts.Check(p.Inject(authserver.Fault{Endpoint: authserver.Token, Hold: true}))
		return
	}
	if p.Release(args[1]) == 0 {
		ts.Fatalf("%s holds no answer", args[0])
	}
}

// held waits until a provider holds an answer: "held PROVIDER USER".
func held(ts *testscript.TestScript, _ bool, args []string) {
	for deadline := time.Now().Add(patience); outsideOf(ts).providers[args[0]].Held(args[1]) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("%s never held an answer", args[0])
		}
	}
}

// grant makes a consent elsewhere, and puts the refresh token by hand into the
// vault and into a file: "grant PROVIDER USER SECRET FILE"; - for neither.
func grantCommand(ts *testscript.TestScript, _ bool, args []string) {
	o := outsideOf(ts)
	refresh, _ := o.providers[args[0]].CreateGrant(args[1])
	if args[2] != "-" {
		_, err := o.vault.Put(args[2], refresh)
		ts.Check(err)
	}
	if args[3] != "-" {
		ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), args[3]), []byte(refresh+"\n"), 0o600))
	}
}

// put puts a value into the vault by hand: "put SECRET VALUE".
func putCommand(ts *testscript.TestScript, _ bool, args []string) {
	_, err := outsideOf(ts).vault.Put(args[0], args[1])
	ts.Check(err)
}

// intentCommand leaves the vault as a run does that is about to spend an account's refresh
// token and ends then: "intent PROVIDER ACCOUNT RUN".
func intentCommand(ts *testscript.TestScript, _ bool, args []string) {
	environ := map[string]string{}
	for _, name := range []string{"KEY_VAULT_URL", "TOKENKEEPER_KEY_VAULT_CA_FILE", "TOKENKEEPER_AZURE_CREDENTIAL", "TOKENKEEPER_ALLOW_EMULATOR", "TOKENKEEPER_PROVIDERS"} {
		environ[name] = ts.Getenv(name)
	}
	cfg, err := config.LoadStarterWithVault(environ)
	ts.Check(err)
	secrets, err := vaultclient.New(cfg.Vault)
	ts.Check(err)
	table, err := provider.Load(cfg.ProvidersFile)
	ts.Check(err)
	t, err := newTarget(table, args[0], args[1], "")
	ts.Check(err)
	v, ctx := vault.New(secrets), context.Background()
	held, _, err := v.Load(ctx, t.Names, 0)
	ts.Check(err)
	ts.Check(v.RecordIntent(ctx, t.Names, t.Account, held, vault.Run{RunID: args[2]}, nil))
}

// typing is what a command reads while it runs, and how to type a line of it.
func typing(t *testing.T) (io.Reader, func(string)) {
	t.Helper()
	r, w := io.Pipe()
	t.Cleanup(func() { _ = w.Close() })
	return r, func(line string) {
		if _, err := io.WriteString(w, line+"\n"); err != nil {
			t.Error(err)
		}
	}
}

// listedCommand writes a file of tokens, with a new grant for each account:
// "listed csv|json FILE PROVIDER ACCOUNT...".
func listedCommand(ts *testscript.TestScript, _ bool, args []string) {
	o := outsideOf(ts)
	text := map[string]string{"csv": "account,refresh_token,user_id\n"}[args[0]]
	for i, account := range args[3:] {
		user := fmt.Sprintf("FAKE%02d", 40+i)
		refresh, _ := o.providers[args[2]].CreateGrant(user)
		if args[0] == "csv" {
			text += fmt.Sprintf("%s,%s,%s\n", account, refresh, user)
		} else {
			text += fmt.Sprintf(`{"account":%q,"provider":%q,"refresh_token":%q,"scopes":["activity"]}`+"\n", account, args[2], refresh)
		}
	}
	ts.Check(os.WriteFile(filepath.Join(ts.Getenv("WORK"), args[1]), []byte(text), 0o600))
}
