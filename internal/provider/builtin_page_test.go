package provider_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
)

var update = flag.Bool("update", false, "write the tables of docs/providers.md anew")

const pageOfProviders = "../../docs/providers.md"

// TestThePageOfProvidersSaysWhatTheTableSays holds the page's tables to the rows. They
// stand between "<!-- rows: NAME -->" and "<!-- end -->".
func TestThePageOfProvidersSaysWhatTheTableSays(t *testing.T) {
	text, err := os.ReadFile(pageOfProviders)
	require.NoError(t, err)
	page := string(text)
	for name, want := range map[string]string{"behaviour": behaviour(), "cost": cost(), "sources": sources()} {
		before, rest, ok := strings.Cut(page, "<!-- rows: "+name+" -->\n")
		require.True(t, ok, "docs/providers.md lacks the rows %q", name)
		got, after, ok := strings.Cut(rest, "<!-- end -->")
		require.True(t, ok, name)
		if *update {
			page = before + "<!-- rows: " + name + " -->\n" + want + "<!-- end -->" + after
			continue
		}
		require.Equal(t, want, got, "docs/providers.md: %s; go test ./internal/provider -run Page -update", name)
	}
	if *update {
		require.NoError(t, os.WriteFile(pageOfProviders, []byte(page), 0o644))
	}
}

// TestThePageOfProvidersTellsWhereToRegisterForEach holds the page's hand-written table to
// the names of the rows.
func TestThePageOfProvidersTellsWhereToRegisterForEach(t *testing.T) {
	text, err := os.ReadFile(pageOfProviders)
	require.NoError(t, err)
	_, section, ok := strings.Cut(string(text), "\n## Where to register, and what to know\n")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	var told []string
	for line := range strings.Lines(section) {
		if name, found := strings.CutPrefix(line, "| `"); found {
			name, _, _ = strings.Cut(name, "`")
			told = append(told, name)
		}
	}
	var want []string
	for _, p := range provider.Builtin().Providers() {
		want = append(want, p.Name)
	}
	require.Equal(t, want, told)
}

func behaviour() string {
	lines := []string{
		"| Provider | Client | Access token | Refresh token | Repeats a lost answer | A reuse | The grant ends | Refreshed every | Revoked by |",
		"|---|---|---|---|---|---|---|---|---|",
	}
	for _, p := range provider.Builtin().Providers() {
		cells := []string{"`" + p.Name + "`", string(p.AuthStyle), lifeOf(p), string(p.Rotation), repeatsOf(p), reuseOf(p), endsOf(p), brief(p.Period()), revokedBy(p)}
		lines = append(lines, "| "+strings.Join(cells, " | ")+" |")
	}
	return strings.Join(lines, "\n") + "\n"
}

func lifeOf(p provider.Provider) string {
	if p.EndsAccessToken {
		return brief(p.AccessTokenLifetime) + ", ends early"
	}
	return brief(p.AccessTokenLifetime)
}

func repeatsOf(p provider.Provider) string {
	switch {
	case p.Rotation == provider.NoRotation:
		return "always"
	case p.ReplayWindow == 0:
		return "no"
	case p.ReplayEndsOnUse:
		return "for " + brief(p.ReplayWindow) + ", or until used"
	}
	return "for " + brief(p.ReplayWindow)
}

func reuseOf(p provider.Provider) string {
	switch {
	case p.Rotation == provider.NoRotation:
		return "–"
	case p.Reuse == "":
		return "unknown"
	}
	return string(p.Reuse)
}

func endsOf(p provider.Provider) string {
	var ends []string
	if p.GrantIdle > 0 {
		ends = append(ends, brief(p.GrantIdle)+" idle")
	}
	if p.GrantLife > 0 {
		ends = append(ends, brief(p.GrantLife)+" hard")
	}
	for _, field := range []string{p.RefreshLifetimeField, p.GrantLifetimeField} {
		if field != "" {
			ends = append(ends, "`"+field+"`")
		}
	}
	if len(ends) == 0 {
		return "–"
	}
	return strings.Join(ends, ", ")
}

func revokedBy(p provider.Provider) string {
	if p.RevokeURL == "" {
		return "the account owner"
	}
	return map[provider.Revocation]string{
		provider.RevokeToken: "refresh token", provider.RevokeUnsigned: "refresh token, without the client",
		provider.RevokeByAccess: "access token", provider.RevokeByBearer: "access token, as a bearer",
	}[p.Revocation]
}

// cost puts each provider under what a worker's death between the provider's commit and
// Temporal's acknowledgement can cost there.
func cost() string {
	groups := []struct {
		title string
		names []string
	}{
		{title: "Nothing: the refresh token stays good, whatever happens to an answer"},
		{title: "Nothing, while a worker comes back within the window"},
		{title: "A consent, where the refresh token changed in the answer that was lost"},
		{title: "A consent"},
	}
	for _, p := range provider.Builtin().Providers() {
		i := 3
		switch {
		case p.Rotation == provider.NoRotation || p.Reuse == provider.Harmless:
			i = 0
		case p.ReplayWindow > 0:
			i = 1
		case p.Rotation == provider.Sometimes:
			i = 2
		}
		groups[i].names = append(groups[i].names, "`"+p.Name+"`")
	}
	var b strings.Builder
	b.WriteString("| Costs | At |\n|---|---|\n")
	for _, g := range groups {
		fmt.Fprintf(&b, "| %s | %s |\n", g.title, strings.Join(g.names, ", "))
	}
	return b.String()
}

func sources() string {
	lines := []string{"| Provider | Read | Source | Not confirmed |", "|---|---|---|---|"}
	for _, p := range provider.Builtin().Providers() {
		lines = append(lines, fmt.Sprintf("| `%s` | %s | %s | %s |", p.Name, p.Source.Read, p.Source.Page, p.Source.Unverified))
	}
	return strings.Join(lines, "\n") + "\n"
}

func brief(d time.Duration) string {
	switch {
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d > day:
		return fmt.Sprintf("%dd", int(d/day))
	}
	return fmt.Sprintf("%dh", int(d.Hours()))
}

// TestTheExamplesOfThePageOfProvidersAreRead reads each YAML example as a providers file.
func TestTheExamplesOfThePageOfProvidersAreRead(t *testing.T) {
	text, err := os.ReadFile(pageOfProviders)
	require.NoError(t, err)
	examples := strings.Split(string(text), "```yaml\n")[1:]
	require.Len(t, examples, 4)
	for i, example := range examples {
		example, _, ok := strings.Cut(example, "```\n")
		require.True(t, ok)
		_, err := provider.Builtin().Override([]byte(example), fmt.Sprintf("example-%d.yaml", i+1))
		require.NoError(t, err)
	}
}
