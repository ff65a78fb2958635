package config

import (
	"fmt"
	"slices"
	"strings"
)

// Environ turns a list as os.Environ gives it into what the loaders take.
func Environ(list []string) map[string]string {
	environ := make(map[string]string, len(list))
	for _, pair := range list {
		name, value, _ := strings.Cut(pair, "=")
		environ[name] = value
	}
	return environ
}

// WorkerHelp describes the worker's variables for a terminal.
func WorkerHelp() string {
	return help(slices.Concat(WorkerVariables(), SharedVariables(), TemporalVariables()))
}

// StarterHelp describes the starter's variables for a terminal.
func StarterHelp() string {
	return help(slices.Concat(StarterVariables(), SharedVariables(), TemporalVariables()))
}

func help(variables []Variable) string {
	var b strings.Builder
	for _, v := range variables {
		b.WriteString(v.Name)
		if v.Default != "" {
			fmt.Fprintf(&b, " (%s)", v.Default)
		}
		fmt.Fprintf(&b, "\n    %s\n", v.Meaning)
	}
	return b.String()
}
