package keyvault

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// faultJSON is a Fault for the control endpoint, with durations such as "1.5s".
type faultJSON struct {
	Kind        Kind      `json:"kind"`
	Operation   Operation `json:"operation"`
	Name        string    `json:"name"`
	Times       int       `json:"times"`
	RetryAfter  string    `json:"retry_after"`
	DelayBefore string    `json:"delay_before"`
	DelayAfter  string    `json:"delay_after"`
}

// control serves what the Go methods offer to tests in other processes:
//
//	POST   /_sim/faults          a fault, such as {"kind":"throttled","operation":"set","times":2,"retry_after":"1s"}
//	DELETE /_sim/faults          ends all faults
//	GET    /_sim/counts          Counts
//	GET    /_sim/secrets/{name}  the list of its versions, with values
//	PUT    /_sim/secrets/{name}  {"value":"…"}, written as by hand; answers {"version":"…"}
func (s *Server) control(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sim/faults", func(w http.ResponseWriter, r *http.Request) {
		var j faultJSON
		if err := json.NewDecoder(r.Body).Decode(&j); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		f, err := j.fault()
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		s.Inject(f)
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.ClearFaults()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_sim/counts", func(w http.ResponseWriter, _ *http.Request) {
		success(s.Counts()).write(w)
	})
	mux.HandleFunc("GET /_sim/secrets/{name}", func(w http.ResponseWriter, r *http.Request) {
		success(append([]Version{}, s.Versions(r.PathValue("name"))...)).write(w)
	})
	mux.HandleFunc("PUT /_sim/secrets/{name}", func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Value string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		version, err := s.Put(r.PathValue("name"), body.Value)
		if err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		success(map[string]string{"version": version}).write(w)
	})
}

func (j faultJSON) fault() (Fault, error) {
	f := Fault{Kind: j.Kind, Operation: j.Operation, Name: j.Name, Times: j.Times}
	switch j.Kind {
	case Delay, Unavailable, ReadOnly, Denied, Throttled, Reset, CommitThenCut:
	default:
		return Fault{}, fmt.Errorf("unknown kind %q", j.Kind)
	}
	for _, d := range []struct {
		text string
		to   *time.Duration
	}{{j.RetryAfter, &f.RetryAfter}, {j.DelayBefore, &f.DelayBefore}, {j.DelayAfter, &f.DelayAfter}} {
		if d.text == "" {
			continue
		}
		parsed, err := time.ParseDuration(d.text)
		if err != nil {
			return Fault{}, fmt.Errorf("%q is not a duration such as 500ms", d.text)
		}
		*d.to = parsed
	}
	return f, nil
}
