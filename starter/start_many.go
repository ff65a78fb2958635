package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// startMany starts the crons of many accounts, staggered over the cron's period;
// an empty cron is the one that suits each provider. A conflict of one account
// leaves the others alone. Any other error would meet them all and ends the start,
// which can be repeated.
func (app *temporalApp) startMany(ctx context.Context, targets []target, cron string) error {
	var (
		mu               sync.Mutex
		started, running int
		conflicts        []error
	)
	bar := newProgress(app.warnings, len(targets))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	crons := make(map[string]string) // by provider
	for _, t := range targets {
		if groupCtx.Err() != nil {
			break
		}
		shared := cmp.Or(cron, cronOf(t.Provider.Period()))
		crons[t.Provider.Name] = shared
		group.Go(func() error {
			ctx, cancel := context.WithTimeout(groupCtx, callTimeout)
			defer cancel()
			isNew, err := app.startCron(ctx, t, stagger(shared, t.Account))
			mu.Lock()
			defer mu.Unlock()
			var conflict conflictError
			switch {
			case errors.As(err, &conflict):
				conflicts = append(conflicts, conflict)
			case err != nil:
				return fmt.Errorf("start %s: %w", t, err)
			case isNew:
				started++
			default:
				running++
			}
			bar.step()
			return nil
		})
	}
	err := cmp.Or(group.Wait(), ctx.Err())
	bar.done()
	app.say("Accounts: %s started, %s already running, %s failed, %s in all.",
		grouped(started), grouped(running), grouped(len(conflicts)), grouped(len(targets)))
	for _, provider := range slices.Sorted(maps.Keys(crons)) {
		name := "Cron"
		if len(crons) > 1 {
			name += " at " + provider
		}
		app.field(name, cronInWords(crons[provider])+", at minutes of its own for each account")
	}
	app.field("Web UI", app.link("workflows"))
	if err != nil {
		app.warn("%s accounts were not tried; repeat the command when what follows is mended, and it goes on with them", grouped(len(targets)-started-running-len(conflicts)))
		return err
	}
	app.warnOfIdleQueue(ctx)
	if len(conflicts) > 0 {
		return fmt.Errorf("%d of %d accounts were not started:\n%w", len(conflicts), len(targets), errors.Join(conflicts...))
	}
	return nil
}

// readAccounts reads a file of accounts; see parseAccounts.
func readAccounts(file string, providers provider.Table, inherited string) ([]target, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--accounts: %w", err)
	}
	return parseAccounts(file, string(text), providers, inherited)
}

// parseAccounts reads one account per line: its name and, where it is not the
// inherited one, its provider. From # on a line is a comment. The error names every
// line with a mistake.
func parseAccounts(file, text string, providers provider.Table, inherited string) ([]target, error) {
	var targets []target
	var mistakes []error
	lineOf := map[token.Account]int{}
	for i, line := range strings.Split(strings.TrimPrefix(text, "\ufeff"), "\n") {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		t, err := parseAccount(fields, providers, inherited)
		if err == nil && lineOf[t.Account] > 0 {
			err = fmt.Errorf("%s is in line %d already; remove one of the two", t, lineOf[t.Account])
		}
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s:%d: %w", file, i+1, err))
			continue
		}
		lineOf[t.Account] = i + 1
		targets = append(targets, t)
	}
	if len(targets)+len(mistakes) == 0 {
		return nil, fmt.Errorf("%s names no account; write one per line", file)
	}
	if len(mistakes) > 0 {
		return nil, fmt.Errorf("nothing was started, because of the mistakes in the file of accounts:\n%w", errors.Join(mistakes...))
	}
	return targets, nil
}

func parseAccount(fields []string, providers provider.Table, inherited string) (target, error) {
	if len(fields) > 2 {
		return target{}, fmt.Errorf("%d words; write the account and, where needed, its provider", len(fields))
	}
	issuer := inherited
	if len(fields) == 2 {
		issuer = fields[1]
	}
	return newTarget(providers, issuer, fields[0], "")
}

// progress shows how far a long command is: a bar on a terminal, and elsewhere a
// line per thousand. It is not safe for concurrent use.
type progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar // nil where w is no terminal
	n     int
	total int
}

const stepsPerLine = 1000

func newProgress(w io.Writer, total int) *progress {
	p := &progress{w: w, total: total}
	if t, ok := w.(terminalWriter); ok && t.file() != nil && isatty.IsTerminal(t.file().Fd()) {
		p.bar = progressbar.NewOptions(total, // it shows numbers only, and moves the cursor
			progressbar.OptionSetWriter(t.file()),
			progressbar.OptionSetDescription("Starting"),
			progressbar.OptionShowCount(),
			progressbar.OptionSetPredictTime(true),
			progressbar.OptionClearOnFinish(),
			progressbar.OptionSetWidth(40))
	}
	return p
}

func (p *progress) step() {
	p.n++
	switch {
	case p.bar != nil:
		_ = p.bar.Add(1)
	case p.n%stepsPerLine == 0:
		printLine(p.w, "%s of %s", grouped(p.n), grouped(p.total))
	}
}

func (p *progress) done() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// grouped formats 12345 as 12,345.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
