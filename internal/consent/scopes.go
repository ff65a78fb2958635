package consent

import "slices"

// MissingScopes are the scopes that were asked for and not granted. An answer that
// names none grants all (RFC 6749 section 5.1).
func MissingScopes(asked, granted []string) []string {
	if len(granted) == 0 {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return slices.Contains(granted, s) })
}
