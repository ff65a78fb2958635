package authserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// Control drives a simulator in another process over its control endpoint.
// Each method is the Server's method of the same name.
type Control struct {
	// URL is the simulator's base, as Server.URL gives it.
	URL string
}

// CreateGrant has the user consent without a browser.
func (c Control) CreateGrant(ctx context.Context, user string) (refreshToken, accessToken string, err error) {
	var out grantBody
	err = c.do(ctx, http.MethodPost, "grants", userBody{user}, &out)
	return out.RefreshToken, out.AccessToken, err
}

// Audit tells the state of the user's grant.
func (c Control) Audit(ctx context.Context, user string) (Audit, error) {
	var out Audit
	err := c.do(ctx, http.MethodGet, about("audit", user), nil, &out)
	return out, err
}

// IsLive reports whether presenting the refresh token now would rotate it.
func (c Control) IsLive(ctx context.Context, refreshToken string) (bool, error) {
	out, err := c.check(ctx, refreshToken)
	return out.Live, err
}

// Replayable reports whether presenting the spent refresh token now would still
// be answered with its pair.
func (c Control) Replayable(ctx context.Context, refreshToken string) (bool, error) {
	out, err := c.check(ctx, refreshToken)
	return out.Replayable, err
}

// Stats tells what has been counted so far.
func (c Control) Stats(ctx context.Context) (Stats, error) {
	var out Stats
	err := c.do(ctx, http.MethodGet, "stats", nil, &out)
	return out, err
}

// Events lists the refresh tokens presented for the user; everybody's when
// user is empty.
func (c Control) Events(ctx context.Context, user string) ([]Event, error) {
	var out []Event
	err := c.do(ctx, http.MethodGet, about("events", user), nil, &out)
	return out, err
}

// Inject adds a fault behind those that are still to come.
func (c Control) Inject(ctx context.Context, f Fault) error {
	return c.do(ctx, http.MethodPost, "faults", f, nil)
}

// ClearFaults drops all faults that are still to come.
func (c Control) ClearFaults(ctx context.Context) error {
	return c.do(ctx, http.MethodDelete, "faults", nil, nil)
}

// Held counts the requests about the user that a fault holds right now.
func (c Control) Held(ctx context.Context, user string) (int, error) {
	var out countBody
	err := c.do(ctx, http.MethodGet, about("held", user), nil, &out)
	return out.Count, err
}

// Release answers the requests that Held counts, and returns their number.
func (c Control) Release(ctx context.Context, user string) (int, error) {
	var out countBody
	err := c.do(ctx, http.MethodPost, "release", userBody{user}, &out)
	return out.Count, err
}

// Retire makes every endpoint answer 410 Gone from now on.
func (c Control) Retire(ctx context.Context) error {
	return c.do(ctx, http.MethodPost, "retire", nil, nil)
}

func (c Control) check(ctx context.Context, refreshToken string) (checkBody, error) {
	var out checkBody
	err := c.do(ctx, http.MethodPost, "check", refreshBody{refreshToken}, &out)
	return out, err
}

func about(what, user string) string { return what + "?" + url.Values{"user": {user}}.Encode() }

// do sends in as JSON, unless it is nil, and reads the answer into out, likewise.
func (c Control) do(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("provider simulator: %s %s: %w", method, path, err)
		}
		body = bytes.NewReader(encoded)
	}
	request, err := http.NewRequestWithContext(ctx, method, c.URL+"/_sim/"+path, body)
	if err != nil {
		return fmt.Errorf("provider simulator: %s %s: %w", method, path, err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("provider simulator: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		var refusal errorBody
		_ = json.NewDecoder(answer.Body).Decode(&refusal) // the status says enough
		return fmt.Errorf("provider simulator: %s %s: %s: %s", method, path, answer.Status, refusal.Error)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
		return fmt.Errorf("provider simulator: %s %s: %w", method, path, err)
	}
	return nil
}
