package campaign

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/activities"
	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// Target is what gets killed.
type Target string

const (
	TokenKeeper Target = "tokenkeeper"
	Baseline    Target = "baseline"
)

// ParseTargets reads a target's name, or "both".
func ParseTargets(name string) ([]Target, error) {
	switch t := Target(name); t {
	case TokenKeeper, Baseline:
		return []Target{t}, nil
	case "both":
		return []Target{TokenKeeper, Baseline}, nil
	default:
		return nil, fmt.Errorf("%q is no target; use %s, %s or both", name, TokenKeeper, Baseline)
	}
}

// Build compiles the program to kill into dir and returns its path.
func (t Target) Build(ctx context.Context, dir string) (string, error) {
	if t == TokenKeeper {
		return testenv.BuildWorker(ctx, dir)
	}
	path := filepath.Join(dir, string(t))
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "tokenkeeper/chaos/baseline")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the %s: %w\n%s", t, err, out)
	}
	return path, nil
}

// target is how accounts are refreshed, and how it shows that a token is lost.
type target interface {
	// work has every account refreshed once in a period until stop is closed,
	// and returns when no refresh is going on any more.
	work(ctx context.Context, stop <-chan struct{}) error
	// settle has every account refreshed once more, undisturbed.
	settle(ctx context.Context) error
	// keeps reports whether the pair with this refresh token is kept somewhere
	// other than in the vault.
	keeps(ctx context.Context, a *account, f token.Fingerprint) (bool, error)
}

// workflowTarget refreshes with Token Keeper: a run of the workflow in each
// period, or as soon as the last one has ended.
type workflowTarget struct{ *campaign }

// settling is how many accounts are refreshed at a time once all is healed.
const settling = 6

func (w *workflowTarget) work(ctx context.Context, stop <-chan struct{}) error {
	group, ctx := errgroup.WithContext(ctx)
	for i, a := range w.accounts {
		due := time.Now().Add(w.options.period() * time.Duration(i) / time.Duration(len(w.accounts)))
		group.Go(func() error { return w.refreshPeriodically(ctx, stop, a, due) })
	}
	return group.Wait()
}

func (w *workflowTarget) refreshPeriodically(ctx context.Context, stop <-chan struct{}, a *account, due time.Time) error {
	for {
		select {
		case <-stop:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Until(due)):
		}
		if err := w.refresh(ctx, a); err != nil {
			return err
		}
		if due = due.Add(w.options.period()); due.Before(time.Now()) {
			due = time.Now()
		}
	}
}

// refresh runs the workflow once and gives the consent that it asks for.
func (w *workflowTarget) refresh(ctx context.Context, a *account) error {
	o := client.StartWorkflowOptions{ID: "refresh-" + a.name, TaskQueue: w.TaskQueue()}
	run, err := w.temporal.ExecuteWorkflow(ctx, o, workflows.Type, workflows.Input{Account: a.name})
	if err != nil {
		return err
	}
	a.runs = append(a.runs, run.GetRunID())
	err = run.Get(ctx, nil)
	var failed *temporal.WorkflowExecutionError
	if !errors.As(err, &failed) {
		return err
	}
	kind := workflows.Unexplained
	var failure *temporal.ApplicationError
	if errors.As(err, &failure) {
		kind = failure.Type()
	}
	if kind == workflows.ReauthorizationRequired {
		return w.reauthorize(ctx, a)
	}
	w.count(func(r *Report) { r.Failed[kind]++ })
	return nil
}

func (w *workflowTarget) settle(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(settling)
	for _, a := range w.accounts {
		group.Go(func() error {
			if err := w.refresh(ctx, a); err != nil || !w.Lost(a.name) {
				return err
			}
			return w.refresh(ctx, a)
		})
	}
	return group.Wait()
}

// keeps searches the histories of the account's runs.
func (w *workflowTarget) keeps(ctx context.Context, a *account, f token.Fingerprint) (bool, error) {
	for _, id := range a.runs {
		events := w.temporal.GetWorkflowHistory(ctx, "refresh-"+a.name, id, false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
		for events.HasNext() {
			e, err := events.Next()
			if err != nil {
				return false, err
			}
			var refreshed activities.RefreshResult
			result := e.GetActivityTaskCompletedEventAttributes().GetResult()
			if converter.GetDefaultDataConverter().FromPayloads(result, &refreshed) == nil &&
				refreshed.Provenance.Fingerprint == f && len(refreshed.Pair) > 0 {
				return true, nil
			}
		}
	}
	return false, nil
}

// baselineTarget only gives consents: the process keeps the time and refreshes.
type baselineTarget struct{ *campaign }

const baselinePoll = 100 * time.Millisecond

func (b *baselineTarget) work(ctx context.Context, stop <-chan struct{}) error {
	return b.consentUntil(ctx, func() bool {
		select {
		case <-stop:
			return true
		default:
			return false
		}
	})
}

// settle waits until every account has had one more refresh that is stored.
func (b *baselineTarget) settle(ctx context.Context) error {
	before := map[string]int{}
	for _, a := range b.accounts {
		before[a.name] = b.refreshes(a)
	}
	return b.consentUntil(ctx, func() bool {
		for _, a := range b.accounts {
			if b.refreshes(a) == before[a.name] || !b.holdsLive(a) {
				return false
			}
		}
		return true
	})
}

// consentUntil consents anew for every account whose token the provider has
// refused, until done says so.
func (b *baselineTarget) consentUntil(ctx context.Context, done func() bool) error {
	for !done() {
		for _, a := range b.accounts {
			events := b.Provider.Events(a.user)
			if len(events) == 0 || events[len(events)-1].Outcome != grant.Reused || b.holdsLive(a) {
				continue
			}
			if err := b.reauthorize(ctx, a); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("watch the baseline: %w", ctx.Err())
		case <-time.After(baselinePoll):
		}
	}
	return nil
}

func (b *baselineTarget) holdsLive(a *account) bool { return b.Provider.IsLive(b.Held(a.name)) }

func (b *baselineTarget) refreshes(a *account) int { return b.Provider.Stats().Users[a.user].Refreshes }

// keeps is never true: only the vault keeps a pair.
func (b *baselineTarget) keeps(context.Context, *account, token.Fingerprint) (bool, error) {
	return false, nil
}
