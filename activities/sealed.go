package activities

import (
	"context"
	"encoding/json"
	"fmt"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
)

// What lies inside an envelope. These two types are the only ones in which a
// secret is ever encoded.
type (
	grantInside struct {
		RefreshToken string `json:"refresh_token"`
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	}
	pairInside struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token,omitempty"`
	}
)

// An envelope opens only as what it was sealed as.
const (
	grantKind = "grant"
	pairKind  = "pair"
)

func (a *Activities) sealGrant(ctx context.Context, account token.Account, g token.Generation, refresh token.Secret, client token.Client) (token.Sealed, error) {
	return a.seal(ctx, grantKind, account, g, grantInside{refresh.Reveal(), client.ID, client.Secret.Reveal()})
}

func (a *Activities) openGrant(ctx context.Context, account token.Account, g token.Generation, s token.Sealed) (token.Secret, token.Client, error) {
	var in grantInside
	err := a.open(ctx, grantKind, account, g, s, &in)
	return token.NewSecret(in.RefreshToken), token.Client{ID: in.ClientID, Secret: token.NewSecret(in.ClientSecret)}, err
}

func (a *Activities) sealPair(ctx context.Context, account token.Account, g token.Generation, p token.Pair) (token.Sealed, error) {
	return a.seal(ctx, pairKind, account, g, pairInside{p.AccessToken.Reveal(), p.RefreshToken.Reveal()})
}

// openPair gives back the two tokens; the rest of a pair travels beside the envelope.
func (a *Activities) openPair(ctx context.Context, account token.Account, g token.Generation, s token.Sealed) (access, refresh token.Secret, err error) {
	var in pairInside
	err = a.open(ctx, pairKind, account, g, s, &in)
	return token.NewSecret(in.AccessToken), token.NewSecret(in.RefreshToken), err
}

func (a *Activities) seal(ctx context.Context, kind string, account token.Account, g token.Generation, inside any) (token.Sealed, error) {
	plaintext, err := json.Marshal(inside)
	if err != nil {
		return nil, fmt.Errorf("encode a %s for sealing: %w", kind, err)
	}
	defer clear(plaintext)
	return a.Keyring.Seal(ctx, seal.Binding{Kind: kind, Account: account, Generation: g}, plaintext)
}

func (a *Activities) open(ctx context.Context, kind string, account token.Account, g token.Generation, s token.Sealed, inside any) error {
	plaintext, err := a.Keyring.Open(ctx, seal.Binding{Kind: kind, Account: account, Generation: g}, s)
	if err != nil {
		return keyringFailure(err)
	}
	defer clear(plaintext)
	if err := json.Unmarshal(plaintext, inside); err != nil {
		return fail(KeysetUnusable, fmt.Errorf("the sealed %s of %s holds something else than a %s; it was sealed by another version of this program", kind, account, kind))
	}
	return nil
}
