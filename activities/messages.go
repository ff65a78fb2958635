package activities

import (
	"time"

	"tokenkeeper/internal/token"
)

// LoadResult is the grant that a run is about to use.
type LoadResult struct {
	Account token.Account `json:"account"`
	// RunID is the run that loaded it. Only that run may spend it: a run that was
	// reset goes on under another id.
	RunID      string           `json:"runId"`
	Provenance token.Provenance `json:"provenance"`
	// UserID is whose grant it is, as the provider said before; empty when unknown.
	UserID string `json:"userId,omitempty"`
	// RefreshTokenVersion is the secret's version that holds the refresh token.
	RefreshTokenVersion string `json:"refreshTokenVersion"`
	// AccessTokenExpiry is when the access token in the vault ends; zero when unknown.
	AccessTokenExpiry time.Time `json:"accessTokenExpiry,omitzero"`
	// EarlierIntentRunID names an earlier run that was about to spend this very refresh
	// token and stored nothing for it; empty when there was none.
	EarlierIntentRunID string `json:"spentBefore,omitempty"`
	// EarlierIntentAt is when that run was about to; zero when unknown.
	EarlierIntentAt time.Time `json:"spentSince,omitzero"`
	// OldestIntentRunID names the run that was about to before that one, if any.
	OldestIntentRunID string `json:"spentEarlier,omitempty"`

	// CallActivity is the activity that calls this account's provider.
	CallActivity string `json:"callActivity"`
	// ProviderTitle is the provider's name for people.
	ProviderTitle string `json:"providerTitle"`
	// ReplayWindow is how long the provider repeats a lost answer.
	ReplayWindow time.Duration `json:"replayWindow"`
	// NonRotating: the provider never rotates, so a refresh can always be asked for again.
	NonRotating bool `json:"unspent,omitempty"`

	// Grant is empty where the token was only looked at.
	Grant token.Sealed `json:"grant,omitempty"`
}

// RefreshResult is what the provider issued.
type RefreshResult struct {
	Account token.Account `json:"account"`
	// Provenance of the refresh token that is now in force.
	Provenance token.Provenance `json:"provenance"`
	// Rotated says whether the provider issued a new refresh token.
	Rotated bool `json:"rotated"`
	token.Issue

	Pair token.Sealed `json:"pair"`
}

// ForOtherUser reports whether the provider issued the pair for another person
// than the one whose refresh token was spent. Such a pair is never stored.
func (c RefreshResult) ForOtherUser(in LoadResult) bool {
	return in.UserID != "" && c.UserID != "" && c.UserID != in.UserID
}

// StoreResult says where the pair is now.
type StoreResult struct {
	// Superseded: the vault holds something newer, which was left as it is.
	Superseded          bool   `json:"superseded,omitempty"`
	RefreshTokenVersion string `json:"refreshTokenVersion"`
	AccessTokenVersion  string `json:"accessTokenVersion"`
}
