package config

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

const prefix = "TOKENKEEPER_"

// serviceLink matches what Kubernetes puts into a pod's environment for a
// service whose name begins with tokenkeeper. Nobody wrote these.
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// unknown names the variables that carry our prefix and mean nothing: most are
// misspelt, and would leave a default in force without a word.
func (m *mistakes) unknown(environ map[string]string) {
	known := ownNames()
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		if strings.HasPrefix(name, prefix) && !slices.Contains(known, name) && !serviceLink.MatchString(name) {
			m.add(name, "is no variable of Token Keeper; did you mean %s? Otherwise remove it", nearest(name, known))
		}
	}
}

func ownNames() []string {
	var names []string
	for _, v := range slices.Concat(WorkerVariables(), StarterVariables(), SharedVariables()) {
		names = append(names, v.Name)
	}
	return names
}

// nearest is the known name that takes the fewest changes. The prefix does not
// count, so that TOKENKEEPER_KEY_VAULT_URL is near to KEY_VAULT_URL.
func nearest(name string, known []string) string {
	name = strings.TrimPrefix(name, prefix)
	return slices.MinFunc(known, func(a, b string) int {
		return distance(name, strings.TrimPrefix(a, prefix)) - distance(name, strings.TrimPrefix(b, prefix))
	})
}

// distance counts the characters to insert, delete or replace between a and b
// (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
