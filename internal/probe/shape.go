package probe

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// Shape is what may be shown of an answer: its status, the words that it refuses with, and
// the lifetimes that it states. It holds no secret.
type Shape struct {
	Status    int
	Words     []Word
	Lifetimes []Lifetime
}

// Word is a text or a small number in an answer. Field is its path, with dots between the
// keys; an element of a list has its index as a key.
type Word struct{ Field, Value string }

// Lifetime is a field that says how long something lives, counted from the answer.
type Lifetime struct {
	Field string
	Life  time.Duration
}

const (
	// maxDepth and maxWords bound what is read of an answer, which may be anything.
	maxDepth = 4
	maxWords = 12
)

// shapeOf reads an answer's body. A text is left out unless it consists of plain words: error
// messages repeat tokens, codes and credentials. secrets are those that it could repeat.
func shapeOf(status int, body string, at time.Time, secrets []token.Secret) Shape {
	s := Shape{Status: status}
	var root any
	decoder := json.NewDecoder(strings.NewReader(strings.TrimPrefix(body, "\ufeff")))
	decoder.UseNumber()
	if decoder.Decode(&root) != nil {
		return s
	}
	s.read("", root, maxDepth, at, secrets)
	slices.SortFunc(s.Words, func(a, b Word) int { return strings.Compare(a.Field, b.Field) })
	slices.SortFunc(s.Lifetimes, func(a, b Lifetime) int { return strings.Compare(a.Field, b.Field) })
	s.Words = s.Words[:min(len(s.Words), maxWords)]
	return s
}

func (s *Shape) read(field string, value any, depth int, at time.Time, secrets []token.Secret) {
	switch v := value.(type) {
	case map[string]any:
		for key, inner := range v {
			if depth > 0 && plainKey.MatchString(key) && !repeats(key, secrets) {
				s.read(join(field, key), inner, depth-1, at, secrets)
			}
		}
	case []any:
		if depth > 0 && len(v) > 0 {
			s.read(join(field, "0"), v[0], depth-1, at, secrets) // the others look like it
		}
	case json.Number:
		if life, ok := lifetimeOf(field, v.String(), at); ok {
			s.Lifetimes = append(s.Lifetimes, Lifetime{field, life})
		} else if len(v.String()) <= len("99999") {
			s.Words = append(s.Words, Word{field, v.String()})
		}
	case string:
		if life, ok := lifetimeOf(field, v, at); ok { // in quotes at some providers
			s.Lifetimes = append(s.Lifetimes, Lifetime{field, life})
		} else if isPlain(v) && !repeats(v, secrets) {
			s.Words = append(s.Words, Word{field, v})
		}
	}
}

func join(field, key string) string {
	if field == "" {
		return key
	}
	return field + "." + key
}

var (
	plainKey = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_-]{0,40}$`)
	// plainText is a code or a sentence of words without digits, each too short for a token.
	plainText = regexp.MustCompile(`^[A-Za-z]{1,20}([ _.,:'-]{1,2}[A-Za-z]{1,20}){0,15}\.?$`)
	lifeKey   = regexp.MustCompile(`(?i)expire|lifetime|_ttl$`)
)

func isPlain(text string) bool { return len(text) <= 120 && plainText.MatchString(text) }

// leastPart is the length from which a part of a secret is worth hiding: shorter ones are
// words that happen to be in it.
const leastPart = 8

// repeats reports whether a text holds a secret, or is a part of one.
func repeats(text string, secrets []token.Secret) bool {
	return slices.ContainsFunc(secrets, func(secret token.Secret) bool {
		s := secret.Reveal()
		return s != "" && (strings.Contains(text, s) || len(text) >= leastPart && strings.Contains(s, text))
	})
}

// maxLife is longer than any token's; what is above is no lifetime.
const maxLife = 100 * 365 * 24 * time.Hour

// lifetimeOf reads seconds from now, or a Unix time.
func lifetimeOf(field, value string, at time.Time) (time.Duration, bool) {
	key := field[strings.LastIndex(field, ".")+1:]
	seconds, err := strconv.ParseFloat(value, 64)
	if err != nil || !lifeKey.MatchString(key) || !(seconds > 0) {
		return 0, false
	}
	if seconds > 1e9 && strings.HasSuffix(key, "_at") {
		seconds -= float64(at.Unix())
	}
	if !(seconds > 0 && seconds < maxLife.Seconds()) {
		return 0, false
	}
	return time.Duration(seconds) * time.Second, true
}
