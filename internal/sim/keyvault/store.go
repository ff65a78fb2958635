package keyvault

import (
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"
)

// Version is one version of a secret as the vault keeps it, value included.
type Version struct {
	ID          string            `json:"version"` // 32 hex digits
	Value       string            `json:"value"`
	ContentType string            `json:"content_type,omitempty"`
	Tags        map[string]string `json:"tags,omitempty"`
	Enabled     bool              `json:"enabled"`
	// NotBefore and Expires are zero when unset.
	NotBefore time.Time `json:"not_before,omitzero"`
	Expires   time.Time `json:"expires,omitzero"`
	// Created and Updated are in whole seconds, as with the real vault.
	Created time.Time `json:"created"`
	Updated time.Time `json:"updated"`
}

// object is everything under one name.
type object struct {
	Name     string    `json:"name"` // as first written
	Versions []Version `json:"versions"`
	Deleted  time.Time `json:"deleted,omitzero"`
	// A deleted object is being deleted until recoverable; a recovered one is
	// unreadable until readable and unwritable until writable.
	recoverable, readable, writable time.Time
}

// store is the vault's content. Names are keyed in lower case, because Key
// Vault does not tell cases apart.
type store struct {
	now           func() time.Time
	deletionDelay time.Duration
	recoveryDelay time.Duration
	creations     limit
	others        limit // all other calls
	path          string
	identity      identity

	mu      sync.Mutex
	objects map[string]*object
}

// set adds a version and makes it the current one.
func (s *store) set(name string, v Version) (Version, *apiError) {
	if err := checkVersion(v); err != nil {
		return Version{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	o := s.objects[strings.ToLower(name)]
	if o == nil {
		o = &object{Name: name}
	}
	if err := o.checkWritable(now); err != nil {
		return Version{}, err
	}
	if err := s.creations.take(now); err != nil {
		return Version{}, err
	}
	v.ID = newVersionID()
	v.Created = now.UTC().Truncate(time.Second)
	v.Updated = v.Created
	o.Versions = append(o.Versions, v)
	s.objects[strings.ToLower(name)] = o
	return v, s.save()
}

// takeOther counts a call that creates no version.
func (s *store) takeOther() *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.others.take(s.now())
}

// get reads one version, or the current one when id is empty. A stale read of the
// current one sees the version that many before it.
func (s *store) get(name, id string, behind int) (Version, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.live(name)
	if err != nil {
		return Version{}, err
	}
	if id == "" {
		seen := o.seen(behind)
		if len(seen) == 0 {
			return Version{}, errSecretNotFound(name)
		}
		id = seen[len(seen)-1].ID
	}
	i := o.index(id)
	if i < 0 {
		return Version{}, errSecretNotFound(name + "/" + id)
	}
	if !o.Versions[i].Enabled {
		return Version{}, errSecretDisabled()
	}
	return o.Versions[i], nil
}

// update changes one version's properties in place. Change must not keep its argument.
func (s *store) update(name, id string, change func(*Version)) (Version, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.live(name)
	if err != nil {
		return Version{}, err
	}
	now := s.now()
	if err := o.checkWritable(now); err != nil {
		return Version{}, err
	}
	i := o.index(id)
	if i < 0 {
		return Version{}, errSecretNotFound(name + "/" + id)
	}
	v := o.Versions[i]
	change(&v)
	if err := checkVersion(v); err != nil {
		return Version{}, err
	}
	v.Updated = now.UTC().Truncate(time.Second)
	o.Versions[i] = v
	return v, s.save()
}

// versions lists in the order of the random ids: the real vault documents no
// order, so no client may rely on the order of time. A stale listing lacks the newest.
func (s *store) versions(name string, behind int) []Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.live(name)
	if err != nil {
		return nil
	}
	listed := slices.Clone(o.seen(behind))
	slices.SortFunc(listed, func(a, b Version) int { return strings.Compare(a.ID, b.ID) })
	return listed
}

// list gives every live name with its current version.
func (s *store) list() map[string]Version {
	s.mu.Lock()
	defer s.mu.Unlock()
	listed := map[string]Version{}
	for name := range s.objects {
		if o, err := s.live(name); err == nil {
			listed[o.Name] = o.current()
		}
	}
	return listed
}

// live finds an object that readers can see. Callers hold the lock.
func (s *store) live(name string) (*object, *apiError) {
	o := s.objects[strings.ToLower(name)]
	if o == nil || !o.Deleted.IsZero() || s.now().Before(o.readable) {
		return nil, errSecretNotFound(name)
	}
	return o, nil
}

func (o *object) checkWritable(now time.Time) *apiError {
	switch {
	case now.Before(o.recoverable):
		return errBeingDeleted(o.Name)
	case !o.Deleted.IsZero():
		return errDeletedButRecoverable(o.Name)
	case now.Before(o.writable):
		return errBeingRecovered(o.Name)
	}
	return nil
}

// seen is what a reader sees that is that many versions behind.
func (o *object) seen(behind int) []Version { return o.Versions[:max(0, len(o.Versions)-behind)] }

func (o *object) current() Version { return o.Versions[len(o.Versions)-1] }

func (o *object) index(id string) int {
	return slices.IndexFunc(o.Versions, func(v Version) bool { return strings.EqualFold(v.ID, id) })
}

func newVersionID() string {
	var id [16]byte
	rand.Read(id[:])
	return hex.EncodeToString(id[:])
}
