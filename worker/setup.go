package main

import (
	"errors"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/vault"
	"tokenkeeper/internal/vault/keyvault"
)

// setup is what the environment asks for, with the files that it names read.
// Nothing was asked of anyone over the network.
type setup struct {
	config.Worker
	providers provider.Table
	secrets   vault.Secrets
}

// setupFrom names every mistake of the variables and of the providers file at
// once; then those that only Azure's library finds in its own variables.
func setupFrom(environ map[string]string) (setup, error) {
	cfg, err := config.LoadWorker(environ)
	providers, providersErr := provider.Load(cfg.ProvidersFile)
	if err := errors.Join(err, providersErr); err != nil {
		return setup{}, err
	}
	secrets, err := keyvault.New(cfg.Vault)
	return setup{cfg, providers, secrets}, err
}
