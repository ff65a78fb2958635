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

// AlertResult is what was logged: the input's message with the cause that Temporal
// knows of.
type AlertResult struct {
	Message string `json:"message"`
}

// Alert logs an incident as an error and counts it; its end is logged only.
func (a *Activities) Alert(ctx context.Context, in AlertInput) (AlertResult, error) {
	attributes := []any{"account", in.Account.String(), "reason", in.Reason, "message", in.Message}
	if in.Healed {
		a.Log.InfoContext(ctx, "healed", attributes...)
		return AlertResult{in.Message}, nil
	}
	a.Metrics.Alerted(ctx, in.Account, in.Reason)
	a.Log.ErrorContext(ctx, "needs a person", attributes...)
	return AlertResult{in.Message}, nil
}
