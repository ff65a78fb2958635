// Package memvault keeps secrets in memory behind the interface vault.Secrets, by
// Key Vault's rules: the last Set wins, versions stay, listings come in no order,
// times are whole seconds, a deleted name takes no value. It is for tests that need
// thousands of vaults or a fault between two calls; package sim/keyvault does the
// same over HTTPS. The contract in vault/keyvault's tests holds for both.
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
	// Before, if set, runs before every call takes effect and may refuse it. op is
	// "get", "set", "tag", "disable", "list", "deleted" or "recover".
	Before func(op, name string) error
	// After, if set, runs once a call has taken effect; its error hides that.
	After func(op, name string) error
	// Behind, if set, is how many of a name's newest versions a "get" of the current
	// version or a "list" does not see: a stale read.
	Behind func(op, name string) int
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

// Put stores a value without tags, as other tools do, and returns its version.
func (v *Vault) Put(name, value string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	p, err := v.add(name, token.NewSecret(value), vault.Properties{})
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

// Backup copies all secrets with the tags that they have now.
func (v *Vault) Backup() Backup {
	v.mu.Lock()
	defer v.mu.Unlock()
	return Backup{cloned(v.secrets)}
}

// Restore puts the secrets of a backup back; what was written since is gone.
func (v *Vault) Restore(b Backup) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.secrets = cloned(b.secrets)
}

// Backup is the state of a vault at one moment.
type Backup struct{ secrets map[string]*secret }

func cloned(secrets map[string]*secret) map[string]*secret {
	out := map[string]*secret{}
	for name, s := range secrets {
		c := &secret{deleted: s.deleted}
		for _, version := range s.versions {
			version.Properties = shown(version.Properties)
			c.versions = append(c.versions, version)
		}
		out[name] = c
	}
	return out
}

// All returns the versions of a name in the order in which they were set.
func (v *Vault) All(name string) []vault.Secret {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.at(name).versions)
}

func (v *Vault) Get(_ context.Context, name, version string) (vault.Secret, error) {
	return around(v, "get", name, func() (vault.Secret, error) {
		found := v.find(name, version)
		if version == "" {
			found = v.findBehind(name)
		}
		switch {
		case found == nil:
			return vault.Secret{}, refuse("get", name, vault.ErrNotFound)
		case !found.Enabled:
			return vault.Secret{}, refuse("get", name, vault.ErrDisabled)
		}
		return vault.Secret{Properties: shown(found.Properties), Value: found.Value}, nil
	})
}

func (v *Vault) Set(_ context.Context, name string, value token.Secret, p vault.Properties) (vault.Properties, error) {
	return around(v, "set", name, func() (vault.Properties, error) { return v.add(name, value, p) })
}

func (v *Vault) SetTags(_ context.Context, name, version string, tags map[string]string) error {
	return v.change("tag", name, version, func(s *vault.Secret) { s.Tags = maps.Clone(tags) })
}

func (v *Vault) DisableVersion(_ context.Context, name, version string) error {
	return v.change("disable", name, version, func(s *vault.Secret) { s.Enabled = false })
}

func (v *Vault) Versions(_ context.Context, name string) ([]vault.Properties, error) {
	return around(v, "list", name, func() ([]vault.Properties, error) {
		var all []vault.Properties
		if s := v.at(name); !s.deleted {
			for _, version := range s.seen(v.behind("list", name)) {
				all = append(all, shown(version.Properties))
			}
		}
		// By a digit that is unrelated to time.
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
	_, err := around(v, "recover", name, func() (none struct{}, err error) {
		s := v.at(name)
		if len(s.versions) == 0 {
			return none, refuse("recover", name, vault.ErrNotFound)
		}
		s.deleted = false
		return none, nil
	})
	return err
}

func (v *Vault) change(op, name, version string, change func(*vault.Secret)) error {
	_, err := around(v, op, name, func() (none struct{}, err error) {
		found := v.find(name, version)
		if found == nil {
			return none, refuse(op, name, vault.ErrNotFound)
		}
		change(found)
		return none, nil
	})
	return err
}

// around runs one call between the two hooks.
func around[T any](v *Vault, op, name string, call func() (T, error)) (result T, err error) {
	if v.Before != nil {
		err = v.Before(op, name)
	}
	if err != nil {
		return result, err
	}
	v.mu.Lock()
	result, err = call()
	v.mu.Unlock()
	if err == nil && v.After != nil {
		err = v.After(op, name)
	}
	return result, err
}

// add writes a version; the caller holds the lock, as for find and at.
func (v *Vault) add(name string, value token.Secret, p vault.Properties) (vault.Properties, error) {
	s := v.at(name)
	switch {
	case s.deleted:
		return vault.Properties{}, refuse("set", name, vault.ErrDeleted)
	case len(value.Reveal()) > token.MaxLength:
		return vault.Properties{}, refuse("set", name, vault.ErrRejected)
	}
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	v.serial++
	p = shown(p)
	p.Version = fmt.Sprintf("%032x", v.serial)
	p.Enabled = true
	p.Created = now().Truncate(time.Second)
	s.versions = append(s.versions, vault.Secret{Properties: p, Value: value})
	return shown(p), nil
}

// find returns a version of a name that is not deleted, or nil; an empty version
// means the current one.
func (v *Vault) find(name, version string) *vault.Secret {
	s := v.at(name)
	if s.deleted {
		return nil
	}
	for i := range s.versions {
		if found := &s.versions[i]; found.Version == version || version == "" && i == len(s.versions)-1 {
			return found
		}
	}
	return nil
}

// findBehind is the current version as a stale read sees it.
func (v *Vault) findBehind(name string) *vault.Secret {
	s := v.at(name)
	seen := s.seen(v.behind("get", name))
	if s.deleted || len(seen) == 0 {
		return nil
	}
	return &seen[len(seen)-1]
}

func (v *Vault) behind(op, name string) int {
	if v.Behind == nil {
		return 0
	}
	return v.Behind(op, name)
}

// seen is what a reader sees that is that many versions behind.
func (s *secret) seen(behind int) []vault.Secret {
	return s.versions[:max(0, len(s.versions)-behind)]
}

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

// shown copies properties, so that the caller shares no tags with the vault.
func shown(p vault.Properties) vault.Properties {
	p.Tags = maps.Clone(p.Tags)
	return p
}

func refuse(op, name string, kind error) error {
	return &vault.Error{Op: op, Name: name, Kind: kind, Detail: "in memory"}
}
