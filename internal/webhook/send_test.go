package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/webhook"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func sender(address string) *webhook.Sender {
	return webhook.New([]webhook.Receiver{{Name: "ops", URL: token.NewSecret(address), Secret: token.NewSecret(testSecret)}}, "token-refresh")
}

func raised() incident.Event {
	return incident.Event{ID: incident.EventID("run", 1), Kind: incident.Raised, Time: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC),
		Incident: "token-refresh--incident--fitbit--CallStuck", Provider: "fitbit", Reason: "CallStuck", Title: "CallStuck: 1,000 accounts at fitbit", Accounts: 1000}
}

// The receiver is two other implementations: the reference library of Standard Webhooks
// verifies what arrives, and the CloudEvents SDK reads it.
func TestAReceiverVerifiesAndReadsAnEvent(t *testing.T) {
	reference, err := standardwebhooks.NewWebhook(testSecret)
	require.NoError(t, err)
	type arrived struct {
		header http.Header
		body   []byte
	}
	var got []arrived
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, arrived{r.Header, body})
		w.WriteHeader(http.StatusNoContent)
	}))
	defer receiver.Close()
	s := sender(receiver.URL)
	require.Equal(t, []string{"ops"}, s.Names())
	require.NoError(t, s.Send(t.Context(), "ops", webhook.OfIncident(raised())))
	require.NoError(t, s.Send(t.Context(), "ops", webhook.OfIncident(raised())))

	require.Len(t, got, 2)
	require.NoError(t, reference.Verify(got[0].body, got[0].header))
	require.Error(t, reference.Verify(append(got[0].body, ' '), got[0].header), "a changed body")
	require.Equal(t, "application/cloudevents+json", got[0].header.Get("Content-Type"))
	require.Equal(t, raised().ID, got[0].header.Get("webhook-id"))
	require.Equal(t, got[0].header.Get("webhook-id"), got[1].header.Get("webhook-id"), "sent again, it is recognised")
	require.Equal(t, got[0].body, got[1].body)

	var e event.Event
	require.NoError(t, e.UnmarshalJSON(got[0].body))
	require.NoError(t, e.Validate())
	require.Equal(t, "1.0", e.SpecVersion())
	require.Equal(t, raised().ID, e.ID())
	require.Equal(t, "tokenkeeper.incident.raised", e.Type())
	require.Equal(t, "urn:token-keeper:token-refresh", e.Source())
	require.Equal(t, "fitbit/CallStuck", e.Subject())
	var data incident.Event
	require.NoError(t, e.DataAs(&data))
	require.Equal(t, raised(), data)
}

func TestWhatAReceiverAnswers(t *testing.T) {
	for _, c := range []struct {
		status int
		header string // Retry-After
		gone   bool
		wait   time.Duration
		says   string // empty: taken
	}{
		{status: 200}, {status: 202}, {status: 204},
		{status: 410, gone: true, says: "410 Gone and wants no more events"},
		{status: 429, header: "7", wait: 7 * time.Second, says: "answers 429"},
		{status: 503, header: "7", wait: 7 * time.Second, says: "answers 503"},
		{status: 503, header: "86400", wait: time.Hour, says: "answers 503"},
		{status: 503, header: "-5", says: "answers 503"},
		{status: 503, header: "soon", says: "answers 503"},
		{status: 500, header: "7", says: "answers 500"},
		{status: 404, says: "see that its URL is right"},
		{status: 401, says: "see that its secret is the one"},
		{status: 302, says: "redirects, which is not followed"},
	} {
		t.Run(fmt.Sprintf("%d %s", c.status, c.header), func(t *testing.T) {
			var followed atomic.Bool
			receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path == "/elsewhere" {
					followed.Store(true)
				}
				w.Header().Set("Location", "/elsewhere")
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				w.WriteHeader(c.status)
			}))
			defer receiver.Close()
			err := sender(receiver.URL+"/hooks/T0P-S3CRET").Send(t.Context(), "ops", webhook.Test("evt_1", time.Now()))
			require.False(t, followed.Load())
			if c.says == "" {
				require.NoError(t, err)
				return
			}
			var refused *webhook.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, []any{c.status, c.gone, c.wait}, []any{refused.Status, refused.Gone, refused.Wait})
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "webhook: send to ops ("+strings.TrimPrefix(receiver.URL, "http://")+"): ")
			require.NotContains(t, err.Error(), "S3CRET")
		})
	}
}

func TestAReceiverThatIsAwayIsNamedByItsHost(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	err = sender("http://"+address+"/hooks/T0P-S3CRET").Send(t.Context(), "ops", webhook.Test("evt_1", time.Now()))
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "S3CRET")

	err = sender("http://"+address).Send(t.Context(), "chat", webhook.Test("evt_1", time.Now()))
	require.ErrorIs(t, err, webhook.ErrUnknownReceiver)
}

// A receiver's answer is not read beyond what keeps its connection, and its headers are
// bounded.
func TestAReceiverCannotFlood(t *testing.T) {
	var sent atomic.Int64
	flood := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		block := make([]byte, 64<<10)
		for range 4096 {
			n, err := w.Write(block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	defer flood.Close()
	require.NoError(t, sender(flood.URL).Send(t.Context(), "ops", webhook.Test("evt_1", time.Now())))
	flood.CloseClientConnections()
	require.Less(t, sent.Load(), int64(32<<20), "of 256 MiB")

	headers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 64<<10))
	}))
	defer headers.Close()
	require.Error(t, sender(headers.URL).Send(t.Context(), "ops", webhook.Test("evt_1", time.Now())))
}

// An older protocol version, and a certificate that no authority knows, are refused.
func TestTLSIsCheckedAndRecent(t *testing.T) {
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	err := sender(receiver.URL).Send(t.Context(), "ops", webhook.Test("evt_1", time.Now()))
	require.ErrorContains(t, err, "certificate")
}

func TestACancelledSendEnds(t *testing.T) {
	hangs := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body) // or the server does not see that the sender leaves
		<-r.Context().Done()
	}))
	defer hangs.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	err := sender(hangs.URL).Send(ctx, "ops", webhook.Test("evt_1", time.Now()))
	var refused *webhook.Error
	require.True(t, errors.As(err, &refused))
}
