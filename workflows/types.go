package workflows

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"tokenkeeper/activities"
	"tokenkeeper/internal/token"
)

// ID is the workflow id that refreshes an account, such as fitbit-token-refresh-will.
// One id per account lets Temporal see to it that only one cron refreshes it.
func ID(a token.Account) string {
	id := a.Provider + "-token-refresh"
	if !a.IsDefault() {
		id += "-" + a.Name
	}
	return id
}

// RecoveryID is the workflow id of an operator's recovery of an account. It
// differs from ID, so that a recovery need not wait for the cron and does not end
// it; no account's name has two hyphens, so no cron has it.
func RecoveryID(a token.Account) string { return ID(a) + recoverySuffix }

const recoverySuffix = "--recover"

// Input says whose tokens to refresh. The zero value, {} and no input at all
// mean the default account at the default provider.
type Input struct {
	Account  string `json:"account,omitempty"`
	Provider string `json:"provider,omitempty"`
	// SecretsOf keeps the secrets under the names that the account has at another
	// provider, so that apps go on reading the AccessToken of a moved account.
	SecretsOf string `json:"secretsOf,omitempty"`
	// Keep says how fresh the account's readers need its access token; empty is KeepFresh.
	Keep Keep `json:"keep,omitempty"`
	// Recover asks for what an earlier run was issued and has not stored, instead
	// of a refresh. Nothing is spent and no provider is called.
	Recover bool     `json:"recover,omitempty"`
	From    []string `json:"from,omitempty"` // further workflow ids whose runs a recovery reads

	problem error
}

// Keep says how fresh an account's readers need its access token.
type Keep string

const (
	// KeepFresh: each run refreshes.
	KeepFresh Keep = "fresh"
	// KeepAlive: a run of a cron refreshes only where the grant needs it, as often as
	// [provider.Provider.AlivePeriod] says, or where a refresh-now signal asks for it.
	KeepAlive Keep = "alive"
)

// UnmarshalJSON takes an object with known keys only, for a misspelt key would
// otherwise refresh another account's tokens. It never fails: Check returns the
// problem, in words clearer than the data converter's.
func (in *Input) UnmarshalJSON(data []byte) error {
	type plain Input
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode((*plain)(in)); err != nil {
		*in = Input{problem: inputProblem(err)}
	}
	return nil
}

func inputProblem(err error) error {
	const example = `; give a JSON object such as {"account":"will","provider":"fitbit"}, or {} for the default account`
	var mistyped *json.UnmarshalTypeError
	switch {
	case !errors.As(err, &mistyped):
		return fmt.Errorf("workflow input: %v%s", err, example)
	case mistyped.Field == "":
		return fmt.Errorf("workflow input is a JSON %s%s", mistyped.Value, example)
	}
	expected := "a string"
	switch mistyped.Type.Kind() {
	case reflect.Bool:
		expected = "true or false"
	case reflect.Slice:
		expected = "a list of workflow ids"
	}
	return fmt.Errorf("workflow input: %q is a JSON %s, not %s%s", mistyped.Field, mistyped.Value, expected, example)
}

// Check returns the account that the input means, or what is wrong with it.
func (in Input) Check() (token.Account, error) {
	if in.problem != nil {
		return token.Account{}, in.problem
	}
	account, err := token.NewAccount(in.Provider, in.Account)
	if err != nil {
		return token.Account{}, fmt.Errorf("workflow input: %w", err)
	}
	if account, err = account.KeptUnder(in.SecretsOf); err != nil {
		return token.Account{}, fmt.Errorf("workflow input: secretsOf: %w", err)
	}
	switch in.Keep {
	case "", KeepFresh, KeepAlive:
	default:
		return token.Account{}, fmt.Errorf(`workflow input: keep is %q; give "fresh" for an access token that is always good, or "alive" for a grant that is only kept from lapsing`, printable(string(in.Keep), token.MaxName))
	}
	if len(in.From) > 0 && !in.Recover {
		return token.Account{}, errors.New(`workflow input: "from" names workflows to recover a pair from and goes with "recover": true only; leave it out to refresh`)
	}
	return account, nil
}

// named is the account of an input that Check refuses, as messages may show it.
func (in Input) named() token.Account {
	if in.problem != nil {
		return token.Account{Provider: "unknown", Name: "unknown"}
	}
	return token.Account{
		Provider: printable(cmp.Or(in.Provider, token.DefaultProvider), token.MaxName),
		Name:     printable(cmp.Or(in.Account, token.DefaultAccount), token.MaxName),
	}
}

// Outcome says how a run came to its end.
type Outcome string

const (
	Refreshed  Outcome = "refreshed"  // the provider issued a pair and the vault has it
	Recovered  Outcome = "recovered"  // the grant was spent; its successor was found, in the vault or in a history
	Superseded Outcome = "superseded" // when the pair arrived, the vault held a newer one already
	Rested     Outcome = "rested"     // the grant is only kept alive and needed no refresh yet
	Untouched  Outcome = "untouched"  // of a recovery: nothing newer, and no run has been about to spend the grant
	Unchanged  Outcome = "unchanged"  // of a recovery: nothing newer than a grant that a run was about to spend
)

// Result is what a run returns and the Web UI shows. It holds no secret.
type Result struct {
	Account  string  `json:"account"`
	Provider string  `json:"provider"`
	Outcome  Outcome `json:"outcome"`
	// Generation that this run arrived at. It is in force unless the outcome is
	// Superseded: then the vault holds a newer refresh token.
	Generation        token.Generation  `json:"generation"`
	Fingerprint       token.Fingerprint `json:"fingerprint"`
	UserID            string            `json:"userId,omitempty"`
	Scopes            []string          `json:"scopes,omitempty"`
	AccessTokenExpiry time.Time         `json:"accessTokenExpiry,omitzero"`
	// RefreshTokenEnds is when the refresh token ends unless it is refreshed before, and
	// GrantEnds when the grant ends whatever is refreshed; zero when unknown.
	RefreshTokenEnds time.Time `json:"refreshTokenEnds,omitzero"`
	GrantEnds        time.Time `json:"grantEnds,omitzero"`
	// ConsentTold is how many days before GrantEnds its end was alerted last; 0 for not yet.
	ConsentTold         int    `json:"consentTold,omitempty"`
	RefreshTokenVersion string `json:"refreshTokenVersion"`
	AccessTokenVersion  string `json:"accessTokenVersion,omitempty"`
	// Summary is the result in words. A cron's runs after the first one show no summary of
	// their own, and the current details are gone with the workers; a result stays.
	Summary string `json:"summary,omitempty"`

	// What the cron's next run knows from this one.
	Attributes  activities.Attributes `json:"attributes,omitzero"`   // the search attributes of the namespace
	NonRotating bool                  `json:"nonRotating,omitempty"` // a refresh spends nothing
	RestsUntil  time.Time             `json:"restsUntil,omitzero"`   // when a grant that is only kept alive is due again

	RecoveredFrom string   `json:"recoveredFrom,omitempty"` // the earlier run whose history held the pair, if one did
	RunsRead      int      `json:"runsRead,omitempty"`      // the earlier runs whose histories a recovery read
	RunsGone      []string `json:"runsGone,omitempty"`      // those on the intent record that it could not read
}

// ConsentEnds is the earlier one of the two ends that are known; zero where none is.
func (r Result) ConsentEnds() time.Time {
	return token.Issue{RefreshEnds: r.RefreshTokenEnds, GrantEnds: r.GrantEnds}.ConsentEnds()
}

func resultOf(issued activities.RefreshResult, stored activities.StoreResult, o Outcome) Result {
	if stored.Superseded {
		o = Superseded
	}
	return Result{
		Account:             issued.Account.Name,
		Provider:            issued.Account.Provider,
		Outcome:             o,
		Generation:          issued.Provenance.Generation,
		Fingerprint:         issued.Provenance.Fingerprint,
		UserID:              issued.UserID,
		Scopes:              issued.Scopes,
		AccessTokenExpiry:   issued.Expiry,
		RefreshTokenEnds:    issued.RefreshEnds,
		GrantEnds:           issued.GrantEnds,
		RefreshTokenVersion: stored.RefreshTokenVersion,
		AccessTokenVersion:  stored.AccessTokenVersion,
	}
}

// recoveredFrom is the result of a run that stores what an earlier run was
// issued; empty where the recovery found no pair.
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
	as := activities.RefreshResult{Account: held.Account, Provenance: held.Provenance,
		Issue: token.Issue{UserID: held.UserID, Expiry: held.AccessTokenExpiry, GrantEnds: held.GrantEnds}}
	result := resultOf(as, activities.StoreResult{RefreshTokenVersion: held.RefreshTokenVersion}, o)
	result.RunsRead, result.RunsGone = r.Searched, r.Gone
	return result
}
