package authserver

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Bodies of the control endpoint, shared with Control.
type (
	userBody struct {
		User string `json:"user"`
	}
	refreshBody struct {
		RefreshToken string `json:"refresh_token"`
	}
	grantBody struct {
		RefreshToken string `json:"refresh_token"`
		AccessToken  string `json:"access_token"`
	}
	checkBody struct {
		Live       bool `json:"live"`
		Replayable bool `json:"replayable"`
	}
	advanceBody struct {
		By Duration `json:"by"`
	}
	countBody struct {
		Count int `json:"count"`
	}
	errorBody struct {
		Error string `json:"error"`
	}
)

// routeControl serves the Server's methods of the same names to other processes:
//
//	POST   /_sim/grants   {"user":"…"}; answers {"refresh_token":"…","access_token":"…"}
//	POST   /_sim/check    {"refresh_token":"…"}; answers {"live":…,"replayable":…}
//	GET    /_sim/audit    Audit of ?user=
//	GET    /_sim/events   list of Event, of ?user= or of all
//	GET    /_sim/stats    Stats
//	POST   /_sim/faults   a Fault, such as {"endpoint":"token","answer":"reset"}
//	DELETE /_sim/faults   drops all faults
//	GET    /_sim/held     {"count":…} of ?user= or of all
//	POST   /_sim/release  {"user":"…"}, or {} for all; answers {"count":…}
//	POST   /_sim/end-grants  {"user":"…"}: the user ends all grants
//	POST   /_sim/advance  {"by":"24h"} moves the provider's clock on
//	POST   /_sim/retire   ends the provider's API
//
// It is outside faults, counts and retirement, and gives no token away except in the
// answer to POST /_sim/grants.
func (s *Server) routeControl(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sim/grants", withBody(func(in userBody) (any, error) {
		refresh, access := s.CreateGrant(in.User)
		return grantBody{refresh, access}, nil
	}))
	mux.HandleFunc("POST /_sim/check", withBody(func(in refreshBody) (any, error) { // no GET, whose URL would hold the token
		return checkBody{s.IsLive(in.RefreshToken), s.Replayable(in.RefreshToken)}, nil
	}))
	mux.HandleFunc("GET /_sim/audit", withUser(func(user string) any { return s.Audit(user) }))
	mux.HandleFunc("GET /_sim/events", withUser(func(user string) any { return s.Events(user) }))
	mux.HandleFunc("GET /_sim/stats", withUser(func(string) any { return s.Stats() }))
	mux.HandleFunc("POST /_sim/faults", withBody(func(f Fault) (any, error) { return struct{}{}, s.Inject(f) }))
	mux.HandleFunc("DELETE /_sim/faults", withUser(func(string) any { s.ClearFaults(); return struct{}{} }))
	mux.HandleFunc("GET /_sim/held", withUser(func(user string) any { return countBody{s.Held(user)} }))
	mux.HandleFunc("POST /_sim/release", withBody(func(in userBody) (any, error) { return countBody{s.Release(in.User)}, nil }))
	mux.HandleFunc("POST /_sim/end-grants", withBody(func(in userBody) (any, error) { s.EndGrants(in.User); return struct{}{}, nil }))
	mux.HandleFunc("POST /_sim/advance", withBody(func(in advanceBody) (any, error) { s.Advance(time.Duration(in.By)); return struct{}{}, nil }))
	mux.HandleFunc("POST /_sim/retire", withUser(func(string) any { s.Retire(); return struct{}{} }))
}

// withUser answers a request that has no body, only perhaps a user in its query.
func withUser(answer func(user string) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		jsonReply(http.StatusOK, answer(r.URL.Query().Get("user"))).write(w)
	}
}

// withBody answers a request with a JSON body. An unknown field is refused: a
// misspelt fault would strike nothing, and a test would pass without it.
func withBody[In any](answer func(In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&in)
		var out any
		if err == nil {
			out, err = answer(in)
		}
		if err != nil {
			jsonReply(http.StatusBadRequest, errorBody{err.Error()}).write(w)
			return
		}
		jsonReply(http.StatusOK, out).write(w)
	}
}

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

// Audit returns the state of the user's grant.
func (c Control) Audit(ctx context.Context, user string) (Audit, error) {
	var out Audit
	err := c.do(ctx, http.MethodGet, "audit?"+url.Values{"user": {user}}.Encode(), nil, &out)
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

func (c Control) check(ctx context.Context, refreshToken string) (checkBody, error) {
	var out checkBody
	err := c.do(ctx, http.MethodPost, "check", refreshBody{refreshToken}, &out)
	return out, err
}

// Stats returns the counts since the start.
func (c Control) Stats(ctx context.Context) (Stats, error) {
	var out Stats
	err := c.do(ctx, http.MethodGet, "stats", nil, &out)
	return out, err
}

// do sends in as JSON, unless it is nil, and reads the answer into out.
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
		return fmt.Errorf("provider simulator: %s %s: %s", method, path, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
		return fmt.Errorf("provider simulator: %s %s: %w", method, path, err)
	}
	return nil
}
