package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"time"

	"tokenkeeper/internal/webhook"
)

// The actions that are audited.
const (
	auditConsent = "consent" // a consent or an imported token is in the vault
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
	Vault   string `json:"vault"`
	Actor   string `json:"actor"` // the user of this machine's system, and the machine
}

// audit records a change that has been made. What cannot be recorded is a warning: the
// change stands.
func (a *vaultApp) audit(ctx context.Context, action, subject, detail string) {
	record := auditRecord{Action: action, Subject: subject, Detail: detail, Vault: a.auditor.vault, Actor: actor()}
	if err := a.auditor.write(record); err != nil {
		a.warn("the audit line was not written: %v", err)
	}
	event := webhook.OfAudit("audit_"+rand.Text(), subject, time.Now(), record)
	for _, receiver := range a.auditor.sender.Names() {
		sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), auditTimeout)
		if err := a.auditor.sender.Send(sending, receiver, event); err != nil {
			a.warn("a receiver was not told: %v", err)
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
