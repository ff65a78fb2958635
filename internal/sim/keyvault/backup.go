package keyvault

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"time"
)

// Backup is the state of some secrets at one moment: their versions, with the values
// and the tags of that moment, and which are deleted.
type Backup struct{ objects map[string]*object }

// Backup copies the given secrets, or all of them. A name without versions is kept as
// such: Restore removes it.
func (s *Server) Backup(names ...string) Backup {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	b := Backup{map[string]*object{}}
	if len(names) == 0 {
		names = slices.Collect(maps.Keys(s.store.objects))
	}
	for _, name := range names {
		key := strings.ToLower(name)
		b.objects[key] = s.store.objects[key].cloned()
	}
	return b
}

// Restore puts secrets back as they were, as an owner does who purges a secret and
// restores its backup ("Azure Key Vault backup and restore"). What was written since is
// gone; secrets that the backup does not have stay.
func (s *Server) Restore(b Backup) error {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	for key, o := range b.objects {
		if o == nil {
			delete(s.store.objects, key)
			continue
		}
		s.store.objects[key] = o.cloned()
	}
	if err := s.store.save(); err != nil {
		return errors.New(err.message)
	}
	return nil
}

// Seed adds versions to a secret past all faults and limits, the last one as the
// current: a vault with a long history in one step. Ids and times of creation that are
// missing are filled in. Seeded versions are enabled.
func (s *Server) Seed(name string, versions ...Version) error {
	if err := checkName(name); err != nil {
		return errors.New(err.message)
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	key := strings.ToLower(name)
	if s.store.objects[key] == nil && len(versions) > 0 {
		s.store.objects[key] = &object{Name: name}
	}
	for _, v := range versions {
		if v.ID == "" {
			v.ID = newVersionID()
		}
		if v.Created.IsZero() {
			v.Created = s.store.now()
		}
		v.Created = v.Created.UTC().Truncate(time.Second)
		v.Updated = v.Created
		v.Enabled = true
		v.Tags = maps.Clone(v.Tags)
		s.store.objects[key].Versions = append(s.store.objects[key].Versions, v)
	}
	if err := s.store.save(); err != nil {
		return errors.New(err.message)
	}
	return nil
}

// cloned shares nothing with the object; nil for none.
func (o *object) cloned() *object {
	if o == nil {
		return nil
	}
	c := o.copied()
	for i := range c.Versions {
		c.Versions[i].Tags = maps.Clone(c.Versions[i].Tags)
	}
	return &c
}
