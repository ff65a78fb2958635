package authserver

import (
	"encoding/json"
	"net/http"
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
	countBody struct {
		Count int `json:"count"`
	}
	errorBody struct {
		Error string `json:"error"`
	}
)

// routeControl lays the control endpoint beside the provider's. It is outside
// faults, counts and retirement, and gives no token away except in the answer
// to POST /_sim/grants.
func (s *Server) routeControl(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sim/grants", change(func(in userBody) (any, error) {
		refresh, access := s.CreateGrant(in.User)
		return grantBody{refresh, access}, nil
	}))
	// A POST, to keep the token out of the URL.
	mux.HandleFunc("POST /_sim/check", change(func(in refreshBody) (any, error) {
		return checkBody{s.IsLive(in.RefreshToken), s.Replayable(in.RefreshToken)}, nil
	}))
	mux.HandleFunc("GET /_sim/audit", show(func(user string) any { return s.Audit(user) }))
	mux.HandleFunc("GET /_sim/events", show(func(user string) any { return s.Events(user) }))
	mux.HandleFunc("GET /_sim/stats", show(func(string) any { return s.Stats() }))
	mux.HandleFunc("POST /_sim/faults", change(func(f Fault) (any, error) { return struct{}{}, s.Inject(f) }))
	mux.HandleFunc("DELETE /_sim/faults", show(func(string) any { s.ClearFaults(); return struct{}{} }))
	mux.HandleFunc("GET /_sim/held", show(func(user string) any { return countBody{s.Held(user)} }))
	mux.HandleFunc("POST /_sim/release", change(func(in userBody) (any, error) {
		return countBody{s.Release(in.User)}, nil
	}))
	mux.HandleFunc("POST /_sim/retire", show(func(string) any { s.Retire(); return struct{}{} }))
}

// show answers a request that has no body, only a user in its query perhaps.
func show(answer func(user string) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		jsonReply(http.StatusOK, answer(r.URL.Query().Get("user"))).write(w)
	}
}

// change answers a request with a JSON body. An unknown field is refused: a
// misspelt fault that strikes nothing makes a test pass for nothing.
func change[In any](do func(In) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in In
		decoder := json.NewDecoder(r.Body)
		decoder.DisallowUnknownFields()
		err := decoder.Decode(&in)
		var out any
		if err == nil {
			out, err = do(in)
		}
		if err != nil {
			jsonReply(http.StatusBadRequest, errorBody{err.Error()}).write(w)
			return
		}
		jsonReply(http.StatusOK, out).write(w)
	}
}
