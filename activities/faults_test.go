package activities_test

import (
	"strings"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/vault"
)

// refuse makes the vault answer one kind of call with a failure, from now on.
// An empty name means all names.
func (s *system) refuse(op, name string, kind error) {
	s.refuseWhile(op, name, kind, func() bool { return true })
}

// refuseWhile does so only while a condition holds.
func (s *system) refuseWhile(op, name string, kind error, condition func() bool) {
	before := s.vault.Before
	s.vault.Before = func(o, n string) error {
		if o == op && (name == "" || strings.EqualFold(n, name)) && condition() {
			return &vault.Error{Op: op, Name: n, Kind: kind}
		}
		if before != nil {
			return before(o, n)
		}
		return nil
	}
}

// missing makes a secret as though it had never been there.
func (s *system) missing(name string) {
	s.refuse("get", name, vault.ErrNotFound)
}

// coldKeyring is what a worker has that was just started.
func (s *system) coldKeyring() {
	s.Keyring = seal.New(vault.NewKeysets(s.secrets))
}
