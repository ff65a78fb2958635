package activities

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// LoadInput asks for an account's grant.
type LoadInput struct {
	Account token.Account `json:"account"`
	// Known is the newest refresh token that Temporal knows of: the last result's, or
	// one that this run has seen. A vault that shows an older one is not believed.
	Known Known `json:"known,omitzero"`
	// WorkflowIDs are those whose runs may know of a newer token, beside the asking run's.
	WorkflowIDs []string `json:"workflowIds,omitempty"`
	// Peek: where no replay window is open, leave out the intent record and the grant; the
	// run then loads once more on a paced queue. It keeps a run that may have to hurry off
	// that queue.
	Peek bool `json:"peek,omitempty"`
	// Cancelled: the run has been cancelled and has MaxInFlight for its last look, so that
	// this one waits for no turn.
	Cancelled bool `json:"cancelled,omitempty"`
	// Incidents: find the provider's open incidents as well. The run does not follow a green
	// one, so that an earlier one may have left the account in them.
	Incidents bool `json:"incidents,omitempty"`
}

// Known is a refresh token that Temporal knows to be issued. The zero value is none.
type Known struct {
	Generation  token.Generation  `json:"generation"`
	Fingerprint token.Fingerprint `json:"fingerprint"`
	// Version is where the last run has stored it; empty where another run may have.
	Version string `json:"version,omitempty"`
}

// LoadResult is the grant that a run is about to use.
type LoadResult struct {
	Account token.Account `json:"account"`
	// RunID is the run that loaded it. Only that run may spend it: a run that was
	// reset goes on under another id.
	RunID               string           `json:"runId"`
	Provenance          token.Provenance `json:"provenance"`
	UserID              string           `json:"userId,omitempty"`    // the provider's id of the account owner; empty when unknown
	ObtainedAt          time.Time        `json:"obtainedAt,omitzero"` // zero when unknown
	GrantEnds           time.Time        `json:"grantEnds,omitzero"`  // whatever is refreshed; zero when unknown
	RefreshTokenVersion string           `json:"refreshTokenVersion"`
	AccessTokenExpiry   time.Time        `json:"accessTokenExpiry,omitzero"` // zero when unknown
	// MayHaveSpent are the earlier runs that may have spent this refresh token and have
	// stored nothing for it, the oldest first: when each was about to, and in a second
	// entry when it may have presented it last, where that is known to be later.
	MayHaveSpent []vault.Intent `json:"mayHaveSpent,omitempty"`
	// Doubted: a call of this run has ended as ProbablyDead for this refresh token, so that
	// one more such answer outside a window is the last. The workflow sets it.
	Doubted bool `json:"doubted,omitempty"`
	// Behind: Temporal knows a newer refresh token than the vault shows, so that this
	// one is probably spent.
	Behind bool `json:"behind,omitempty"`
	// VersionsRead is how many versions of the refresh token were listed; zero where
	// the current one was enough.
	VersionsRead int `json:"versionsRead,omitempty"`
	// Attributes are the search attributes that the namespace has.
	Attributes Attributes `json:"attributes,omitzero"`
	// Incidents are the reasons of the open incidents at the provider, where they were asked for.
	Incidents []string `json:"incidents,omitempty"`

	CallActivity  string         `json:"callActivity"`          // calls this account's provider
	ProviderTitle string         `json:"providerTitle"`         // as messages name it
	ReplayWindow  time.Duration  `json:"replayWindow"`          // how long it repeats a lost answer
	RepeatPause   time.Duration  `json:"repeatPause,omitempty"` // the least between two refreshes with one token
	Reuse         provider.Reuse `json:"reuse,omitempty"`       // what it does about a spent token
	NonRotating   bool           `json:"unspent,omitempty"`     // a refresh spends nothing and may be repeated
	AlivePeriod   time.Duration  `json:"alivePeriod,omitempty"` // how often a grant is refreshed that is only kept alive
	// Waits: the load was a peek, nothing is urgent, and there is neither grant nor intent.
	Waits bool         `json:"waits,omitempty"`
	Grant token.Sealed `json:"grant,omitempty"` // empty in the result of ReadGrant
}

// reuseMayRevoke reports whether the provider may end the grant when it sees a spent
// token again.
func (l LoadResult) reuseMayRevoke() bool {
	return !l.NonRotating && l.Reuse != provider.Harmless && l.Reuse != provider.Refused
}

// RefreshResult is what the provider issued.
type RefreshResult struct {
	Account    token.Account    `json:"account"`
	Provenance token.Provenance `json:"provenance"` // of the refresh token that is now in force
	Rotated    bool             `json:"rotated"`    // the provider issued a new refresh token
	token.Issue
	// Rests: nothing needs the access token to be good until the next refresh, so that its
	// end is not shown.
	Rests bool `json:"rests,omitempty"`

	Pair token.Sealed `json:"pair"`
}

// toShow is what metrics show of an issue.
func toShow(issued token.Issue, rests bool) token.Issue {
	if rests {
		issued.Expiry = time.Time{}
	}
	return issued
}

// ForOtherUser reports whether the pair is another user's than the one whose refresh
// token was spent. Such a pair is never stored.
func (r RefreshResult) ForOtherUser(in LoadResult) bool {
	return in.UserID != "" && r.UserID != "" && r.UserID != in.UserID
}

// StoreResult says where the pair is now.
type StoreResult struct {
	Superseded          bool   `json:"superseded,omitempty"` // the vault holds a newer refresh token, which was left as it is
	RefreshTokenVersion string `json:"refreshTokenVersion"`
	AccessTokenVersion  string `json:"accessTokenVersion"` // may be empty where the pair is superseded
	// AccessTokenNewer: of a superseded pair, the vault's access token is newer than the
	// pair's. Without it nothing has come into force.
	AccessTokenNewer bool `json:"accessTokenNewer,omitempty"`
}

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

func (a *Activities) sealGrant(ctx context.Context, n vault.Names, l LoadResult, refresh token.Secret, client token.Client) (token.Sealed, error) {
	return a.seal(ctx, binding(grantKind, l.Account, l.Provenance, n), grantInside{refresh.Reveal(), client.ID, client.Secret.Reveal()})
}

func (a *Activities) openGrant(ctx context.Context, n vault.Names, l LoadResult) (token.Secret, token.Client, error) {
	var in grantInside
	err := a.open(ctx, binding(grantKind, l.Account, l.Provenance, n), l.Grant, &in)
	return token.NewSecret(in.RefreshToken), token.Client{ID: in.ClientID, Secret: token.NewSecret(in.ClientSecret)}, err
}

func (a *Activities) sealPair(ctx context.Context, n vault.Names, r RefreshResult, p token.Pair) (token.Sealed, error) {
	return a.seal(ctx, binding(pairKind, r.Account, r.Provenance, n), pairInside{p.AccessToken.Reveal(), p.RefreshToken.Reveal()})
}

// openPair puts the two tokens back beside what r says of them in the clear.
func (a *Activities) openPair(ctx context.Context, n vault.Names, r RefreshResult) (token.Pair, error) {
	var in pairInside
	err := a.open(ctx, binding(pairKind, r.Account, r.Provenance, n), r.Pair, &in)
	return token.Pair{AccessToken: token.NewSecret(in.AccessToken), RefreshToken: token.NewSecret(in.RefreshToken), Issue: r.Issue}, err
}

// binding binds an envelope to all that decides where its tokens are written, so that
// no result that was altered by hand takes them elsewhere.
func binding(kind string, account token.Account, p token.Provenance, n vault.Names) seal.Binding {
	return seal.Binding{Kind: kind, Account: account, Provenance: p, Names: []string{n.RefreshToken, n.AccessToken}}
}

func (a *Activities) seal(ctx context.Context, b seal.Binding, inside any) (token.Sealed, error) {
	plaintext, err := json.Marshal(inside)
	if err != nil {
		return nil, fmt.Errorf("encode a %s for sealing: %w", b.Kind, err)
	}
	defer clear(plaintext)
	return a.Keyring.Seal(ctx, b, plaintext)
}

func (a *Activities) open(ctx context.Context, b seal.Binding, s token.Sealed, inside any) error {
	plaintext, err := a.Keyring.Open(ctx, b, s)
	if err != nil {
		return keyringFailure(err)
	}
	defer clear(plaintext)
	if err := json.Unmarshal(plaintext, inside); err != nil {
		return fail(KeysetUnusable, fmt.Errorf("the sealed %s of %s holds something else than a %s; it was sealed by another version of this program", b.Kind, b.Account, b.Kind))
	}
	return nil
}
