package keyvault

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Counts are the calls of each operation, in all and by name. Names are in lower
// case, and calls that a fault hit are counted too.
type Counts struct {
	ByOperation map[Operation]int            `json:"by_operation"`
	ByName      map[string]map[Operation]int `json:"by_name"`
	// Throttled is how many of them were answered 429.
	Throttled int `json:"throttled"`
}

// faultJSON is a Fault for the control endpoint, with durations such as "1.5s".
type faultJSON struct {
	Kind        Kind      `json:"kind"`
	Operation   Operation `json:"operation"`
	Name        string    `json:"name"`
	Times       int       `json:"times"`
	RetryAfter  string    `json:"retry_after"`
	Behind      int       `json:"behind"`
	DelayBefore string    `json:"delay_before"`
	DelayAfter  string    `json:"delay_after"`
}

// control serves the Go methods below to other processes:
//
//	POST   /_sim/faults          a fault, such as {"kind":"throttled","operation":"set","times":2,"retry_after":"1s"}
//	DELETE /_sim/faults          ends all faults
//	GET    /_sim/counts          Counts
//	GET    /_sim/secrets/{name}  the list of its versions, with values
//	PUT    /_sim/secrets/{name}  {"value":"…"}, written by hand; answers {"version":"…"}
//	POST   /_sim/secrets/{name}/versions  a list of Version, added as Seed does
//	PUT    /_sim/backups/{backup}         keeps a backup of all secrets under that name
//	POST   /_sim/backups/{backup}/restore puts the secrets of that backup back
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
	mux.HandleFunc("POST /_sim/secrets/{name}/versions", func(w http.ResponseWriter, r *http.Request) {
		var versions []Version
		if err := json.NewDecoder(r.Body).Decode(&versions); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := s.Seed(r.PathValue("name"), versions...); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("PUT /_sim/backups/{backup}", func(w http.ResponseWriter, r *http.Request) {
		s.backups.Store(r.PathValue("backup"), s.Backup())
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_sim/backups/{backup}/restore", func(w http.ResponseWriter, r *http.Request) {
		backup, found := s.backups.Load(r.PathValue("backup"))
		if !found {
			http.Error(w, "no backup has this name", http.StatusNotFound)
			return
		}
		if err := s.Restore(backup.(Backup)); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

func (j faultJSON) fault() (f Fault, err error) {
	f = Fault{Kind: j.Kind, Operation: j.Operation, Name: j.Name, Times: j.Times, Behind: j.Behind}
	switch j.Kind {
	case Delay, Unavailable, ReadOnly, Denied, DeniedByAzurePolicy, DeniedByAccessPolicy, DeniedByConnection, DeniedByFirewall,
		KeyUnresolved, WrongTenant, BareConflict, Stale, Throttled, Reset, CommitThenCut:
	default:
		return Fault{}, fmt.Errorf("unknown kind %q", j.Kind)
	}
	for to, text := range map[*time.Duration]string{&f.RetryAfter: j.RetryAfter, &f.DelayBefore: j.DelayBefore, &f.DelayAfter: j.DelayAfter} {
		if text == "" {
			continue
		}
		if *to, err = time.ParseDuration(text); err != nil {
			return Fault{}, fmt.Errorf("%q is not a duration such as 500ms", text)
		}
	}
	return f, nil
}

// Versions returns every version under a name, oldest first, values included and
// whether deleted or not. It sees past faults, and is empty for an unknown name.
func (s *Server) Versions(name string) []Version {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	o := s.store.objects[strings.ToLower(name)]
	if o == nil {
		return nil
	}
	return slices.Clone(o.Versions)
}

// Put writes a value as an operator does with az: untagged, and past all faults. It
// returns the new version's id.
func (s *Server) Put(name, value string) (string, error) {
	if err := checkName(name); err != nil {
		return "", errors.New(err.message)
	}
	v, err := s.store.set(name, Version{Value: value, Enabled: true})
	if err != nil {
		return "", errors.New(err.message)
	}
	return v.ID, nil
}

// Delete soft-deletes a secret, past all faults.
func (s *Server) Delete(name string) error {
	if _, err := s.store.delete(name); err != nil {
		return errors.New(err.message)
	}
	return nil
}

// SetEnabled enables or disables one version by hand.
func (s *Server) SetEnabled(name, version string, enabled bool) error {
	if _, err := s.store.update(name, version, func(v *Version) { v.Enabled = enabled }); err != nil {
		return errors.New(err.message)
	}
	return nil
}

// Counts returns the calls since Start.
func (s *Server) Counts() Counts { return s.counter.snapshot() }

type counter struct {
	mu     sync.Mutex
	counts Counts
}

func newCounter() *counter {
	return &counter{counts: Counts{ByOperation: map[Operation]int{}, ByName: map[string]map[Operation]int{}}}
}

func (c *counter) add(op Operation, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.ByOperation[op]++
	if name == "" {
		return
	}
	name = strings.ToLower(name)
	if c.counts.ByName[name] == nil {
		c.counts.ByName[name] = map[Operation]int{}
	}
	c.counts.ByName[name][op]++
}

func (c *counter) throttled() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts.Throttled++
}

func (c *counter) snapshot() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	byName := make(map[string]map[Operation]int, len(c.counts.ByName))
	for name, ops := range c.counts.ByName {
		byName[name] = maps.Clone(ops)
	}
	return Counts{ByOperation: maps.Clone(c.counts.ByOperation), ByName: byName, Throttled: c.counts.Throttled}
}
