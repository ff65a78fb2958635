package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

func TestParseAccountsReadsOnePerLine(t *testing.T) {
	file := "\ufeff# who\r\n\r\nann\r\n\tbo  withings # moved\r\ndefault\n"
	all, err := parseListed("a.txt", file, provider.Builtin(), inherited{provider: "oura"})
	require.NoError(t, err)
	require.Equal(t, []listed{
		{token.Account{Provider: "oura", Name: "ann"}, "", 3}, {token.Account{Provider: "withings", Name: "bo"}, "", 4}, {token.Account{Provider: "oura", Name: "default"}, "", 5},
	}, all)
}

func TestParseAccountsReadsHowFreshEachIsKept(t *testing.T) {
	file := "ann - alive\nbo google-health - fitbit\ncy - fresh\ndan\n"
	all, err := parseListed("a.txt", file, provider.Builtin(), inherited{"fitbit", workflows.KeepAlive})
	require.NoError(t, err)
	require.Equal(t, []listed{
		{token.Account{Provider: "fitbit", Name: "ann"}, workflows.KeepAlive, 1},
		{token.Account{Provider: "google-health", Name: "bo", SecretsOf: "fitbit"}, workflows.KeepAlive, 2},
		{token.Account{Provider: "fitbit", Name: "cy"}, "", 3},
		{token.Account{Provider: "fitbit", Name: "dan"}, workflows.KeepAlive, 4},
	}, all)
	ann, err := all[0].target(provider.Builtin())
	require.NoError(t, err)
	require.JSONEq(t, `{"account":"ann","keep":"alive"}`, ann.inputJSON())
}

func TestParseAccountsNamesEveryMistake(t *testing.T) {
	_, err := parseListed("a.txt", "Ann\nann\nbo x y\nann fitbit\nbo F\na b c d e\n", provider.Builtin(), inherited{provider: "fitbit"})
	for _, want := range []string{
		`a.txt:1: account name "Ann" has capitals`,
		`a.txt:3: "y" says not how fresh to keep it; use fresh or alive`,
		"a.txt:6: 5 words",
		"a.txt:4: fitbit/ann is in line 2 already; remove one of the two",
		`a.txt:5: provider name "F" has capitals`,
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestParseAccountsRefusesAFileWithoutAny(t *testing.T) {
	_, err := parseListed("a.txt", "# none\n\n", provider.Builtin(), inherited{provider: "fitbit"})
	require.EqualError(t, err, "a.txt names no account; write one per line")
}

func TestProgressIsALinePerThousandWhereThereIsNoTerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, 2500, "Starting")
	for range 2500 {
		p.step()
	}
	p.done()
	require.Equal(t, "1,000 of 2,500\n2,000 of 2,500\n", out.String())
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		require.Equal(t, want, grouped(n))
	}
}
