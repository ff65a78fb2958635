// Package memvault keeps secrets in memory behind the interface vault.Secrets,
// with Key Vault's rules: the last Set wins, versions stay, listings come in no
// order, times are whole seconds, a deleted name refuses to be set. It is for
// tests that need thousands of vaults or a fault between two calls; package
// sim/keyvault is the same over the wire.
package memvault

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// Vault implements vault.Secrets. The zero value is empty and ready.
type Vault struct {
	// Before, if set, is asked before every call takes effect and may refuse it.
	// op is "get", "set", "tag", "disable", "list", "deleted" or "recover".
	Before func(op, name string) error
	// After, if set, is asked once a call has taken effect; its error hides that.
	After func(op, name string) error
	// Now is the vault's clock; nil means time.Now.
	Now func() time.Time

	mu      sync.Mutex
	secrets map[string]*secret // by lower-cased name
	serial  int
}

type secret struct {
	versions []vault.Secret // in the order in which they were set
	deleted  bool
}

// Put stores a value as a person does, without tags, and returns its version.
func (v *Vault) Put(name, value string) string {
	p, err := v.set(name, token.NewSecret(value), vault.Properties{})
	if err != nil {
		panic(err) // the test put a value over a deleted name
	}
	return p.Version
}

// Delete soft-deletes a name.
func (v *Vault) Delete(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at(name).deleted = true
}

// Disable disables the current version of a name.
func (v *Vault) Disable(name string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.at(name)
	s.versions[len(s.versions)-1].Enabled = false
}

// All returns the versions of a name in the order in which they were set.
func (v *Vault) All(name string) []vault.Secret {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.at(name).versions)
}

func (v *Vault) Get(_ context.Context, name, version string) (vault.Secret, error) {
	return around(v, "get", name, func() (vault.Secret, error) {
		s := v.at(name)
		if s.deleted || len(s.versions) == 0 {
			return vault.Secret{}, refuse("get", name, vault.ErrNotFound)
		}
		found := s.versions[len(s.versions)-1]
		if version != "" {
			i := slices.IndexFunc(s.versions, func(x vault.Secret) bool { return x.Version == version })
			if i < 0 {
				return vault.Secret{}, refuse("get", name, vault.ErrNotFound)
			}
			found = s.versions[i]
		}
		if !found.Enabled {
			return vault.Secret{}, refuse("get", name, vault.ErrDisabled)
		}
		found.Tags = maps.Clone(found.Tags)
		return found, nil
	})
}

func (v *Vault) Set(_ context.Context, name string, value token.Secret, p vault.Properties) (vault.Properties, error) {
	if err := v.ask(v.Before, "set", name); err != nil {
		return vault.Properties{}, err
	}
	p, err := v.set(name, value, p)
	if err != nil {
		return vault.Properties{}, err
	}
	return p, v.ask(v.After, "set", name)
}

func (v *Vault) set(name string, value token.Secret, p vault.Properties) (vault.Properties, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.at(name)
	if s.deleted {
		return vault.Properties{}, refuse("set", name, vault.ErrDeleted)
	}
	v.serial++
	p.Version = fmt.Sprintf("%032x", v.serial)
	p.Tags = maps.Clone(p.Tags)
	p.Enabled = true
	p.Created = v.clock().Truncate(time.Second)
	s.versions = append(s.versions, vault.Secret{Properties: p, Value: value})
	return p, nil
}

func (v *Vault) SetTags(_ context.Context, name, version string, tags map[string]string) error {
	_, err := around(v, "tag", name, func() (struct{}, error) {
		for i := range v.at(name).versions {
			if s := &v.at(name).versions[i]; s.Version == version {
				s.Tags = maps.Clone(tags)
				return struct{}{}, nil
			}
		}
		return struct{}{}, refuse("tag", name, vault.ErrNotFound)
	})
	return err
}

func (v *Vault) DisableVersion(_ context.Context, name, version string) error {
	_, err := around(v, "disable", name, func() (struct{}, error) {
		for i := range v.at(name).versions {
			if s := &v.at(name).versions[i]; s.Version == version {
				s.Enabled = false
				return struct{}{}, nil
			}
		}
		return struct{}{}, refuse("disable", name, vault.ErrNotFound)
	})
	return err
}

func (v *Vault) Versions(_ context.Context, name string) ([]vault.Properties, error) {
	return around(v, "list", name, func() ([]vault.Properties, error) {
		var all []vault.Properties
		if s := v.at(name); !s.deleted {
			for _, version := range s.versions {
				version.Tags = maps.Clone(version.Tags)
				all = append(all, version.Properties)
			}
		}
		// By a digit that says nothing about time.
		slices.SortStableFunc(all, func(a, b vault.Properties) int {
			return strings.Compare(a.Version[len(a.Version)-1:], b.Version[len(b.Version)-1:])
		})
		return all, nil
	})
}

func (v *Vault) IsDeleted(_ context.Context, name string) (bool, error) {
	return around(v, "deleted", name, func() (bool, error) { return v.at(name).deleted, nil })
}

func (v *Vault) Recover(_ context.Context, name string) error {
	_, err := around(v, "recover", name, func() (struct{}, error) {
		v.at(name).deleted = false
		return struct{}{}, nil
	})
	return err
}

// around runs one call between the two hooks.
func around[T any](v *Vault, op, name string, call func() (T, error)) (T, error) {
	var none T
	if err := v.ask(v.Before, op, name); err != nil {
		return none, err
	}
	v.mu.Lock()
	result, err := call()
	v.mu.Unlock()
	if err != nil {
		return none, err
	}
	if err := v.ask(v.After, op, name); err != nil {
		return none, err
	}
	return result, nil
}

func (v *Vault) ask(hook func(op, name string) error, op, name string) error {
	if hook == nil {
		return nil
	}
	return hook(op, name)
}

// at returns the secret of a name; the caller holds the lock.
func (v *Vault) at(name string) *secret {
	if v.secrets == nil {
		v.secrets = map[string]*secret{}
	}
	key := strings.ToLower(name)
	if v.secrets[key] == nil {
		v.secrets[key] = &secret{}
	}
	return v.secrets[key]
}

func (v *Vault) clock() time.Time {
	if v.Now != nil {
		return v.Now()
	}
	return time.Now()
}

func refuse(op, name string, kind error) error {
	return &vault.Error{Op: op, Name: name, Kind: kind, Detail: "in memory"}
}
