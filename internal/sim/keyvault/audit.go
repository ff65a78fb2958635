package keyvault

import (
	"errors"
	"slices"
	"strings"
)

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

// Put writes a value as a person does with az: untagged, and past all faults. It
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

// Delete soft-deletes a secret, as a person does by mistake.
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
