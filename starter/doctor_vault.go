package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

const (
	// probeSecret is written to see that the vault takes new versions. Nothing reads it.
	probeSecret = "TokenKeeperDoctor"
	// mostVersions is how many versions of a secret Key Vault backs up at most, and
	// manyVersions where doctor says so.
	mostVersions, manyVersions = 500, 450
	// clockTolerance is how far clocks may be apart: the margins in which a refresh and a
	// replay window are judged are minutes.
	clockTolerance = time.Minute
)

const configurationFirst = "its variables are wrong, see configuration"

// checkVault reads, lists and writes with this machine's identity.
func (d *doctor) checkVault(ctx context.Context, f *findings) {
	if d.vaultErr != nil {
		f.skip("reach", configurationFirst)
		return
	}
	secrets, err := keyvault.New(d.starter.Vault)
	if err != nil {
		f.wrong("identity", err)
		return
	}
	url := d.starter.Vault.URL
	_, err = secrets.Get(ctx, seal.SecretName, "")
	if err != nil && !isAbsence(err) {
		f.wrong("read", err)
		d.checkVaultClock(ctx, f)
		return
	}
	f.ok("read", "%s answers, and lets this identity (%s) read", url, d.starter.Vault.Credential)
	d.checkVersions(ctx, f, secrets)
	if _, err := secrets.IsDeleted(ctx, probeSecret); err != nil {
		f.wrong("deleted secrets", err)
	} else {
		f.ok("deleted secrets", "can be looked for")
	}
	d.checkWrite(ctx, f, secrets)
	d.checkVaultClock(ctx, f)
}

// isAbsence reports whether the vault has answered and has nothing to read.
func isAbsence(err error) bool {
	return errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrDeleted) || errors.Is(err, vault.ErrDisabled)
}

// checkVersions lists what doctor's and the keyset's, and the account's, secrets have.
func (d *doctor) checkVersions(ctx context.Context, f *findings, secrets vault.Secrets) {
	names := []string{seal.SecretName, probeSecret}
	if d.target != nil {
		names = append(names, d.target.Names.RefreshToken, d.target.Names.AccessToken)
	}
	most, of := 0, ""
	for _, name := range names {
		versions, err := secrets.Versions(ctx, name)
		if err != nil {
			f.wrong("list", err)
			return
		}
		if len(versions) > most {
			most, of = len(versions), name
		}
		if n := len(versions); n >= manyVersions {
			f.add("versions", problem, fmt.Sprintf("%s has %d versions, and Key Vault backs up no secret with more than %d; none can be deleted", name, n, mostVersions),
				"nothing has to be done for refreshes; where the vault is backed up, see docs/reliability.md for what a restored vault lacks")
		}
	}
	if most < manyVersions {
		f.ok("list", "at most %d versions (%s)", most, of)
	}
}

// checkWrite has the vault take a new version. Azure Policy, a role without setSecret and a
// vault in failover show in nothing else.
func (d *doctor) checkWrite(ctx context.Context, f *findings, secrets vault.Secrets) {
	if d.target != nil {
		name := d.target.Names.AccessToken
		written, err := vault.New(secrets).RewriteAccessToken(ctx, d.target.Names)
		switch {
		case err != nil && isAbsence(err), errors.Is(err, vault.ErrNothingToRewrite):
			f.skip("write", fmt.Sprintf("%s cannot be written again as it is (%v); leave --account out to write %s", name, err, probeSecret))
		case err != nil:
			f.wrong("write", err)
		default:
			f.ok("write", "the vault took version %s of %s, the same value again", written.Version, name)
		}
		return
	}
	written, err := secrets.Set(ctx, probeSecret, token.NewSecret("written by starter doctor; nothing reads it"), vault.Properties{})
	switch {
	case errors.Is(err, vault.ErrDenied):
		f.wrong("write", err)
		last := &f.all[len(f.all)-1]
		last.Fix += "; where it has roles on the accounts' secrets alone, see with one of those: " + command("doctor", "--account", "NAME")
	case err != nil:
		f.wrong("write", err)
	default:
		f.ok("write", "the vault took version %s of %s", written.Version, probeSecret)
	}
}

// checkVaultClock asks the vault's host for nothing but its time.
func (d *doctor) checkVaultClock(ctx context.Context, f *findings) {
	transport := &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: d.starter.Vault.RootCAs},
	}
	defer transport.CloseIdleConnections()
	if _, skew, err := ask(ctx, transport, d.starter.Vault.URL+"/healthstatus"); err == nil {
		f.clock("the vault", skew)
	}
}

// checkKeyset says what keys status says.
func (d *doctor) checkKeyset(ctx context.Context, f *findings) {
	if d.vaultErr != nil {
		f.skip("keys", configurationFirst)
		return
	}
	secrets, err := keyvault.New(d.starter.Vault)
	if err != nil {
		f.wrong("keys", err)
		return
	}
	report, err := seal.New(vault.NewKeysets(secrets)).Inspect(ctx)
	switch {
	case errors.Is(err, seal.ErrNoKeyset):
		f.add("keys", problem, "the vault has no "+seal.SecretName, "a worker makes one when it starts; or make it with: "+command("keys", "init")+"; where accounts were kept alive before, recover the old one instead")
		return
	case err != nil:
		f.wrong("keys", err)
		return
	}
	if trouble := troubleOf(report); trouble != nil {
		f.wrong("keys", trouble)
	} else {
		f.ok("keys", "key %d seals; %d keys in %d versions", report.Primary, len(report.Keys), len(report.Versions))
	}
	if id, since, pending := report.Pending(); pending {
		f.add("rotation", problem, fmt.Sprintf("it has added key %d (%s) and has not ended", id, when(since, time.Now())), "go on with: "+command("keys", "rotate"))
	}
}

// clock adds whether this machine's clock and another one agree. A positive skew means that
// this one is ahead; nil is an answer without a date.
func (f *findings) clock(whose string, skew *time.Duration) {
	switch {
	case skew == nil:
		f.skip("clock", whose+" tells no time")
	case *skew > clockTolerance:
		f.add("clock", problem, fmt.Sprintf("this machine's clock is %s ahead of that of %s", span(*skew), whose), clockFix)
	case *skew < -clockTolerance:
		f.add("clock", problem, fmt.Sprintf("this machine's clock is %s behind that of %s", span(-*skew), whose), clockFix)
	default:
		f.ok("clock", "agrees with that of %s", whose)
	}
}

const clockFix = "have this machine take its time from the network (timedatectl set-ntp true); if it does, the other one is wrong"

// ask makes a request without credentials, and returns the answer's status and how far this
// machine's clock is ahead of the host's. Redirects are not followed.
func ask(ctx context.Context, transport http.RoundTripper, url string) (status int, skew *time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return 0, nil, err
	}
	c := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	began := time.Now()
	answer, err := c.Do(request)
	if err != nil {
		return 0, nil, err
	}
	_ = answer.Body.Close()
	if date, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
		middle := began.Add(time.Since(began) / 2)
		ahead := middle.Sub(date.Add(500 * time.Millisecond)) // Date has whole seconds
		skew = &ahead
	}
	return answer.StatusCode, skew, nil
}

// askTimeout bounds one such request.
const askTimeout = 15 * time.Second
