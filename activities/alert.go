package activities

import (
	"context"

	"tokenkeeper/internal/token"
)

// AlertInput is the beginning or the end of an account's incident. It holds no
// secret.
type AlertInput struct {
	Account token.Account `json:"account"`
	// Reason is a failure type such as "ReauthorizationRequired", or "StoreStuck".
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// Healed: the incident that Reason names is over.
	Healed bool `json:"healed,omitempty"`
}

// Alert logs an incident as an error and counts it; its end is logged only.
func (a *Activities) Alert(ctx context.Context, in AlertInput) error {
	attributes := []any{"account", in.Account.String(), "reason", in.Reason, "message", in.Message}
	if in.Healed {
		a.Log.InfoContext(ctx, "healed", attributes...)
		return nil
	}
	a.Metrics.Alerted(ctx, in.Account, in.Reason)
	a.Log.ErrorContext(ctx, "needs a person", attributes...)
	return nil
}
