package workflows

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"tokenkeeper/internal/token"
)

// Input says whose tokens to refresh. The zero value, {} and no input at all
// mean the default account at the default provider.
type Input struct {
	Account  string `json:"account,omitempty"`
	Provider string `json:"provider,omitempty"`
	// SecretsOf keeps the secrets under the names that the account has at another
	// provider, so that an account moves to Google Health and its readers go on
	// with the AccessToken that they know.
	SecretsOf string `json:"secretsOf,omitempty"`
	// Recover asks for what an earlier run was issued and has not stored, instead
	// of a refresh. Nothing is spent and no provider is called.
	Recover bool `json:"recover,omitempty"`
	// From are further workflow ids whose runs a recovery reads, beside those of
	// the account's own id.
	From []string `json:"from,omitempty"`

	problem error
}

// UnmarshalJSON takes an object with known keys only, for a misspelt key would
// otherwise refresh somebody else's tokens. It never fails itself: Check tells
// the problem, in a sentence of ours rather than the data converter's.
func (in *Input) UnmarshalJSON(data []byte) error {
	type plain Input
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var p plain
	if err := decoder.Decode(&p); err != nil {
		*in = Input{problem: explain(err)}
		return nil
	}
	*in = Input(p)
	return nil
}

func explain(err error) error {
	const example = `; give a JSON object such as {"account":"will","provider":"fitbit"}, or {} for the default account`
	var kind *json.UnmarshalTypeError
	if errors.As(err, &kind) {
		if kind.Field == "" {
			return fmt.Errorf("workflow input is a JSON %s%s", kind.Value, example)
		}
		return fmt.Errorf("workflow input: %q is a JSON %s, not %s%s", kind.Field, kind.Value, wanted(kind.Type), example)
	}
	return fmt.Errorf("workflow input: %v%s", err, example)
}

// wanted is what a key's value has to be, in words.
func wanted(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list of workflow ids"
	default:
		return "a string"
	}
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
	if len(in.From) > 0 && !in.Recover {
		return token.Account{}, errors.New(`workflow input: "from" names workflows to recover a pair from and goes with "recover": true only; leave it out to refresh`)
	}
	return account, nil
}
