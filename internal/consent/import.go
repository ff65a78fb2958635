package consent

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// MaxTokens bounds the text for ParseTokens, in bytes: more is a wrong file.
const MaxTokens = 64 << 10

// ParseTokens reads a refresh token that stands alone, or a provider's JSON answer
// with one in it (RFC 6749 section 5.1; Withings nests it in "body"). A token in
// JSON stays as it is, blanks included. Errors quote nothing of the text.
//
// The pair has an access token only where the answer has an absolute "expires_at"
// in the future: when "expires_in" began to count is unknown.
func ParseTokens(text string, now time.Time) (token.Pair, error) {
	text = strings.TrimSpace(strings.TrimPrefix(text, "\ufeff"))
	if len(text) > MaxTokens {
		return token.Pair{}, errors.New("it is too long for a token or a provider's answer")
	}
	if strings.HasPrefix(text, "{") {
		return parseAnswer(text, now)
	}
	refresh, err := token.ReadPasted(text)
	if err != nil {
		return token.Pair{}, fmt.Errorf("it %w; give the refresh token alone, or the provider's JSON answer with refresh_token in it", err)
	}
	return token.Pair{RefreshToken: refresh}, nil
}

// answer is a provider's answer to a code or a refresh, or another program's copy.
type answer struct {
	AccessToken    string          `json:"access_token"`
	RefreshToken   string          `json:"refresh_token"`
	ExpiresAt      json.RawMessage `json:"expires_at"`
	UserID         json.RawMessage `json:"user_id"`
	WithingsUserID json.RawMessage `json:"userid"`
	Body           *answer         `json:"body"`
}

func parseAnswer(text string, now time.Time) (token.Pair, error) {
	var a answer
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		// The decoder's error may quote what it read.
		return token.Pair{}, errors.New("it begins like JSON and is none, or its tokens are no texts; give the provider's whole answer")
	}
	if a.Body != nil && a.RefreshToken == "" {
		a = *a.Body
	}
	if a.RefreshToken == "" {
		return token.Pair{}, errors.New("the JSON has no refresh_token")
	}
	if err := token.CheckCopied(a.RefreshToken); err != nil {
		return token.Pair{}, fmt.Errorf("its refresh_token %w", err)
	}
	if len(a.UserID) == 0 {
		a.UserID = a.WithingsUserID
	}
	pair := token.Pair{RefreshToken: token.NewSecret(a.RefreshToken), Issue: token.Issue{UserID: userID(a.UserID)}}
	seconds, err := strconv.ParseInt(strings.Trim(string(a.ExpiresAt), `"`), 10, 64)
	expiry := time.Unix(seconds, 0)
	if err != nil || !expiry.After(now) || expiry.Year() > 9999 { // milliseconds, for one
		return pair, nil
	}
	if err := token.CheckValue(a.AccessToken); a.AccessToken != "" && err != nil {
		pair.AccessProblem = err.Error()
	} else if a.AccessToken != "" {
		pair.AccessToken, pair.Expiry = token.NewSecret(a.AccessToken), expiry
	}
	return pair, nil
}

// userID reads a text or a number; anything else is unknown.
func userID(raw json.RawMessage) string {
	var text string
	var number json.Number
	switch {
	case json.Unmarshal(raw, &text) == nil:
		return text
	case json.Unmarshal(raw, &number) == nil:
		return number.String()
	}
	return ""
}
