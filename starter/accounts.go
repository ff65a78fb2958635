package main

import (
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// accountsFile is what the help of each command for many says of its file.
const accountsFile = `The file has one account per line, and after it, where they are not those of the
flags, its provider, how fresh to keep it (fresh or alive) and the provider whose
secrets' names it has; - stands for a column that is left out, # begins a comment.`

// listed is an account of a file. It is small, because a file may have a million.
type listed struct {
	account token.Account
	keep    workflows.Keep
	line    int
}

// inherited are the columns that a line leaves out.
type inherited struct {
	provider string
	keep     workflows.Keep
}

// target is the listed account's. Its line was checked when the file was read.
func (l listed) target(providers provider.Table) (target, error) {
	t, err := newTarget(providers, l.account.Provider, l.account.Name, l.account.SecretsOf)
	t.input.Keep = l.keep
	return t, err
}

// readListed reads a file of accounts. The error names every line with a mistake.
func readListed(file string, providers provider.Table, in inherited) ([]listed, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--accounts: %w", err)
	}
	return parseListed(file, string(text), providers, in)
}

func parseListed(file, text string, providers provider.Table, in inherited) ([]listed, error) {
	var all []listed
	var mistakes []error
	lineOf := map[token.Account]int{}
	number := 0
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		number++
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		l, err := parseLine(fields, providers, in)
		l.line = number
		key := token.Account{Provider: l.account.Provider, Name: l.account.Name}
		if err == nil && lineOf[key] > 0 {
			err = fmt.Errorf("%s is in line %d already; remove one of the two", l.account, lineOf[key])
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s:%d: %w", file, number, err))
			continue
		}
		lineOf[key] = number
		all = append(all, l)
	}
	if len(all)+len(mistakes) == 0 {
		return nil, fmt.Errorf("%s names no account; write one per line", file)
	}
	if len(mistakes) > 0 {
		return nil, fmt.Errorf("nothing was touched, because of the mistakes in the file of accounts:\n%w", errors.Join(mistakes...))
	}
	return all, nil
}

func parseLine(fields []string, providers provider.Table, in inherited) (l listed, err error) {
	if len(fields) > 4 {
		return listed{}, fmt.Errorf("%d words; write the account and, where needed, its provider, fresh or alive, and whose secrets' names it has", len(fields))
	}
	column := func(i int, otherwise string) string {
		if i < len(fields) && fields[i] != "-" {
			return fields[i]
		}
		return otherwise
	}
	if l.keep, err = parseKeep(column(2, string(in.keep))); err != nil {
		return listed{}, err
	}
	t, err := newTarget(providers, column(1, in.provider), fields[0], column(3, ""))
	l.account = t.Account
	return l, err
}

// parseKeep reads how fresh to keep an account. Fresh is the default and stays out of the
// workflow's input.
func parseKeep(text string) (workflows.Keep, error) {
	switch keep := workflows.Keep(text); keep {
	case "", workflows.KeepFresh:
		return "", nil
	case workflows.KeepAlive:
		return keep, nil
	}
	return "", fmt.Errorf("%q says not how fresh to keep it; use fresh or alive", text)
}

// jobsOf makes a job of each account.
func jobsOf(targets iter.Seq[target], make func(target) job) iter.Seq[job] {
	return func(yield func(job) bool) {
		for t := range targets {
			j := make(t)
			j.account, j.provider = t.Account.Name, t.Account.Provider
			if !yield(j) {
				return
			}
		}
	}
}

// targetsOf are the accounts of a file that was checked when it was read.
func targetsOf(all []listed, providers provider.Table) iter.Seq[target] {
	return func(yield func(target) bool) {
		for _, l := range all {
			if t, err := l.target(providers); err == nil && !yield(t) {
				return
			}
		}
	}
}
