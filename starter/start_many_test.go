package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

func TestParseAccountsReadsOnePerLine(t *testing.T) {
	file := "\ufeff# who\r\n\r\nann\r\n\tbo  withings # moved\r\ndefault\n"
	targets, err := parseAccounts("a.txt", file, provider.Builtin(), "oura")
	require.NoError(t, err)
	var accounts []token.Account
	for _, t := range targets {
		accounts = append(accounts, t.Account)
	}
	require.Equal(t, []token.Account{
		{Provider: "oura", Name: "ann"}, {Provider: "withings", Name: "bo"}, {Provider: "oura", Name: "default"},
	}, accounts)
}

func TestParseAccountsNamesEveryMistake(t *testing.T) {
	_, err := parseAccounts("a.txt", "Ann\nann\nbo x y\nann fitbit\nbo F\n", provider.Builtin(), "fitbit")
	for _, want := range []string{
		`a.txt:1: account name "Ann" has capitals`,
		"a.txt:3: 3 words",
		"a.txt:4: fitbit/ann is in line 2 already; remove one of the two",
		`a.txt:5: provider name "F" has capitals`,
	} {
		require.ErrorContains(t, err, want)
	}
}

func TestParseAccountsRefusesAFileWithoutAny(t *testing.T) {
	_, err := parseAccounts("a.txt", "# none\n\n", provider.Builtin(), "fitbit")
	require.EqualError(t, err, "a.txt names no account; write one per line")
}

func TestProgressIsALinePerThousandWhereThereIsNoTerminal(t *testing.T) {
	var out bytes.Buffer
	p := newProgress(&out, 2500)
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
