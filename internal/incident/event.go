package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// Kind is what an event says of its incident.
type Kind string

const (
	Raised Kind = "raised" // it has begun
	Grown  Kind = "grown"  // it has become much larger, or has accounts that nothing was told of
	Healed Kind = "healed" // it is over
)

// Event is what receivers are told. It holds no secret.
type Event struct {
	// ID is the same whenever the event is sent again, so that receivers recognise it.
	ID       string    `json:"id"`
	Kind     Kind      `json:"kind"`
	Time     time.Time `json:"time"`
	Incident string    `json:"incident"` // the workflow's id
	Provider string    `json:"provider,omitempty"`
	Reason   string    `json:"reason"`
	Title    string    `json:"title"`    // one line, for a mail's subject
	Accounts int       `json:"accounts"` // that have it now; of a healed one, the most that had it
	Since    time.Time `json:"since"`
	Message  string    `json:"message"` // cause and fix, of the first account that is news
	// Command mends it where one command does, for the account of Message.
	Command  string    `json:"command,omitempty"`
	Examples []Example `json:"examples,omitempty"` // of the accounts that are news
}

// Example is one account of an event.
type Example struct {
	Account string `json:"account"`
	Message string `json:"message"`
	Run     string `json:"run,omitempty"`
}

// EventID is the id of the nth event of an incident, which one run or a chain of runs
// holds.
func EventID(firstRunID string, n int) string {
	sum := sha256.Sum256([]byte(firstRunID + "/" + strconv.Itoa(n)))
	return "evt_" + hex.EncodeToString(sum[:16])
}

// title is an event in one line.
func title(kind Kind, provider, reason string, accounts int) string {
	what := reason
	switch {
	case provider != "" && accounts == 1:
		what += fmt.Sprintf(": 1 account at %s", provider)
	case provider != "":
		what += fmt.Sprintf(": %s accounts at %s", thousands(accounts), provider)
	}
	if kind == Healed {
		what += ", healed"
	}
	return what
}

// command is what an operator runs to mend an account's incident; empty where the message
// alone says what to do.
func command(reason string, r Report) string {
	provider, name, ok := strings.Cut(r.Account, "/")
	if !ok || reason != needsConsent && reason != ConsentEnds {
		return ""
	}
	return "starter authorize " + token.Account{Provider: provider, Name: name, SecretsOf: r.SecretsOf}.Flags()
}

func thousands(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
