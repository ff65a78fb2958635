// Package tokens is for programs that use the access tokens that Token Keeper keeps fresh:
// an [oauth2.TokenSource] over a secret AccessToken of Azure Key Vault.
//
//	secrets, err := azsecrets.NewClient("https://my-vault.vault.azure.net", credential, nil)
//	source := tokens.New(secrets, "AccessToken")
//	client := source.Client(nil) // sends the token, and reads it again after a 401
//
// A [Source] reads the secret once and then again when the token is about to end. It reads
// nothing else and writes nothing: the refresh token is Token Keeper's alone, and the
// program needs the role "Key Vault Secrets User" on this one secret.
//
// With some providers a refresh ends the access token before it, whatever its expiry says
// (GitHub Apps, GitLab). Then a 401 is the normal sign that there is a newer one, and
// [Source.Client] takes care of it; see also [WithMaxAge].
package tokens

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
	"golang.org/x/oauth2"
)

// Secrets is the part of [azsecrets.Client] that is needed.
type Secrets interface {
	GetSecret(ctx context.Context, name, version string, options *azsecrets.GetSecretOptions) (azsecrets.GetSecretResponse, error)
}

const (
	// leadTime is how long before its end a token counts as old. Token Keeper refreshes
	// well before that, so that by then there is a newer one.
	leadTime = 2 * time.Minute
	// jitterTime spreads the readers of one secret: each reads up to so much earlier.
	jitterTime = time.Minute
	// unknownAge is how long a token is kept whose end the vault does not say.
	unknownAge = 5 * time.Minute
	// readPause is the least time between two reads while the vault has nothing newer, so
	// that an expired token is not read for each request.
	readPause = 5 * time.Second
	// readTimeout bounds a read where the caller's context does not.
	readTimeout = 30 * time.Second
)

// Source reads one secret. It is safe for concurrent use: at most one read is under way
// at a time, and all who wait for it share what it brings.
type Source struct {
	secrets Secrets
	name    string
	maxAge  time.Duration
	now     func() time.Time

	mu      sync.Mutex
	held    held
	reading *reading // nil while no read is under way
	stale   bool     // the held one was refused
}

// held is what was read last.
type held struct {
	token   oauth2.Token
	version azsecrets.ID
	kept    time.Time // when Token Keeper wrote it; zero where the vault does not say
	readAt  time.Time
	readBy  time.Time // when it is to be read again
}

type reading struct {
	done chan struct{}
	held held
	err  error
}

// Option changes a [Source].
type Option func(*Source)

// WithMaxAge has the secret read again after so long at the latest, also where the token
// is good for longer. Use it where a refresh ends the token before it and a 401 is to be
// avoided rather than answered.
func WithMaxAge(d time.Duration) Option { return func(s *Source) { s.maxAge = d } }

// WithClock is for tests of programs that wait for a token's end.
func WithClock(now func() time.Time) Option { return func(s *Source) { s.now = now } }

// New reads nothing yet. The name is the secret's: AccessToken, or will-AccessToken for the
// account will; Token Keeper's docs/recipes.md has them.
func New(secrets Secrets, name string, options ...Option) *Source {
	s := &Source{secrets: secrets, name: name, now: time.Now}
	for _, change := range options {
		change(s)
	}
	return s
}

// Token implements [oauth2.TokenSource]: [Source.TokenContext] with a time-out.
func (s *Source) Token() (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	return s.TokenContext(ctx)
}

// TokenContext returns a token that is good for now. Where the vault has only one that has
// ended, the error is an [*ExpiredError]; where the vault does not answer, a held token is
// returned for as long as it is good.
func (s *Source) TokenContext(ctx context.Context) (*oauth2.Token, error) {
	s.mu.Lock()
	now := s.now()
	if s.held.token.AccessToken != "" && now.Before(s.held.readBy) && !s.stale {
		t := s.held.token
		s.mu.Unlock()
		return &t, nil
	}
	r := s.reading
	if r == nil {
		r = &reading{done: make(chan struct{})}
		s.reading = r
		// Not the caller's context: others may wait for the same read.
		go s.read(context.WithoutCancel(ctx), r)
	}
	s.mu.Unlock()
	select {
	case <-r.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("read %s: %w", s.name, ctx.Err())
	}
	if r.err != nil {
		return nil, r.err
	}
	if end := r.held.token.Expiry; !end.IsZero() && !s.now().Before(end) {
		return nil, &ExpiredError{Secret: s.name, Expired: end, Kept: r.held.kept}
	}
	t := r.held.token
	return &t, nil
}

// Invalidate has the next call read the secret again, because the given token was refused.
// It does nothing where another token is held by now.
func (s *Source) Invalidate(accessToken string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held.token.AccessToken == accessToken {
		s.stale = true
	}
}

// read reads the secret and shares what it brings.
func (s *Source) read(ctx context.Context, r *reading) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	got, err := s.get(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(r.done)
	s.reading = nil
	now := s.now()
	if err != nil {
		last := s.held.token
		if last.AccessToken == "" || s.stale || !last.Expiry.IsZero() && !now.Before(last.Expiry) {
			r.err = err
			return
		}
		s.held.readBy = now.Add(readPause) // the vault is away, and the token still good
		r.held = s.held
		return
	}
	s.held, s.stale, r.held = got, false, got
}

// get reads the current version of the secret.
func (s *Source) get(ctx context.Context) (held, error) {
	answer, err := s.secrets.GetSecret(ctx, s.name, "", nil)
	if err != nil {
		return held{}, explain(s.name, err)
	}
	if answer.Value == nil || *answer.Value == "" {
		return held{}, fmt.Errorf("read %s: the secret is empty; have Token Keeper refresh the account, or correct the secret's name", s.name)
	}
	h := held{token: oauth2.Token{AccessToken: *answer.Value, TokenType: "Bearer"}, readAt: s.now()}
	if answer.ID != nil {
		h.version = *answer.ID
	}
	if a := answer.Attributes; a != nil {
		if a.Expires != nil {
			h.token.Expiry = *a.Expires
		}
		if a.Created != nil {
			h.kept = *a.Created
		}
	}
	h.readBy = s.nextRead(h)
	return h, nil
}

// nextRead is when a token that was just read is to be read again.
func (s *Source) nextRead(h held) time.Time {
	by := h.readAt.Add(unknownAge)
	if end := h.token.Expiry; !end.IsZero() {
		by = end.Add(-leadTime - rand.N(jitterTime))
	}
	if latest := h.readAt.Add(s.maxAge); s.maxAge > 0 && latest.Before(by) {
		by = latest
	}
	if soon := h.readAt.Add(readPause); by.Before(soon) {
		by = soon
	}
	if end := h.token.Expiry; !end.IsZero() && end.Before(by) && h.readAt.Before(end) {
		by = end // never beyond its end
	}
	return by
}

// ExpiredError says that the vault has no newer token than one that has ended.
type ExpiredError struct {
	Secret  string
	Expired time.Time
	Kept    time.Time // when Token Keeper wrote it; zero where the vault does not say
}

func (e *ExpiredError) Error() string {
	since := ""
	if !e.Kept.IsZero() {
		since = " since " + e.Kept.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("the access token in %s expired at %s; Token Keeper has not refreshed it%s: see starter status", e.Secret, e.Expired.UTC().Format(time.RFC3339), since)
}

// explain names what to do about a refusal of the vault. The original error stays for
// errors.As.
func explain(name string, err error) error {
	var refused *azcore.ResponseError
	if !errors.As(err, &refused) {
		return fmt.Errorf("read %s: %w", name, err)
	}
	fix := ""
	switch refused.StatusCode {
	case http.StatusNotFound:
		fix = "; the vault has no such secret: check its name, and that Token Keeper has refreshed the account once"
	case http.StatusForbidden, http.StatusUnauthorized:
		fix = `; give this program the role "Key Vault Secrets User" on this secret`
	}
	return &vaultError{fmt.Sprintf("read %s: Key Vault answers %d %s%s", name, refused.StatusCode, refused.ErrorCode, fix), err}
}

// vaultError has one line where azcore's has a whole answer.
type vaultError struct {
	text string
	err  error
}

func (e *vaultError) Error() string { return e.text }
func (e *vaultError) Unwrap() error { return e.err }
