package authserver

import (
	"cmp"
	"time"

	"tokenkeeper/internal/token"
)

// Defaults, as Fitbit documents them.
const (
	DefaultReplayWindow        = 2 * time.Minute
	DefaultAccessTokenLifetime = 8 * time.Hour
)

// NoReplay as [Options.ReplayWindow] makes a provider that never repeats a lost
// answer, such as WHOOP.
const NoReplay time.Duration = -1

// Options shape a [Server]. The zero value is Fitbit with a fake client.
type Options struct {
	// Listen is the address to serve plain http on. Default 127.0.0.1:0, a free
	// loopback port.
	Listen string
	// Provider is the one to stand in for. Default [Fitbit].
	Provider Provider
	// Client is the one application that is registered. Default [DefaultClient].
	Client Client
	// ReplayWindow is how long an identical refresh repeats its answer. Zero
	// means the provider's; [NoReplay] turns it off.
	ReplayWindow time.Duration
	// AccessTokenLifetime, in whole seconds. Zero means the provider's.
	AccessTokenLifetime time.Duration
	// ReuseRevokes ends a grant when one of its spent refresh tokens is
	// presented outside the replay window, also where the provider does not.
	ReuseRevokes bool
	// TokenPrefix begins every token and code, so that a test can search logs
	// and databases for them. Default "fake-".
	TokenPrefix string
	// Now is the provider's clock: windows and expiries go by it, delays do
	// not. Default time.Now. Called by one goroutine at a time.
	Now func() time.Time
}

// Client is an application registered at the provider.
type Client struct {
	ID string
	// Secret is empty for a public client ("client" or "personal" type), which
	// names itself in the body instead of by HTTP Basic.
	Secret token.Secret
	// RedirectURIs are compared character by character.
	RedirectURIs []string
}

// DefaultClient is a server application with well-known fake credentials.
func DefaultClient() Client {
	return Client{ID: "FAKE0C", Secret: token.NewSecret("fake-client-secret")}
}

func (o Options) withDefaults() Options {
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Client.ID == "" {
		known := DefaultClient()
		o.Client.ID, o.Client.Secret = known.ID, known.Secret
	}
	if o.Provider.Name == "" {
		o.Provider = Fitbit()
	}
	o.ReplayWindow = cmp.Or(o.ReplayWindow, o.Provider.ReplayWindow)
	o.AccessTokenLifetime = cmp.Or(o.AccessTokenLifetime, o.Provider.AccessTokenLifetime)
	o.ReuseRevokes = o.ReuseRevokes || o.Provider.ReuseRevokes
	if o.TokenPrefix == "" {
		o.TokenPrefix = "fake-"
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
