package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// readAccounts reads a file of accounts; see parseAccounts.
func readAccounts(file string, providers provider.Table, inherited string) ([]target, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--accounts: %w", err)
	}
	defer func() { _ = f.Close() }()
	return parseAccounts(file, f, providers, inherited)
}

// parseAccounts reads one account per line: its name and, where it is not the
// given one, its provider. From # on a line is a comment. The error names every
// readLine with a mistake.
func parseAccounts(file string, r io.Reader, providers provider.Table, inherited string) ([]target, error) {
	var targets []target
	var mistakes []error
	lineOf := map[token.Account]int{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "\ufeff"), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		t, err := targetFrom(fields, providers, inherited)
		if err == nil && lineOf[t.Account] > 0 {
			err = fmt.Errorf("%s is in line %d already; remove one of the two", t, lineOf[t.Account])
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s:%d: %w", file, n, err))
			continue
		}
		lineOf[t.Account] = n
		targets = append(targets, t)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(targets)+len(mistakes) == 0 {
		return nil, fmt.Errorf("%s names no account; write one per line", file)
	}
	if len(mistakes) > 0 {
		return nil, fmt.Errorf("nothing was started, because of the mistakes in the file of accounts:\n%w", errors.Join(mistakes...))
	}
	return targets, nil
}

func targetFrom(fields []string, providers provider.Table, inherited string) (target, error) {
	issuer := inherited
	switch len(fields) {
	case 1:
	case 2:
		issuer = fields[1]
	default:
		return target{}, fmt.Errorf("%d words; write the account and, where needed, its provider", len(fields))
	}
	account, err := token.NewAccount(issuer, fields[0])
	if err != nil {
		return target{}, err
	}
	return newTarget(providers, account)
}
