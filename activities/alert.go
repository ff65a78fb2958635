package activities

import (
	"context"

	"tokenkeeper/internal/token"
)

// AlertInput is what a person should know about an account. It holds no secret.
type AlertInput struct {
	Account token.Account `json:"account"`
	// Reason is a failure type such as "ReauthorizationRequired", or "StoreStuck".
	Reason  string `json:"reason"`
	Message string `json:"message"`
	// Healed: the incident that Reason names is over.
	Healed bool `json:"healed,omitempty"`
}

// Alert tells a person: an error in the log and a count in the metrics, once for
// the beginning of an incident and once for its end.
func (a *Activities) Alert(ctx context.Context, n AlertInput) error {
	if n.Healed {
		a.Log.InfoContext(ctx, "healed", "account", n.Account.String(), "reason", n.Reason, "message", n.Message)
		return nil
	}
	a.Metrics.Alerted(ctx, n.Account, n.Reason)
	a.Log.ErrorContext(ctx, "needs a person", "account", n.Account.String(), "reason", n.Reason, "message", n.Message)
	return nil
}
