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
)

// PendingStore keeps a consent that the vault has not taken yet, sealed with the
// vault's keyset: whoever finds the file has nothing without the vault. There is
// one file for each account, in a folder for each vault.
type PendingStore struct {
	Dir     string
	Keyring *seal.Keyring
}

// PendingConsent is a consent on its way into the vault.
type PendingConsent struct {
	token.Pair
	// Client is set where the vault does not hold the credentials yet.
	Client token.Client
	// Over is the consent that the vault held when this one was asked for; empty
	// for none.
	Over token.Fingerprint
}

// file is a Kept on disk. Everything outside the envelope may be read by anyone.
type file struct {
	Provider string `json:"provider"`
	Account  string `json:"account"`
	token.Issue
	Over   token.Fingerprint `json:"over,omitempty"`
	Sealed token.Sealed      `json:"sealed"`
}

// inside is what the envelope holds.
type inside struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
}

// StateDir is the user's folder for what programs must not forget, by the XDG
// Base Directory Specification, and elsewhere the system's own. The environment
// is given as a lookup.
func StateDir(environ map[string]string) (string, error) {
	const ours = "token-keeper"
	if dir := environ["XDG_STATE_HOME"]; filepath.IsAbs(dir) {
		return filepath.Join(dir, ours), nil
	}
	if runtime.GOOS == "windows" || runtime.GOOS == "darwin" {
		dir, err := os.UserConfigDir()
		return filepath.Join(dir, ours), err
	}
	home, err := os.UserHomeDir()
	return filepath.Join(home, ".local", "state", ours), err
}

// Path is where the account's consent would be. One that is for another
// provider's names is apart from one for the account's own.
func (d PendingStore) Path(a token.Account) string {
	parts := []string{a.Provider, a.Name, "sealed", "json"}
	if a.SecretsOf != "" {
		parts = slices.Insert(parts, 1, "for-"+a.SecretsOf)
	}
	return filepath.Join(d.Dir, strings.Join(parts, "."))
}

// Save writes the consent to disk and returns when it is there. The keyring must
// have been ready before; the vault is not asked.
func (d PendingStore) Save(ctx context.Context, a token.Account, k PendingConsent) error {
	content, err := json.Marshal(inside{
		k.AccessToken.Reveal(), k.RefreshToken.Reveal(), k.Client.ID, k.Client.Secret.Reveal(),
	})
	if err != nil {
		return fmt.Errorf("encode a consent for sealing: %w", err)
	}
	defer clear(content)
	sealed, err := d.Keyring.Seal(ctx, binding(a), content)
	if err != nil {
		return err
	}
	text, err := json.MarshalIndent(file{
		Provider: a.Provider, Account: a.Name, Issue: k.Issue, Over: k.Over, Sealed: sealed,
	}, "", "  ")
	if err != nil {
		return fmt.Errorf("encode a sealed consent: %w", err)
	}
	return d.write(d.Path(a), append(text, '\n'))
}

// write puts a whole file in the place of another, and sees it to the disk.
func (d PendingStore) write(path string, content []byte) error {
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.Dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already where all went well
	_, err = f.Write(content)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncFolder(d.Dir)
}

// syncFolder sees a rename to the disk. Not every system lets a folder be synced,
// and those that do not keep renames in order themselves.
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

// Check proves that a consent could be kept.
func (d PendingStore) Check() error {
	if err := os.MkdirAll(d.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(d.Dir, ".try-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// Load reads the consent that is kept for an account, if there is one.
func (d PendingStore) Load(ctx context.Context, a token.Account) (k PendingConsent, found bool, err error) {
	path := d.Path(a)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return PendingConsent{}, false, nil
	}
	if err != nil {
		return PendingConsent{}, false, err
	}
	var f file
	var in inside
	if err := json.Unmarshal(text, &f); err != nil {
		return PendingConsent{}, false, fmt.Errorf("%s is damaged; remove it to go on without what it holds", path)
	}
	content, err := d.Keyring.Open(ctx, binding(a), f.Sealed)
	if err != nil {
		return PendingConsent{}, false, fmt.Errorf("%s does not open; remove it to go on without what it holds: %w", path, err)
	}
	defer clear(content)
	if err := json.Unmarshal(content, &in); err != nil {
		return PendingConsent{}, false, fmt.Errorf("%s was sealed by another version of this program; remove it to go on without what it holds", path)
	}
	return PendingConsent{
		Pair: token.Pair{
			AccessToken: token.NewSecret(in.AccessToken), RefreshToken: token.NewSecret(in.RefreshToken),
			Issue: f.Issue,
		},
		Client: token.Client{ID: in.ClientID, Secret: token.NewSecret(in.ClientSecret)},
		Over:   f.Over,
	}, true, nil
}

// Delete removes what is kept for an account, if anything is.
func (d PendingStore) Delete(a token.Account) error {
	err := os.Remove(d.Path(a))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func binding(a token.Account) seal.Binding { return seal.Binding{Kind: "consent", Account: a} }
