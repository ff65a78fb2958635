package workflows

import (
	"time"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
)

// Outcome says how a run came to its end.
type Outcome string

const (
	// Refreshed: the provider issued a pair and the vault has it.
	Refreshed Outcome = "refreshed"
	// Recovered: the grant that the run began with was spent; what had become of
	// it was found, in the vault or in an earlier run's history.
	Recovered Outcome = "recovered"
	// Superseded: when the pair arrived, the vault held a newer one already.
	Superseded Outcome = "superseded"
)

// Result is what a run leaves in the Web UI. It holds no secret.
type Result struct {
	Account  string  `json:"account"`
	Provider string  `json:"provider"`
	Outcome  Outcome `json:"outcome"`
	// Generation that this run arrived at. It is in force unless the outcome is
	// Superseded: then the vault holds a newer refresh token.
	Generation          token.Generation  `json:"generation"`
	Fingerprint         token.Fingerprint `json:"fingerprint"`
	UserID              string            `json:"userId,omitempty"`
	Scopes              []string          `json:"scopes,omitempty"`
	AccessTokenExpiry   time.Time         `json:"accessTokenExpiry,omitzero"`
	RefreshTokenVersion string            `json:"refreshTokenVersion"`
	AccessTokenVersion  string            `json:"accessTokenVersion"`
}

func resultOf(c activities.Called, s activities.Stored, o Outcome) Result {
	if s.Superseded {
		o = Superseded
	}
	return Result{
		Account:             c.Account.Name,
		Provider:            c.Account.Provider,
		Outcome:             o,
		Generation:          c.Provenance.Generation,
		Fingerprint:         c.Provenance.Fingerprint,
		UserID:              c.UserID,
		Scopes:              c.Scopes,
		AccessTokenExpiry:   c.AccessTokenExpiry,
		RefreshTokenVersion: s.RefreshTokenVersion,
		AccessTokenVersion:  s.AccessTokenVersion,
	}
}

// recoveredFrom is the result of a run that stores what an earlier run was
// issued; empty where the ladder led to no pair.
func recoveredFrom(r activities.Recovery) Result {
	if r.Found != activities.FoundInHistory {
		return Result{}
	}
	return resultOf(*r.Called, *r.Stored, Recovered)
}
