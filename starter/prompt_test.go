package main

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJSONOfSeveralLinesIsReadWhole(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		want  string
		left  int
	}{
		"a bare token":             {[]string{"fake-token", "ls"}, "fake-token", 1},
		"JSON in one line":         {[]string{`{"refresh_token":"fake"}`, "ls"}, `{"refresh_token":"fake"}`, 1},
		"JSON in several lines":    {[]string{"{", `"refresh_token":"fake"`, "}", "ls"}, "{\n\"refresh_token\":\"fake\"\n}", 1},
		"JSON that is never whole": {[]string{"{", `"refresh_token":"fake"`}, "{\n\"refresh_token\":\"fake\"", 0},
		"nothing at all":           {nil, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			lines := c.lines
			got, err := readJSON(1<<10, func() (string, error) {
				if len(lines) == 0 {
					return "", io.EOF
				}
				line := lines[0]
				lines = lines[1:]
				return line, nil
			})
			if len(c.lines) > 0 {
				require.NoError(t, err)
			}
			require.Equal(t, c.want, got)
			require.Len(t, lines, c.left)
		})
	}
}
