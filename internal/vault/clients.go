package vault

import (
	"context"
	"sync"
	"time"

	"tokenkeeper/internal/token"
)

// clientsFor is how long client credentials are used without another look into the vault.
// A changed client secret works at once all the same: a provider that refuses the one
// before it has spent nothing, and the current one is read then.
const clientsFor = 5 * time.Minute

// mostClients bounds what is remembered, where each account has a client of its own.
const mostClients = 10_000

// clients remember client credentials, which all accounts of a provider share as a rule.
type clients struct {
	mu   sync.Mutex
	read map[clientNames]readClient
}

// clientNames are the secrets that hold a client.
type clientNames struct{ both, id, secret string }

type readClient struct {
	token.Client
	at time.Time
}

func newClients() *clients { return &clients{read: map[clientNames]readClient{}} }

func (n Names) clientNames() clientNames {
	return clientNames{n.Credentials, n.ClientID, n.ClientSecret}
}

// RecentCredentials is Credentials from this process's memory where they were read some
// minutes ago at most.
func (v *Vault) RecentCredentials(ctx context.Context, n Names) (token.Client, error) {
	if client, ok := v.clients.recent(n.clientNames(), time.Now()); ok {
		return client, nil
	}
	return v.Credentials(ctx, n)
}

// ForgetCredentials has the next RecentCredentials read the vault: a provider has refused
// the client, or a token in words that may mean the client.
func (v *Vault) ForgetCredentials(n Names) { v.clients.forget(n.clientNames()) }

func (c *clients) recent(n clientNames, now time.Time) (token.Client, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.read[n]
	return r.Client, ok && now.Sub(r.at) < clientsFor
}

func (c *clients) remember(n clientNames, client token.Client, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.read) >= mostClients {
		clear(c.read)
	}
	c.read[n] = readClient{client, now}
}

func (c *clients) forget(n clientNames) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.read, n)
}
