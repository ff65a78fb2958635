package tokenkeeper_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryClaimOfTheSecurityPageIsHeldByATest holds docs/security.md to the code: in a
// table of claims each row links a test, and each test that is linked exists.
func TestEveryClaimOfTheSecurityPageIsHeldByATest(t *testing.T) {
	page, err := os.ReadFile("docs/security.md")
	require.NoError(t, err)
	links := testLinks(string(page))
	require.GreaterOrEqual(t, len(links), 60)
	for _, l := range links {
		content, err := os.ReadFile(filepath.Join("docs", l.file))
		if err != nil {
			t.Errorf("%s is said to be in %s, which cannot be read", l.test, l.file)
		} else if !declares(string(content), l.test) {
			t.Errorf("%s does not declare %s", l.file, l.test)
		}
	}
	claims := claimRows(string(page))
	require.GreaterOrEqual(t, len(claims), 40)
	for _, row := range claims {
		cells := strings.Split(strings.Trim(row, "| "), "|")
		if len(testLinks(cells[len(cells)-1])) == 0 {
			t.Errorf("no test holds the claim %q", row)
		}
	}
}

func TestClaimsAndTheirTestsAreRead(t *testing.T) {
	const page = "| Asset | Where |\n|---|---|\n| a token | vault |\n\n" +
		"| Who | What | Held by |\n|---|---|---|\n| app | reads | [TestA](../a/b_test.go), [FuzzB](../b_test.go) |\n| thief | has | nothing |\n\n" +
		"See [TestC](../c_test.go) and [the tests](../d_test.go).\n"
	require.Equal(t, []testLink{{"TestA", "../a/b_test.go"}, {"FuzzB", "../b_test.go"}, {"TestC", "../c_test.go"}}, testLinks(page))
	require.Equal(t, []string{"| app | reads | [TestA](../a/b_test.go), [FuzzB](../b_test.go) |", "| thief | has | nothing |"}, claimRows(page))
	require.True(t, declares("package a\n\nfunc TestA(t *testing.T) {}\n", "TestA"))
	require.False(t, declares("// func TestA(t *testing.T)\nfunc TestAB(t *testing.T) {}\n", "TestA"))
}

// testLink is a test that a page names, with the file that it is in.
type testLink struct{ test, file string }

var linkToTest = regexp.MustCompile(`\[((?:Test|Fuzz)\w+)\]\(([^)]+)\)`)

func testLinks(page string) (links []testLink) {
	for _, m := range linkToTest.FindAllStringSubmatch(page, -1) {
		links = append(links, testLink{m[1], m[2]})
	}
	return links
}

func declares(source, test string) bool {
	return regexp.MustCompile(`(?m)^func ` + test + `\(`).MatchString(source)
}

// claimRows are the rows of the tables whose last column says what holds them.
func claimRows(page string) (rows []string) {
	claims := false
	for line := range strings.Lines(page) {
		switch line = strings.TrimSpace(line); {
		case !strings.HasPrefix(line, "|"):
			claims = false
		case strings.HasSuffix(line, "| Held by |"):
			claims = true
		case claims && !strings.HasPrefix(line, "|---"):
			rows = append(rows, line)
		}
	}
	return rows
}
