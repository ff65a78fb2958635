package provider

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"

	"github.com/goccy/go-yaml/ast"
)

// urlName is the name of a further token endpoint.
var urlName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// urls reads a map of names to endpoints.
func (n node) urls() (map[string]string, error) {
	fields, err := n.fields()
	errs := []error{err}
	urls := map[string]string{}
	for _, f := range fields {
		value, err := f.value.url()
		switch {
		case len(f.key) > longestTitle || !urlName.MatchString(f.key):
			errs = append(errs, located{f.line, fmt.Errorf("has the name %.60q; use lower-case letters, digits and single hyphens", f.key)})
		case err != nil:
			errs = append(errs, located{f.line, fmt.Errorf("%s %w", f.key, err)})
		}
		urls[f.key] = value
	}
	return urls, errors.Join(errs...)
}

// deadAnswers reads a list of answers that mean a dead grant.
func (n node) deadAnswers() ([]DeadAnswer, error) {
	list, ok := n.Node.(*ast.SequenceNode)
	if !ok || len(list.Values) == 0 {
		return nil, errors.New("must be a list of answers, such as [{status: 400, field: error, value: bad_refresh_token}]")
	}
	var (
		answers []DeadAnswer
		errs    []error
	)
	for _, v := range list.Values {
		answer, err := node{v}.deadAnswer()
		if err != nil {
			errs = append(errs, inLine(v.GetToken().Position.Line, err))
		}
		answers = append(answers, answer)
	}
	return answers, errors.Join(errs...)
}

func (n node) deadAnswer() (DeadAnswer, error) {
	var answer DeadAnswer
	fields, err := n.fields()
	errs := []error{err}
	for _, f := range fields {
		var err error
		switch f.key {
		case "status":
			answer.Status, err = f.value.status()
		case "field":
			answer.Field, err = f.value.path()
		case "value":
			answer.Value, err = f.value.textOf(maxText)
		default:
			err = fmt.Errorf("is not a key; the keys are %s", namesOf(deadAnswerKeys()))
		}
		if err != nil {
			errs = append(errs, located{f.line, fmt.Errorf("%s %w", shownKey(f.key), err)})
		}
	}
	if len(fields) > 0 && answer.Value == "" && errors.Join(errs...) == nil {
		errs = append(errs, errors.New("must state value in each answer"))
	}
	return answer, errors.Join(errs...)
}

// status reads an HTTP status with which a provider may speak of one grant.
func (n node) status() (int, error) {
	i, ok := n.Node.(*ast.IntegerNode)
	status := 0
	if ok {
		status, _ = strconv.Atoi(i.GetToken().Value)
	}
	if !mayMeanDead(status) {
		return 0, errors.New("must be one of 200 to 299 or 400 to 499, without 408, 410, 425 and 429, which speak for the whole service; leave it out for any")
	}
	return status, nil
}

// inLine places the errors that have no line of their own.
func inLine(line int, err error) error {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, one := range joined.Unwrap() {
			errs = append(errs, inLine(line, one))
		}
		return errors.Join(errs...)
	}
	if _, ok := err.(located); ok {
		return err
	}
	return located{line, err}
}

// vaultName is a name that Key Vault takes for a secret.
var vaultName = regexp.MustCompile(`^[0-9A-Za-z-]{1,127}$`)

// secretNames reads a map of what an account has in the vault to the secrets' names.
func (n node) secretNames() (SecretNames, error) {
	var names SecretNames
	fields, err := n.fields()
	errs := []error{err}
	for _, f := range fields {
		var name *string
		switch f.key {
		case "refresh_token":
			name = &names.RefreshToken
		case "access_token":
			name = &names.AccessToken
		case "credentials":
			name = &names.Credentials
		case "client_id":
			name = &names.ClientID
		case "client_secret":
			name = &names.ClientSecret
		default:
			errs = append(errs, located{f.line, fmt.Errorf("has the key %s; its keys are %s", shownKey(f.key), namesOf(secretNameKeys()))})
			continue
		}
		text, err := f.value.text()
		if err != nil || !vaultName.MatchString(text) {
			errs = append(errs, located{f.line, fmt.Errorf("%s must be a name that Key Vault takes: 1 to 127 letters, digits and hyphens", f.key)})
			text = ""
		}
		*name = text
	}
	_, one := fieldOf(fields, "client_id")
	_, other := fieldOf(fields, "client_secret")
	_, both := fieldOf(fields, "credentials")
	switch {
	case both && (one || other):
		errs = append(errs, errors.New("must name credentials, or client_id and client_secret: the client is in one secret or in two"))
	case one != other:
		errs = append(errs, errors.New("must name client_id and client_secret together"))
	}
	return names, errors.Join(errs...)
}

// fieldOf is the field with this key.
func fieldOf(fields []field, key string) (field, bool) { return entry{fields: fields}.first(key) }
