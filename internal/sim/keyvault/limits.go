package keyvault

import (
	"fmt"
	"regexp"
	"time"
)

// The vault's limits: "About Azure Key Vault secrets" and "Azure Key Vault
// service limits".
const (
	maxValueBytes     = 25 * 1024
	maxTags           = 15
	maxTagCharacters  = 512
	limitWindow       = 10 * time.Second
	maxResultsPerPage = 25
)

// What the real vault takes in any ten seconds, for [Options] ("Azure Key Vault service
// limits"). A subscription has five times as much in a region, over all of its vaults.
const (
	Creations  = 300
	OtherCalls = 4000
)

var validName = regexp.MustCompile(`^[0-9a-zA-Z-]{1,127}$`)

func checkName(name string) *apiError {
	if !validName.MatchString(name) {
		return errBadParameter("The request URI contains an invalid name: " + name)
	}
	return nil
}

func checkVersion(v Version) *apiError {
	if len(v.Value) > maxValueBytes {
		return errBadParameter(fmt.Sprintf("The value has more than %d bytes.", maxValueBytes))
	}
	if len(v.Tags) > maxTags {
		return errBadParameter(fmt.Sprintf("There are more than %d tags.", maxTags))
	}
	for key, value := range v.Tags {
		if len([]rune(key)) > maxTagCharacters || len([]rune(value)) > maxTagCharacters {
			return errBadParameter(fmt.Sprintf("A tag has more than %d characters.", maxTagCharacters))
		}
	}
	return nil
}

// limit counts calls in a sliding window. Its zero value is no limit.
type limit struct {
	most   int
	recent []time.Time
}

func (l *limit) take(now time.Time) *apiError {
	if l.most == 0 {
		return nil
	}
	for len(l.recent) > 0 && now.Sub(l.recent[0]) >= limitWindow {
		l.recent = l.recent[1:]
	}
	if len(l.recent) >= l.most {
		return errThrottled(limitWindow - now.Sub(l.recent[0]))
	}
	l.recent = append(l.recent, now)
	return nil
}
