package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/mattn/go-isatty"
	"github.com/schollz/progressbar/v3"
	"go.temporal.io/api/serviceerror"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc/codes"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/vault"
)

// many carries out one command for many accounts, several at a time. What fails for one
// account leaves the others alone; what would meet all of them ends the command. Each
// command finds out what is left to do from Temporal and the vault, so that it can be
// repeated after an interruption and goes on.
type many struct {
	*printer
	at     server // for errors
	verb   string // such as "start"
	doing  string // such as "Starting"
	done   string // such as "started"
	dryRun bool
	asJSON bool
	// attention is an outcome that the operator has to act on; advice says how, with %s for
	// how many accounts. The first of them are named as they come.
	attention, advice string

	atOnce int // how many accounts; 0 for maxConcurrent
}

// job is the part of a command that concerns one account. do returns what it did, in
// words that are the same for every account it did that for, and a detail.
type job struct {
	account, provider string
	do                func(context.Context) (did, detail string, err error)
}

// manyResult is one account in the answer of a command for many.
type manyResult struct {
	Account  string           `json:"account"`
	Provider string           `json:"provider,omitempty"`
	Outcome  string           `json:"outcome"`
	Detail   string           `json:"detail,omitempty"`
	Error    *failureDocument `json:"error,omitempty"`
}

// manyAnswer is what a command for many accounts prints with --output json.
type manyAnswer struct {
	DryRun   bool             `json:"dryRun,omitempty"`
	Total    int              `json:"total"`
	Outcomes map[string]int   `json:"outcomes"`
	NotTried int              `json:"notTried"`
	Accounts []manyResult     `json:"accounts"`
	Error    *failureDocument `json:"error,omitempty"`
}

const (
	outcomeFailed = "failed"
	// hopeless is how many accounts may fail one after the other, for reasons that are not
	// their own, before the rest is not tried.
	hopeless = 20
)

// collected is what became of the jobs.
type collected struct {
	manyAnswer
	failures []error
	err      error // ended the command before all jobs were tried
}

// run carries out the jobs and prints the answer.
func (m many) run(ctx context.Context, total int, jobs iter.Seq[job]) error {
	return m.conclude(ctx, m.collect(ctx, total, jobs))
}

// untried is what became of jobs none of which was begun.
func (m many) untried(total int, err error) collected {
	return collected{manyAnswer: manyAnswer{DryRun: m.dryRun, Total: total, Outcomes: map[string]int{}, NotTried: total, Accounts: []manyResult{}}, err: err}
}

// collect carries out the jobs.
func (m many) collect(ctx context.Context, total int, jobs iter.Seq[job]) collected {
	c := m.untried(total, nil)
	var mu sync.Mutex
	inARow := 0
	bar := newProgress(m.warnings, total, m.doing)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(cmp.Or(m.atOnce, maxConcurrent))
	for j := range jobs {
		if groupCtx.Err() != nil {
			break
		}
		group.Go(func() error {
			if groupCtx.Err() != nil {
				return nil
			}
			did, detail, err := j.do(groupCtx)
			mu.Lock()
			defer mu.Unlock()
			if err != nil && (groupCtx.Err() != nil || meetsAll(err)) {
				return fmt.Errorf("%s %s: %w", m.verb, j, err)
			}
			m.note(&c, j, did, detail, err)
			bar.step()
			if inARow++; !mayMeetAll(err) {
				inARow = 0
			}
			if inARow >= hopeless {
				return fmt.Errorf("%d accounts failed one after the other, and the rest is not tried; the last one: %w", inARow, err)
			}
			return nil
		})
	}
	if c.err = group.Wait(); c.err == nil {
		c.err = ctx.Err()
	}
	bar.done()
	c.NotTried = total
	for _, n := range c.Outcomes {
		c.NotTried -= n
	}
	return c
}

// followedBy replaces the outcome of those that a second pass was for by what became of
// them there.
func (c collected) followedBy(next collected, outcome string) collected {
	delete(c.Outcomes, outcome)
	for did, n := range next.Outcomes {
		c.Outcomes[did] += n
	}
	if next.NotTried > 0 {
		c.Outcomes[outcome] = next.NotTried
	}
	again := map[[2]string]bool{}
	for _, r := range next.Accounts {
		again[[2]string{r.Account, r.Provider}] = true
	}
	c.Accounts = slices.DeleteFunc(c.Accounts, func(r manyResult) bool {
		return r.Outcome == outcome && (next.NotTried == 0 || again[[2]string{r.Account, r.Provider}])
	})
	c.Accounts = append(c.Accounts, next.Accounts...)
	c.failures, c.err = append(c.failures, next.failures...), next.err
	return c
}

// untried counts those with an outcome among the accounts that are left.
func (c collected) untried(outcome string) collected {
	c.NotTried += c.Outcomes[outcome]
	delete(c.Outcomes, outcome)
	return c
}

// note adds what became of one job.
func (m many) note(c *collected, j job, did, detail string, err error) {
	r := manyResult{Account: j.account, Provider: j.provider, Outcome: did, Detail: detail}
	if err != nil {
		err = m.at.describeError(err)
		r.Outcome, r.Error = outcomeFailed, describeFailure(err)
		c.failures = append(c.failures, fmt.Errorf("%s: %w", j, err))
	}
	c.Outcomes[r.Outcome]++
	if err == nil && m.attention != "" && did == m.attention && !m.dryRun && c.Outcomes[did] <= someFailures {
		m.warn("%s: %s", j, detail) // at once, because a repetition may not find it any more
	}
	if m.asJSON {
		c.Accounts = append(c.Accounts, r)
	} else if m.dryRun && err == nil {
		m.say("%s: %s", j, strings.TrimSpace(did+" "+detail))
	}
}

// conclude prints the answer and returns the error of the command.
func (m many) conclude(ctx context.Context, c collected) error {
	var counts []string
	for _, did := range slices.Sorted(maps.Keys(c.Outcomes)) {
		counts = append(counts, grouped(c.Outcomes[did])+" "+did)
	}
	if c.NotTried > 0 {
		counts = append(counts, grouped(c.NotTried)+" not tried")
	}
	m.say("Accounts: %s.", strings.Join(append(counts, grouped(c.Total)+" in all"), ", "))
	if m.dryRun {
		m.say("Nothing was touched.")
	}
	err := c.err
	switch {
	case ctx.Err() != nil:
		err = errInterrupted
		m.warn("%s accounts are left; repeat the command, and it goes on with them", grouped(c.NotTried))
	case err != nil:
		m.warn("%s accounts were not tried; repeat the command when what follows is mended, and it goes on with them", grouped(c.NotTried))
		err = m.at.describeError(err)
	case len(c.failures) > 0:
		err = fmt.Errorf("%s of %s accounts were not %s:\n%w", grouped(len(c.failures)), grouped(c.Total), m.done, joinSome(c.failures))
	case c.Outcomes[m.attention] > 0:
		advice := fmt.Sprintf(m.advice, grouped(c.Outcomes[m.attention]))
		if c.Outcomes[m.attention] > someFailures {
			advice += "; --output json names them all"
		}
		err = needsAttention{advice}
	}
	if m.asJSON {
		slices.SortFunc(c.Accounts, func(a, b manyResult) int {
			return cmp.Or(strings.Compare(a.Provider, b.Provider), strings.Compare(a.Account, b.Account))
		})
		c.Error = describeFailure(err)
		if failure := m.json(c.manyAnswer); err == nil {
			err = failure
		}
	}
	return err
}

// someFailures is how many failures are printed one by one.
const someFailures = 50

func joinSome(failures []error) error {
	if more := len(failures) - someFailures; more > 0 {
		failures = append(slices.Clip(failures[:someFailures]), fmt.Errorf("and %s more, which --output json names", grouped(more)))
	}
	return errors.Join(failures...)
}

// meetsAll reports whether an error of one account would be that of the others too.
func meetsAll(err error) bool {
	var missing *serviceerror.NamespaceNotFound
	if errors.Is(err, errInterrupted) || errors.As(err, &missing) {
		return true
	}
	switch grpcCode(err) {
	case codes.Unavailable, codes.PermissionDenied, codes.Unauthenticated, codes.Unimplemented:
		return true
	}
	return false
}

// mayMeetAll reports whether an error may be of Temporal, the vault or a provider as a whole.
// What is an account's own says that these answer.
func mayMeetAll(err error) bool {
	var conflict conflictError
	if err == nil || errors.As(err, &conflict) {
		return false
	}
	switch grpcCode(err) {
	case codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition:
		return false
	}
	for _, own := range []error{vault.ErrNotFound, vault.ErrDeleted, vault.ErrDisabled, vault.ErrMalformed, vault.ErrConflict, vault.ErrOtherProvider} {
		if errors.Is(err, own) {
			return false
		}
	}
	failure, _ := errors.AsType[*provider.Failure](err)
	return failure == nil || failure.Kind != provider.InvalidGrant
}

func (j job) String() string {
	if j.provider == "" {
		return j.account
	}
	return j.provider + "/" + j.account
}

// confirmMany asks before a command changes many accounts. yes is the answer in advance.
func confirmMany(ctx context.Context, p *prompter, verb string, n int, yes bool) error {
	if yes {
		return nil
	}
	want := strconv.Itoa(n)
	answer, err := p.readLine(ctx, fmt.Sprintf("Type %s, the number of accounts, to %s them: ", want, verb))
	switch {
	case errors.Is(err, errNoInput):
		return usageError{fmt.Errorf("%s %s accounts: not confirmed, nothing was touched; type their number when asked, or add --yes", verb, grouped(n))}
	case err != nil:
		return err
	case strings.ReplaceAll(answer, ",", "") != want:
		return fmt.Errorf("%s %s accounts: the answer is not %s; nothing was touched", verb, grouped(n), want)
	}
	return nil
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

func newProgress(w io.Writer, total int, doing string) *progress {
	p := &progress{w: w, total: total}
	if t, ok := w.(terminalWriter); ok && t.file() != nil && isatty.IsTerminal(t.file().Fd()) {
		p.bar = progressbar.NewOptions(total, // it shows numbers only, and moves the cursor
			progressbar.OptionSetWriter(t.file()),
			progressbar.OptionSetDescription(doing),
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
