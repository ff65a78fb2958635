package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// The secrets of the default account at Fitbit, as a person names them who
// follows the original article.
const (
	refreshTokenSecret = "RefreshToken"
	credentialsSecret  = "FitbitCredentials"

	user = "DEMO42"

	// retryEvery is how often a stand-in that is still starting is asked again.
	retryEvery = 500 * time.Millisecond
)

// seed leaves the vault with the client's credentials and a refresh token that
// the provider takes, and says in a sentence what it did. A refresh token that
// still works stays: replacing it would end the grant in somebody's care.
func seed(ctx context.Context, secrets vault.Secrets, provider authserver.Control, client authserver.Client) (string, error) {
	credentials := base64.StdEncoding.EncodeToString([]byte(client.ID + ":" + client.Secret.Reveal()))
	held, err := get(ctx, secrets, credentialsSecret)
	if err != nil {
		return "", err
	}
	if held.Reveal() != credentials {
		if _, err := secrets.Set(ctx, credentialsSecret, token.NewSecret(credentials), vault.Properties{}); err != nil {
			return "", err
		}
	}
	refreshToken, err := get(ctx, secrets, refreshTokenSecret)
	if err != nil {
		return "", err
	}
	works, err := usable(ctx, provider, refreshToken)
	if err != nil {
		return "", err
	}
	if works {
		return "the vault holds a refresh token that works; nothing to do", nil
	}
	fresh, _, err := provider.CreateGrant(ctx, user)
	if err != nil {
		return "", fmt.Errorf("consent at the provider: %w", err)
	}
	if _, err := secrets.Set(ctx, refreshTokenSecret, token.NewSecret(fresh), vault.Properties{}); err != nil {
		return "", err
	}
	return fmt.Sprintf("user %s consented; the vault holds %s and %s", user, refreshTokenSecret, credentialsSecret), nil
}

// get reads a secret, waiting for a vault that is still starting. A secret that
// is not there is empty.
func get(ctx context.Context, secrets vault.Secrets, name string) (token.Secret, error) {
	for {
		held, err := secrets.Get(ctx, name, "")
		switch {
		case errors.Is(err, vault.ErrNotFound):
			return token.Secret{}, nil
		case err == nil || !vault.Retryable(err):
			return held.Value, err
		}
		select {
		case <-ctx.Done():
			return token.Secret{}, err
		case <-time.After(retryEvery):
		}
	}
}

// usable reports whether the provider would answer the refresh token with a
// pair, waiting for a provider that is still starting.
func usable(ctx context.Context, provider authserver.Control, refreshToken token.Secret) (bool, error) {
	for {
		live, err := provider.IsLive(ctx, refreshToken.Reveal())
		if err == nil && !live {
			live, err = provider.Replayable(ctx, refreshToken.Reveal())
		}
		if err == nil {
			return live, nil
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("ask the provider about the refresh token: %w", err)
		case <-time.After(retryEvery):
		}
	}
}
