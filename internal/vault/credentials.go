package vault

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	"tokenkeeper/internal/token"
)

// Credentials reads a provider's client id and secret: from one secret that holds the
// base64 of both, or from two that hold them in the clear.
func (v *Vault) Credentials(ctx context.Context, n Names) (token.Client, error) {
	client, err := v.readCredentials(ctx, n)
	if err != nil {
		v.clients.forget(n.clientNames())
		return token.Client{}, err
	}
	v.clients.remember(n.clientNames(), client, time.Now())
	return client, nil
}

func (v *Vault) readCredentials(ctx context.Context, n Names) (token.Client, error) {
	if !n.clientInClear() {
		s, err := v.readClient(ctx, n.Credentials, "the base64 of client_id:client_secret")
		if err != nil {
			return token.Client{}, err
		}
		return clientOf(n.Credentials, s.Value)
	}
	id, err := v.readClient(ctx, n.ClientID, "the client id")
	if err != nil {
		return token.Client{}, err
	}
	secret, err := v.readClient(ctx, n.ClientSecret, "the client secret")
	if err != nil {
		return token.Client{}, err
	}
	return clientInClear(n, id.Value, secret.Value)
}

// PutCredentials stores a provider's client id and secret in the form in use, the secret
// first: beside the old id it is refused, as is the old pair. What the vault has already
// is not written again.
func (v *Vault) PutCredentials(ctx context.Context, n Names, client token.Client) error {
	name := n.Credentials
	if n.clientInClear() {
		name = n.ClientSecret
	}
	if err := checkClient(client); err != nil {
		return malformedClient("set", name, err)
	}
	if current, err := v.Credentials(ctx, n); err == nil && current == client {
		return nil
	}
	if !n.clientInClear() {
		return v.putClient(ctx, name, base64.StdEncoding.EncodeToString([]byte(client.ID+":"+client.Secret.Reveal())))
	}
	if read, err := clientInClear(n, token.NewSecret(client.ID), client.Secret); err != nil {
		return err
	} else if read != client {
		return malformedClient("set", name, errors.New("the client would be read back as another one"))
	}
	if err := v.putClient(ctx, n.ClientSecret, client.Secret.Reveal()); err != nil {
		return err
	}
	return v.putClient(ctx, n.ClientID, client.ID)
}

// maxPrevious bounds how many older versions PreviousCredentials reads, and
// previousTime how long it lists and reads them: a stranger may have written thousands.
const (
	maxPrevious  = 5
	previousTime = 10 * time.Second
)

// PreviousCredentials returns the client with the secret that it had before the current
// one: of the newest enabled older version that reads so. While a client secret is rotated
// a provider may still want the one before. An older version may hold another app's client:
// that one is passed over, for its provider would call this app's token dead. ok is false
// where there is none.
func (v *Vault) PreviousCredentials(ctx context.Context, n Names) (client token.Client, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, previousTime)
	defer cancel()
	now, err := v.Credentials(ctx, n)
	if err != nil {
		return token.Client{}, false, err
	}
	name, read := n.Credentials, func(value token.Secret) (token.Client, error) { return clientOf(n.Credentials, value) }
	if n.clientInClear() {
		name, read = n.ClientSecret, func(value token.Secret) (token.Client, error) {
			return clientInClear(n, token.NewSecret(now.ID), value)
		}
	}
	current, err := v.secrets.Get(ctx, name, "")
	if err != nil {
		return token.Client{}, false, err
	}
	versions, err := v.secrets.Versions(ctx, name)
	if err != nil {
		return token.Client{}, false, err
	}
	versions = slices.DeleteFunc(versions, func(p Properties) bool {
		return !p.Enabled || p.Version == current.Version || p.Created.After(current.Created)
	})
	slices.SortStableFunc(versions, func(a, b Properties) int { return b.Created.Compare(a.Created) })
	for _, p := range versions[:min(len(versions), maxPrevious)] {
		s, err := v.secrets.Get(ctx, name, p.Version)
		switch {
		case unreadable(err):
			continue
		case err != nil:
			return token.Client{}, false, err
		}
		if client, err := read(s.Value); err == nil && client.ID == now.ID && client != now {
			return client, true, nil
		}
	}
	return token.Client{}, false, nil
}

// clientInClear reports whether the client is in two secrets.
func (n Names) clientInClear() bool { return n.Credentials == "" }

func (v *Vault) readClient(ctx context.Context, name, content string) (Secret, error) {
	s, err := v.secrets.Get(ctx, name, "")
	if err != nil {
		return Secret{}, v.withFix(ctx, err, name, content, "az keyvault secret set --vault-name VAULT --name "+name+" --file FILE")
	}
	return s, nil
}

// putClient writes one secret of a client, unless it holds the value already.
func (v *Vault) putClient(ctx context.Context, name, value string) error {
	for range maxRounds {
		before, err := v.secrets.Get(ctx, name, "")
		switch {
		case err == nil && before.Value.Reveal() == value:
			return nil
		case err != nil && !unreadable(err):
			return err
		}
		_, recovered, err := v.set(ctx, name, token.NewSecret(value), before.Properties)
		if err != nil || !recovered {
			return err
		}
	}
	return deletedAgain(name)
}

// clientOf reads base64 of client_id:client_secret, by either alphabet of RFC 4648, with
// or without padding.
func clientOf(name string, value token.Secret) (token.Client, error) {
	client, err := decodeClient(value.Reveal())
	if err != nil {
		e := malformedClient("read", name, err)
		e.Fix = "store the base64 of client_id:client_secret in it"
		return token.Client{}, e
	}
	return client, nil
}

func decodeClient(value string) (token.Client, error) {
	text := strings.TrimRight(strings.Join(strings.Fields(strings.ReplaceAll(value, "\ufeff", "")), ""), "=")
	decoded, err := base64.RawStdEncoding.DecodeString(strings.NewReplacer("-", "+", "_", "/").Replace(text))
	switch {
	case text == "":
		return token.Client{}, errors.New("it is empty")
	case strings.Contains(text, ":"):
		return token.Client{}, errors.New("it looks like client_id:client_secret in the clear, not in base64")
	case err != nil:
		return token.Client{}, errors.New("it is not base64" + inQuotes(text))
	}
	plain := strings.TrimSpace(strings.TrimPrefix(string(decoded), "\ufeff"))
	id, secret, found := strings.Cut(plain, ":")
	switch {
	case strings.Contains(plain, "\x00") && found:
		return token.Client{}, errors.New("its base64 does not hold a client id and a client secret in plain text, but perhaps in UTF-16; encode the bytes of UTF-8")
	case !found:
		return token.Client{}, errors.New("its base64 holds no colon between client id and client secret")
	}
	client := token.Client{ID: id, Secret: token.NewSecret(secret)}
	if checkClient(client) != nil {
		return token.Client{}, errors.New("its base64 does not hold a client id and a client secret in plain text")
	}
	return client, nil
}

// inQuotes says why a text may be no base64.
func inQuotes(text string) string {
	if strings.ContainsAny(text, `"'`) {
		return "; it has quotes, which are no part of it"
	}
	return ""
}

// clientInClear reads the two secrets of a client in the clear.
func clientInClear(n Names, id, secret token.Secret) (token.Client, error) {
	read := func(name, what string, value token.Secret) (string, error) {
		text, err := token.ReadPastedText(value.Reveal())
		if err != nil {
			e := malformedClient("read", name, fmt.Errorf("it %w", err))
			e.Fix = fmt.Sprintf("store the %s from the app's registration in it, and nothing else", what)
			return "", e
		}
		return text, nil
	}
	clientID, err := read(n.ClientID, "client id", id)
	if err != nil {
		return token.Client{}, err
	}
	clientSecret, err := read(n.ClientSecret, "client secret", secret)
	if err != nil {
		return token.Client{}, err
	}
	client := token.Client{ID: clientID, Secret: token.NewSecret(clientSecret)}
	if err := checkClient(client); err != nil {
		e := malformedClient("read", n.ClientID, err)
		e.Fix = "store the client id from the app's registration in it, and nothing else"
		return token.Client{}, e
	}
	return client, nil
}

// checkClient is what both forms demand of a client.
func checkClient(c token.Client) error {
	if c.ID == "" || strings.Contains(c.ID, ":") || !printable(c.ID) || !printable(c.Secret.Reveal()) {
		return errors.New("a client id has no colon, and neither it nor its secret has blanks")
	}
	return nil
}

func malformedClient(op, name string, err error) *Error {
	return &Error{Op: op, Name: name, Kind: ErrMalformed, Detail: err.Error()}
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) })
}
