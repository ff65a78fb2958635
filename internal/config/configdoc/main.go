// Configdoc writes docs/configuration.md from the variables and the keys of the providers
// file that the programs read: configdoc FILE.
package main

import (
	"fmt"
	"os"
	"strings"

	"tokenkeeper/internal/config"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: configdoc FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], []byte(page()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "configdoc:", err)
		os.Exit(1)
	}
}

const top = `<!-- Made by: go generate ./internal/config -->

# Configuration

Both programs read their configuration from the environment, check all of it when they start, and
report every problem at once. An empty variable counts as not set; an unknown variable that begins
with TOKENKEEPER_ is a problem.
`

func page() string {
	var b strings.Builder
	b.WriteString(top)
	for _, section := range []struct {
		title     string
		variables []config.Variable
	}{
		{"Worker", config.WorkerVariables()},
		{"Starter", config.StarterVariables()},
		{"Both", config.SharedVariables()},
		{"Temporal, for both", config.TemporalVariables()},
		{"OpenTelemetry, for the worker", config.OpenTelemetryVariables()},
	} {
		fmt.Fprintf(&b, "\n## %s\n\n| Variable | Default | Meaning |\n|---|---|---|\n", section.title)
		for _, v := range section.variables {
			byDefault := ""
			if v.Default != "" {
				byDefault = "`" + v.Default + "`"
			}
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", v.Name, byDefault, v.Meaning)
		}
	}
	return b.String() + providersSection()
}
