package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tokenkeeper/internal/token"
)

// readAccounts reads a file of accounts; see parseAccounts.
func readAccounts(file, provider string) ([]token.Account, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("--accounts: %w", err)
	}
	defer func() { _ = f.Close() }()
	return parseAccounts(file, f, provider)
}

// parseAccounts reads one account per line: its name and, where it is not the
// given one, its provider. From # on a line is a comment. The error names every
// readLine with a mistake.
func parseAccounts(file string, r io.Reader, provider string) ([]token.Account, error) {
	var accounts []token.Account
	var mistakes []error
	lineOf := map[token.Account]int{}
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		text, _, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "\ufeff"), "#")
		fields := strings.Fields(text)
		if len(fields) == 0 {
			continue
		}
		account, err := accountFrom(fields, provider)
		if err == nil && lineOf[account] > 0 {
			err = fmt.Errorf("%s is in line %d already; remove one of the two", account, lineOf[account])
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s:%d: %w", file, n, err))
			continue
		}
		lineOf[account] = n
		accounts = append(accounts, account)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(accounts)+len(mistakes) == 0 {
		return nil, fmt.Errorf("%s names no account; write one per line", file)
	}
	if len(mistakes) > 0 {
		return nil, fmt.Errorf("nothing was started, because of the mistakes in the file of accounts:\n%w", errors.Join(mistakes...))
	}
	return accounts, nil
}

func accountFrom(fields []string, provider string) (token.Account, error) {
	switch len(fields) {
	case 1:
	case 2:
		provider = fields[1]
	default:
		return token.Account{}, fmt.Errorf("%d words; write the account and, where needed, its provider", len(fields))
	}
	return token.NewAccount(provider, fields[0])
}
