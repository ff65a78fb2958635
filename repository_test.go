package tokenkeeper_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// machinePath matches an absolute path into a home or work directory.
var machinePath = regexp.MustCompile(`(?m)(?:^|[^\w./-])(/(?:home|Users|root|work|workspace)/[\w.-]+)`)

// imageHomes are paths inside container images, the same on every machine.
var imageHomes = []string{"/home/temporal", "/root/.cache"}

func TestNoFileHoldsAMachinePath(t *testing.T) {
	for _, file := range trackedFiles(t) {
		content, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue // deleted and not yet committed
		}
		require.NoError(t, err)
		if bytes.IndexByte(content, 0) >= 0 {
			continue // not text
		}
		for _, match := range machinePath.FindAllSubmatch(content, -1) {
			if path := string(match[1]); !slices.Contains(imageHomes, path) {
				t.Errorf("%s holds the machine path %s…; write it relative to the repository or to the user's home", file, path)
			}
		}
	}
}

func TestMachinePathsAreRecognised(t *testing.T) {
	const home = "/home"
	for text, want := range map[string]bool{
		"cd " + home + "/will/token-keeper":         true,
		`dir := "` + home + `/will"`:                true,
		home + "/will":                              true,
		"https://example.com" + home + "/index":     false,
		"docs" + home + "/page.md":                  false,
		"the folder $HOME/token-keeper/providers":   false,
		"a sentence about a home/work/life balance": false,
	} {
		require.Equal(t, want, machinePath.MatchString(text), text)
	}
}

func TestRelativeLinksResolve(t *testing.T) {
	for _, file := range trackedFiles(t) {
		if filepath.Ext(file) != ".md" {
			continue
		}
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue // deleted and not yet committed
		}
		require.NoError(t, err)
		for _, target := range relativeLinks(string(text)) {
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), target)); err != nil {
				t.Errorf("%s links to %s, which does not exist", file, target)
			}
		}
	}
}

// TestAnchorsAreHeadings holds links to a part of a page to that page's headings.
func TestAnchorsAreHeadings(t *testing.T) {
	headings := map[string][]string{}
	found := 0
	for _, file := range trackedFiles(t) {
		if filepath.Ext(file) != ".md" {
			continue
		}
		text, err := os.ReadFile(file)
		if os.IsNotExist(err) {
			continue // deleted and not yet committed
		}
		require.NoError(t, err)
		for _, link := range inlineLink.FindAllStringSubmatch(listing.ReplaceAllString(string(text), ""), -1) {
			target, anchor, cut := strings.Cut(link[1], "#")
			page := filepath.Join(filepath.Dir(file), target)
			if target == "" {
				page = file
			}
			if !cut || scheme.MatchString(target) || filepath.Ext(page) != ".md" {
				continue
			}
			if headings[page] == nil {
				headings[page] = anchorsOf(t, page)
			}
			found++
			assert.Contains(t, headings[page], anchor, "%s links to a heading of %s", file, page)
		}
	}
	require.Greater(t, found, 30)
}

var (
	heading   = regexp.MustCompile("(?m)^#+ (.+)$")
	noAnchor  = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	longBlock = regexp.MustCompile("(?ms)^ *```.*?^ *```[^\n]*$")
)

// anchorsOf are the anchors that GitHub gives a page's headings.
func anchorsOf(t *testing.T, page string) (anchors []string) {
	t.Helper()
	text, err := os.ReadFile(page)
	require.NoError(t, err)
	for _, h := range heading.FindAllStringSubmatch(longBlock.ReplaceAllString(string(text), ""), -1) {
		anchors = append(anchors, strings.ReplaceAll(noAnchor.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-"))
	}
	return anchors
}

func TestRelativeLinksAreFound(t *testing.T) {
	text := strings.Join([]string{
		"See [the failures](docs/reliability.md#f1), ![a run](docs/run.png \"A run\") and [here](#below).",
		"Not [Temporal](https://temporal.io) nor <mailto:someone@example.com> nor `[code](gone.md)`.",
		"```", "[in a listing](gone.md)", "```",
		"[by name]: <deploy/my file.yaml>",
	}, "\n")
	require.Equal(t, []string{"docs/reliability.md", "docs/run.png", "deploy/my file.yaml"}, relativeLinks(text))
}

// TestTheMapOfTheCodeIsTrue holds docs/development.md to the code: each question in
// a table is answered by a file that has what the row names.
func TestTheMapOfTheCodeIsTrue(t *testing.T) {
	page, err := os.ReadFile("docs/development.md")
	require.NoError(t, err)
	answers := mapRows(string(page))
	require.GreaterOrEqual(t, len(answers), 20)
	for _, a := range answers {
		content, err := os.ReadFile(filepath.Join("docs", a.file))
		if assert.NoError(t, err, a.question) {
			assert.Regexp(t, `\b`+regexp.QuoteMeta(a.name)+`\b`, string(content), "%s: %s does not have %s", a.question, a.file, a.name)
		}
	}
}

func TestRowsOfTheMapAreRead(t *testing.T) {
	require.Equal(t, []mapRow{{"… what a token is?", "../internal/token/value.go", "CheckValue"}}, mapRows(
		"| Question | File |\n|---|---|\n| … what a token is? | [value.go](../internal/token/value.go) `CheckValue` |\n| `make test` | – | all |\n"))
}

// mapRow is a question with the file that answers it and a name in that file.
type mapRow struct{ question, file, name string }

var mapLine = regexp.MustCompile("(?m)^\\| (….*?) \\| \\[[^\\]]+\\]\\(([^)]+)\\) `([^`]+)` \\|$")

func mapRows(page string) (rows []mapRow) {
	for _, m := range mapLine.FindAllStringSubmatch(page, -1) {
		rows = append(rows, mapRow{m[1], m[2], m[3]})
	}
	return rows
}

var (
	listing    = regexp.MustCompile("(?ms)^ *```.*?^ *```[^\n]*$|`[^`\n]*`")
	inlineLink = regexp.MustCompile(`\]\(\s*(<[^>]*>|[^\s)]+)`)
	namedLink  = regexp.MustCompile(`(?m)^ {0,3}\[[^\]]+\]:\s*(<[^>]*>|\S+)`)
	scheme     = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9+.-]*:`)
)

// relativeLinks are the files that a Markdown text links to, without anchors.
func relativeLinks(markdown string) []string {
	prose := listing.ReplaceAllString(markdown, "")
	var files []string
	for _, link := range []*regexp.Regexp{inlineLink, namedLink} {
		for _, match := range link.FindAllStringSubmatch(prose, -1) {
			target, _, _ := strings.Cut(strings.Trim(match[1], "<>"), "#")
			if target != "" && !scheme.MatchString(target) {
				files = append(files, target)
			}
		}
	}
	return files
}

// trackedFiles are the files in git, relative to the root.
func trackedFiles(t *testing.T) []string {
	t.Helper()
	if _, err := os.Stat(".git"); err != nil {
		t.Skip("not a git checkout")
	}
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "-z")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, fmt.Sprintf("git ls-files: %s", stderr.String()))
	return strings.Split(strings.Trim(string(out), "\x00"), "\x00")
}
