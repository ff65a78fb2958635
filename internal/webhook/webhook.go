// Package webhook sends events to receivers: CloudEvents 1.0 in structured mode, as JSON
// over HTTPS POST, signed as Standard Webhooks says.
//
// [Load] reads the receivers of a file, a [Sender] sends to them, and [OfIncident],
// [OfAudit] and [Test] make the events.
package webhook

import (
	"encoding/json"
	"net/url"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"

	"tokenkeeper/internal/incident"
)

// The types of events. They stay as they are, for receivers route by them.
const (
	typeIncident = "tokenkeeper.incident." // and a kind: raised, grown or healed
	typeAudit    = "tokenkeeper.audit"
	typeTest     = "tokenkeeper.test"
)

// ContentType is that of a CloudEvent in structured mode.
const ContentType = event.ApplicationCloudEventsJSON

// Event is one CloudEvent before it is written down. It holds no secret.
type Event struct {
	ID      string // the same whenever it is sent again
	Type    string
	Subject string
	Time    time.Time
	Data    any // as JSON
}

// OfIncident is an incident's event.
func OfIncident(e incident.Event) Event {
	subject := e.Reason
	if e.Provider != "" {
		subject = e.Provider + "/" + e.Reason
	}
	return Event{ID: e.ID, Type: typeIncident + string(e.Kind), Subject: subject, Time: e.Time, Data: e}
}

// OfAudit is the event of what an operator has done to a subject, such as an account.
func OfAudit(id, subject string, at time.Time, data any) Event {
	return Event{ID: id, Type: typeAudit, Subject: subject, Time: at, Data: data}
}

// Test is an event that shows that a receiver can be reached and takes the signature.
func Test(id string, at time.Time) Event {
	return Event{ID: id, Type: typeTest, Subject: "test", Time: at, Data: map[string]string{
		"title": "A test from Token Keeper", "message": "This receiver gets alerts. There is nothing to do.",
	}}
}

// source is who sends: the workers of one task queue, which is one vault.
func source(taskQueue string) string { return "urn:token-keeper:" + url.PathEscape(taskQueue) }

// body is the event in structured mode.
func (e Event) body(source string) ([]byte, error) {
	c := event.New()
	c.SetID(e.ID)
	c.SetType(e.Type)
	c.SetSource(source)
	c.SetSubject(e.Subject)
	c.SetTime(e.Time.UTC())
	if err := c.SetData(event.ApplicationJSON, e.Data); err != nil {
		return nil, err
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return json.Marshal(c)
}
