package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"tokenkeeper/internal/consent"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/webhook"
)

// The actions that are audited.
const (
	auditConsent = "consent" // a consent of the account owner is in the vault
	auditImport  = "import"  // a token that was issued elsewhere is
	auditStop    = "stop"
	auditMove    = "move"
	auditRevoke  = "revoke"
	auditRotate  = "rotate-keys"
	auditMigrate = "migrate"
)

// auditTimeout bounds what telling one receiver may hold up a command that is done.
const auditTimeout = 5 * time.Second

// auditor records what an operator has changed: a line in a file on this machine, and an
// event to each receiver.
type auditor struct {
	file   string
	sender *webhook.Sender
	vault  string // its URL
}

// auditRecord is one change. It holds no secret.
type auditRecord struct {
	Action  string `json:"action"`
	Subject string `json:"subject"` // an account, or the keyset's key
	Detail  string `json:"detail,omitempty"`
	Vault   string `json:"vault,omitempty"`
	Actor   string `json:"actor"` // the user of this machine's system, and the machine
}

// audit records a change that has been made. What cannot be recorded is a warning: the
// change stands.
func (a *vaultApp) audit(ctx context.Context, action, subject, detail string) {
	record := auditRecord{Action: action, Subject: subject, Detail: detail, Vault: a.auditor.vault, Actor: actor()}
	if err := a.auditor.write(record); err != nil {
		a.warn("the audit line was not written: %v", err)
	}
	a.auditor.send(ctx, a.printer, record)
}

// auditStored records a refresh token that was put into the vault.
func (a *vaultApp) auditStored(ctx context.Context, action string, t target, pair token.Pair, stored vault.Receipt) {
	a.audit(ctx, action, t.String(), fmt.Sprintf("fingerprint %s as version %s of %s, which begins with generation 0", pair.RefreshToken.Fingerprint(), stored.RefreshTokenVersion, t.Names.RefreshToken))
}

// auditor is the one of this machine's user, for the vault of the settings.
func (s settings) auditor() (auditor, error) {
	state, err := consent.StateDir(s.environ)
	if err != nil {
		return auditor{}, err
	}
	receivers, err := webhook.Load(s.WebhooksFile)
	if err != nil {
		return auditor{}, err
	}
	return auditor{file: filepath.Join(state, "audit.jsonl"), sender: webhook.New(receivers, s.TaskQueue), vault: s.Vault.URL}, nil
}

// send tells each receiver of a change.
func (a auditor) send(ctx context.Context, p printer, record auditRecord) {
	if a.sender == nil {
		return
	}
	event := webhook.OfAudit("audit_"+rand.Text(), record.Subject, time.Now(), record)
	for _, receiver := range a.sender.Names() {
		sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
		if err := a.sender.Send(sending, receiver, event); err != nil {
			p.warn("a receiver was not told: %v", err)
		}
		cancel()
	}
}

// write appends a line of JSON with the message "audit".
func (a auditor) write(r auditRecord) error {
	if err := os.MkdirAll(filepath.Dir(a.file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(a.file, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	slog.New(slog.NewJSONHandler(f, nil)).Info("audit", "audit", r.Action, "subject", r.Subject, "detail", r.Detail, "vault", r.Vault, "actor", r.Actor)
	return f.Close()
}

// actor is who runs this program, as far as the machine knows.
func actor() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return name + "@" + host
}
