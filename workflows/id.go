package workflows

import "tokenkeeper/internal/token"

// ID is the workflow id under which an account is kept alive, whoever starts it:
// fitbit-token-refresh, or fitbit-token-refresh-will for a named account. One id
// per account lets Temporal see to it that only one cron refreshes it.
func ID(a token.Account) string {
	id := a.Provider + "-token-refresh"
	if !a.IsDefault() {
		id += "-" + a.Name
	}
	return id
}

// RecoveryID is the workflow id of an operator's recovery of an account. It has
// one of its own, so that it need not wait for the cron and does not end it; no
// account's name has two hyphens, so no cron has it.
func RecoveryID(a token.Account) string { return ID(a) + "--recover" }
