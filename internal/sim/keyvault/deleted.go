package keyvault

import (
	"slices"
	"strings"
	"time"
)

// delete hides an object and keeps it: "Azure Key Vault soft-delete overview".
func (s *store) delete(name string) (object, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, err := s.live(name)
	if err != nil {
		return object{}, err
	}
	o.Deleted = time.Now().UTC().Truncate(time.Second)
	return o.copied(), s.save()
}

func (s *store) getDeleted(name string) (object, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[strings.ToLower(name)]
	if o == nil || o.Deleted.IsZero() {
		return object{}, errDeletedSecretNotFound(name)
	}
	return o.copied(), nil
}

// recover answers at once and finishes later, like the real vault: first reads
// come back, and then writes.
func (s *store) recover(name string) (object, *apiError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[strings.ToLower(name)]
	if o == nil || o.Deleted.IsZero() {
		return object{}, errDeletedSecretNotFound(name)
	}
	o.Deleted = time.Time{}
	o.readable = time.Now().Add(s.recoveryDelay)
	o.writable = o.readable.Add(s.recoveryDelay)
	return o.copied(), s.save()
}

func (s *store) purge(name string) *apiError {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.objects[strings.ToLower(name)]
	if o == nil || o.Deleted.IsZero() {
		return errDeletedSecretNotFound(name)
	}
	delete(s.objects, strings.ToLower(name))
	return s.save()
}

// copied may leave the lock: later changes do not reach it.
func (o *object) copied() object {
	c := *o
	c.Versions = slices.Clone(o.Versions)
	return c
}
