package provider

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// maxLifetime bounds expires_in. Tokens "without end" are given for 10 to 68
// years; beyond a century it is no lifetime at all.
const maxLifetime = 100 * 365 * 24 * time.Hour

// success is RFC 6749 section 5.1 with the user_id that Fitbit adds.
type success struct {
	AccessToken  string          `json:"access_token"`
	RefreshToken *string         `json:"refresh_token"`
	ExpiresIn    json.RawMessage `json:"expires_in"`
	Scope        lenient         `json:"scope"`
	UserID       lenient         `json:"user_id"`
	Error        lenient         `json:"error"`
}

// readPair takes the tokens out of an answer of success, or says in words what
// makes it unusable. It is strict about what would be stored as a token and
// lenient about the rest: a pair that was issued must not be lost to an
// unusual scope, token type or lifetime.
func readPair(p Provider, a Answer) (token.Pair, string) {
	var body success
	// An object that is whole says so itself: a connection that broke after it
	// has lost nothing of the pair.
	a.Cut = a.Cut && !json.Valid([]byte(a.Body.Reveal()))
	if wrong := a.decode(&body); wrong != "" {
		return token.Pair{}, wrong
	}
	refresh := ""
	if body.RefreshToken != nil {
		refresh = *body.RefreshToken
	}
	accessErr, refreshErr := token.CheckValue(body.AccessToken), token.CheckValue(refresh)
	oversize := 0
	switch {
	case body.Error != "":
		return token.Pair{}, "an error code in an answer of success"
	case body.AccessToken == "":
		return token.Pair{}, "no access token"
	case refresh == "" && mustRotate(p.Rotation, body.RefreshToken):
		return token.Pair{}, "no refresh token"
	case refresh != "" && refreshErr != nil:
		return token.Pair{}, fmt.Sprintf("a refresh token that %v", refreshErr)
	case errors.Is(accessErr, token.ErrTooLong):
		// It can be stored nowhere, and must not cost the refresh token beside it.
		oversize, body.AccessToken = len(body.AccessToken), ""
	case accessErr != nil:
		return token.Pair{}, fmt.Sprintf("an access token that %v", accessErr)
	}
	pair := token.Pair{
		AccessToken:  token.NewSecret(body.AccessToken),
		RefreshToken: token.NewSecret(refresh),
		Issue: token.Issue{
			ObtainedAt: a.ReadAt,
			UserID:     string(body.UserID),
			Scopes:     p.Dialect.splitScopes(string(body.Scope)),
			Oversize:   oversize,
		},
	}
	if lifetime := readLifetime(body.ExpiresIn); lifetime > 0 {
		pair.Expiry = a.ReadAt.Add(lifetime)
	}
	return pair, ""
}

// mustRotate reports whether an answer without a refresh token in it, absent or
// empty, has lost one. Where tokens rotate at times, an empty one is a lost one
// and an absent one is none.
func mustRotate(r Rotation, stated *string) bool {
	return r == SingleUse || r == Sometimes && stated != nil
}

// readLifetime reads expires_in, which some providers put in quotes. Absent, 0
// and what is no lifetime at all mean that the provider does not say.
func readLifetime(raw json.RawMessage) time.Duration {
	seconds, err := strconv.ParseFloat(strings.Trim(string(raw), `"`), 64)
	// Written so that NaN fails too.
	if err != nil || !(seconds >= 0 && seconds <= maxLifetime.Seconds()) {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// lenient is a text field that never makes an answer unusable: numbers become
// their digits, anything else becomes empty.
type lenient string

func (l *lenient) UnmarshalJSON(raw []byte) error {
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(raw, &text) == nil:
		*l = lenient(text)
	case json.Unmarshal(raw, &number) == nil:
		*l = lenient(number)
	}
	return nil
}
