package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/cloudevents/sdk-go/v2/event"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/webhook"
)

func TestAChangeIsALineOnThisMachineAndAnEventAndNeverUndone(t *testing.T) {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	reference, err := standardwebhooks.NewWebhook(secret)
	require.NoError(t, err)
	var got []event.Event
	status := http.StatusOK
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var e event.Event
		if reference.Verify(body, r.Header) == nil && e.UnmarshalJSON(body) == nil {
			got = append(got, e)
		}
		w.WriteHeader(status)
	}))
	defer receiver.Close()
	var warned writer
	file := filepath.Join(t.TempDir(), "state", "audit.jsonl")
	a := &vaultApp{printer: printer{warnings: &warned}, auditor: auditor{
		file: file, vault: "https://v.vault.azure.net",
		sender: webhook.New([]webhook.Receiver{{Name: "ops", URL: token.NewSecret(receiver.URL), Secret: token.NewSecret(secret)}}, "token-refresh"),
	}}
	a.audit(t.Context(), auditRevoke, "fitbit/will", "")
	a.audit(t.Context(), auditMigrate, "fitbit/will", "to google-health/will")
	require.Empty(t, warned)

	require.Len(t, got, 2)
	require.Equal(t, "tokenkeeper.audit", got[0].Type())
	require.Equal(t, "fitbit/will", got[0].Subject())
	require.NotEqual(t, got[0].ID(), got[1].ID())
	var told auditRecord
	require.NoError(t, got[1].DataAs(&told))
	require.Equal(t, auditRecord{Action: "migrate", Subject: "fitbit/will", Detail: "to google-health/will", Vault: "https://v.vault.azure.net", Actor: actor()}, told)

	content, err := os.ReadFile(file)
	require.NoError(t, err)
	first, _, _ := bytes.Cut(content, []byte("\n"))
	var line map[string]string
	require.NoError(t, json.Unmarshal(first, &line))
	require.Equal(t, "audit", line["msg"])
	require.Equal(t, "revoke", line["audit"])
	require.NotEmpty(t, line["time"])
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	status = http.StatusInternalServerError
	a.auditor.file = filepath.Join(file, "no-folder")
	a.audit(t.Context(), auditRotate, "TokenKeeperKeyset", "")
	require.Contains(t, string(warned), "the audit line was not written")
	require.Contains(t, string(warned), "a receiver was not told: webhook: send to ops")
}

type writer []byte

func (w *writer) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}

// inboxOfAudits is a receiver of audit events.
type inboxOfAudits struct{ records []auditRecord }

func (b *inboxOfAudits) serve(t *testing.T) *webhook.Sender {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var e event.Event
		var record auditRecord
		body, _ := io.ReadAll(r.Body)
		if e.UnmarshalJSON(body) != nil || e.DataAs(&record) != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		b.records = append(b.records, record)
	}))
	t.Cleanup(server.Close)
	return webhook.New([]webhook.Receiver{{Name: "ops", URL: token.NewSecret(server.URL), Secret: token.NewSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}}, "token-refresh")
}
