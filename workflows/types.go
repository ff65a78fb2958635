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
	// Untouched, of a recovery: nothing newer was found, and no run has been about
	// to spend what the vault holds.
	Untouched Outcome = "untouched"
	// Unchanged, of a recovery: nothing newer was found than a refresh token that
	// a run was about to spend.
	Unchanged Outcome = "unchanged"
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
	AccessTokenVersion  string            `json:"accessTokenVersion,omitempty"`

	// RecoveredFrom is the earlier run whose history held the pair; empty where
	// the pair came from elsewhere.
	RecoveredFrom string `json:"recoveredFrom,omitempty"`
	// RunsRead counts the earlier runs whose histories a recovery read.
	RunsRead int `json:"runsRead,omitempty"`
	// RunsGone are runs that were about to spend the refresh token and whose
	// histories, the evidence of what came of it, a recovery could not read.
	RunsGone []string `json:"runsGone,omitempty"`
}

func resultOf(c activities.RefreshResult, s activities.StoreResult, o Outcome) Result {
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
		AccessTokenExpiry:   c.Expiry,
		RefreshTokenVersion: s.RefreshTokenVersion,
		AccessTokenVersion:  s.AccessTokenVersion,
	}
}

// recoveredFrom is the result of a run that stores what an earlier run was
// issued; empty where the ladder led to no pair.
func recoveredFrom(r activities.RecoverResult) Result {
	if r.Found != activities.FoundInHistory {
		return Result{}
	}
	result := resultOf(*r.Called, *r.Stored, Recovered)
	result.RecoveredFrom, result.RunsRead, result.RunsGone = r.FoundIn, r.Searched, r.Gone
	return result
}

// leftAs is the result of a recovery that found no pair: what the vault holds.
func leftAs(held activities.LoadResult, r activities.RecoverResult, o Outcome) Result {
	return Result{
		Account:             held.Account.Name,
		Provider:            held.Account.Provider,
		Outcome:             o,
		Generation:          held.Provenance.Generation,
		Fingerprint:         held.Provenance.Fingerprint,
		UserID:              held.UserID,
		AccessTokenExpiry:   held.AccessTokenExpiry,
		RefreshTokenVersion: held.RefreshTokenVersion,
		RunsRead:            r.Searched,
		RunsGone:            r.Gone,
	}
}
