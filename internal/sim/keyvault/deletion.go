package keyvault

import (
	"slices"
	"strings"
	"time"
)

// delete hides an object and keeps it: "Azure Key Vault soft-delete overview".
// It answers at once and finishes later, like the real vault, as recover does.
func (s *store) delete(name string) (object, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.live(name)
	if err != nil {
		return object{}, err
	}
	now := s.now()
	o.Deleted = now.UTC().Truncate(time.Second)
	o.recoverable = now.Add(s.deletionDelay)
	return o.copied(), s.save()
}

// getDeleted finds neither what is still being deleted nor, like get, what is
// disabled.
func (s *store) getDeleted(name string) (object, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.deleted(name)
	if err != nil {
		return object{}, errDeletedSecretNotFound(name)
	}
	if !o.current().Enabled {
		return object{}, errSecretDisabled()
	}
	return o.copied(), nil
}

// recover answers at once and finishes later, like the real vault: first reads
// come back, and then writes.
func (s *store) recover(name string) (object, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.deleted(name)
	if err != nil {
		return object{}, err
	}
	o.Deleted = time.Time{}
	o.readable = s.now().Add(s.recoveryDelay)
	o.writable = o.readable.Add(s.recoveryDelay)
	return o.copied(), s.save()
}

func (s *store) purge(name string) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.deleted(name); err != nil {
		return err
	}
	delete(s.objects, strings.ToLower(name))
	return s.save()
}

// deleted finds an object whose deletion is complete. Callers hold the lock.
func (s *store) deleted(name string) (*object, *apiError) {
	o := s.objects[strings.ToLower(name)]
	switch {
	case o == nil || o.Deleted.IsZero():
		return nil, errDeletedSecretNotFound(name)
	case s.now().Before(o.recoverable):
		return nil, errBeingDeleted(name)
	}
	return o, nil
}

// copied may leave the lock: later changes do not reach it.
func (o *object) copied() object {
	c := *o
	c.Versions = slices.Clone(o.Versions)
	return c
}
