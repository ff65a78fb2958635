package consent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// PendingConsent is a consent on its way into the vault.
type PendingConsent struct {
	token.Pair
	// Client is set where the vault does not hold the credentials yet.
	Client token.Client
	// Over is the consent that the vault held when this one was requested; empty
	// for none.
	Over token.Fingerprint
}

// IsOutdated reports whether the vault got another consent since p was requested.
// Where it held no readable one then, the times of both tell, if they are known.
func (p PendingConsent) IsOutdated(current vault.RefreshToken) bool {
	switch current.Consent {
	case "", p.Over, p.RefreshToken.Fingerprint():
		return false
	}
	return p.Over != "" || !p.ObtainedAt.IsZero() && current.ObtainedAt.After(p.ObtainedAt)
}

// ClientFor is the app whose credentials are to be stored with p: p's own, unless the
// vault has those of the same app, whose secret is then at least as new.
func (p PendingConsent) ClientFor(existing Existing) token.Client {
	if p.Client.ID == existing.Client.ID {
		return token.Client{}
	}
	return p.Client
}

// PendingStore saves consents until the vault has them, one file for each account.
// The files are sealed with the vault's keyset: without access to the vault they
// are useless.
type PendingStore struct {
	Dir     string // one for each vault
	Keyring *seal.Keyring
}

// pendingFile is a PendingConsent on disk. What is outside the envelope is not
// secret.
type pendingFile struct {
	Provider string `json:"provider"`
	Account  string `json:"account"`
	token.Issue
	Over   token.Fingerprint `json:"over,omitempty"`
	Sealed token.Sealed      `json:"sealed"`
}

// envelope is the plaintext of pendingFile.Sealed.
type envelope struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
}

// StateDir is the program's folder for state (XDG Base Directory Specification; on
// Windows and macOS the system's configuration folder). The environment is given
// as a map.
func StateDir(environ map[string]string) (string, error) {
	const program = "token-keeper"
	if dir := environ["XDG_STATE_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, program), nil
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		dir, err := os.UserConfigDir()
		return filepath.Join(dir, program), err
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state", program), err
}

// Path is the file of the account's consent. With SecretsOf it is another file
// than without: the two are different entries in the vault.
func (s PendingStore) Path(a token.Account) string {
	parts := []string{a.Provider, a.Name, "sealed", "json"}
	if a.SecretsOf != "" {
		parts = slices.Insert(parts, 1, "for-"+a.SecretsOf)
	}
	return filepath.Join(s.Dir, strings.Join(parts, "."))
}

// Check proves that Save can write.
func (s PendingStore) Check() error {
	f, err := s.createTemp()
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

func (s PendingStore) createTemp() (*os.File, error) {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return nil, err
	}
	return os.CreateTemp(s.Dir, ".new-*") // mode 0600
}

// Save returns once the consent is on disk. It does not call the vault, so the
// keyring must have been ready before.
func (s PendingStore) Save(ctx context.Context, a token.Account, p PendingConsent) error {
	content, err := json.Marshal(envelope{
		p.AccessToken.Reveal(), p.RefreshToken.Reveal(), p.Client.ID, p.Client.Secret.Reveal(),
	})
	if err != nil {
		return fmt.Errorf("encode a consent for sealing: %w", err)
	}
	defer clear(content)
	sealed, err := s.Keyring.Seal(ctx, binding(a), content)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(pendingFile{
		Provider: a.Provider, Account: a.Name, Issue: p.Issue, Over: p.Over, Sealed: sealed,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode a sealed consent: %w", err)
	}
	return s.write(s.Path(a), append(text, '\n'))
}

// write replaces the file as a whole and syncs it to disk.
func (s PendingStore) write(path string, content []byte) error {
	f, err := s.createTemp()
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // renamed already, unless a step failed
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(s.Dir)
}

// syncFolder makes a rename durable. Systems on which a folder cannot be synced
// keep renames in order themselves.
func syncFolder(dir string) error {
	folder, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer func() { _ = folder.Close() }()
	if err := folder.Sync(); err != nil && !errors.Is(err, errors.ErrUnsupported) && runtime.GOOS != "windows" {
		return err
	}
	return nil
}

// Load reads the account's consent; found is false where none is saved.
func (s PendingStore) Load(ctx context.Context, a token.Account) (p PendingConsent, found bool, err error) {
	path := s.Path(a)
	unusable := func(cause error) error {
		return fmt.Errorf("read the consent in %s: %w; remove the file to go on without it", path, cause)
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return PendingConsent{}, false, nil
	}
	if err != nil {
		return PendingConsent{}, false, err
	}
	var f pendingFile
	if err := json.Unmarshal(text, &f); err != nil {
		return PendingConsent{}, false, unusable(errors.New("it is damaged"))
	}
	content, err := s.Keyring.Open(ctx, binding(a), f.Sealed)
	if err != nil {
		return PendingConsent{}, false, unusable(err)
	}
	defer clear(content)
	var e envelope
	if err := json.Unmarshal(content, &e); err != nil {
		return PendingConsent{}, false, unusable(errors.New("another version of this program sealed it"))
	}
	return PendingConsent{
		Pair: token.Pair{
			AccessToken: token.NewSecret(e.AccessToken), RefreshToken: token.NewSecret(e.RefreshToken),
			Issue: f.Issue,
		},
		Client: token.Client{ID: e.ClientID, Secret: token.NewSecret(e.ClientSecret)},
		Over:   f.Over,
	}, true, nil
}

// Delete removes the account's consent, if one is saved.
func (s PendingStore) Delete(a token.Account) error {
	if err := os.Remove(s.Path(a)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func binding(a token.Account) seal.Binding { return seal.Binding{Kind: "consent", Account: a} }
