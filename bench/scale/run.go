package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"go.temporal.io/sdk/temporal"

	"tokenkeeper/bench/lab"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// scale is a run that is going on.
type scale struct {
	o       options
	lab     *lab.Lab
	plan    plan
	workers []*testenv.Worker
	last    []time.Time // of each account: its last refresh; zero for none
	seen    int         // of the provider's events
	report  *report
	// consents is how far the vault's clock is behind while the users consent.
	consents atomic.Int64
	save     func(*report) error
}

// run never returns without a report.
func run(ctx context.Context, o options, save func(*report) error) (r *report, err error) {
	s := &scale{o: o, save: save, last: make([]time.Time, o.accounts), report: &report{Accounts: o.accounts, Provider: o.provider.Name, Workers: o.workers, Outage: o.outage, Burst: o.burst}}
	r = s.report
	o.lab.TaskQueue = "scale"
	o.lab.Provider = authserver.Options{Provider: o.provider, RequestLimit: o.limit}
	s.consents.Store(-int64(slotOf(o.accounts)))
	o.lab.Vault = keyvault.Options{CreationLimit: keyvault.Creations, CallLimit: keyvault.OtherCalls, Now: func() time.Time { return time.Now().Add(time.Duration(s.consents.Load())) }}
	if s.lab, err = lab.Open(ctx, o.lab); err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.lab.Close()) }()
	if err = s.prepare(ctx); err != nil {
		return r, err
	}
	err = s.watch(ctx)
	if err != nil && ctx.Err() == nil {
		return r, err
	}
	r.Interrupted = err != nil
	s.audit()
	r.judge()
	return r, errors.Join(err, save(r))
}

// slotOf is when the vault takes the first refresh token of so many more accounts: the
// consents of a fleet have come over weeks, and the quota holds for them as well.
func slotOf(accounts int) time.Duration {
	const atOnce, wait = 250, 11 * time.Second
	return time.Duration(accounts/atOnce+1) * wait
}

// prepare has everyone consent, starts the workers, and starts all crons.
func (s *scale) prepare(ctx context.Context) error {
	for i := range s.o.accounts {
		s.consents.Store(-int64(slotOf(s.o.accounts - i)))
		if err := s.lab.CreateAccount(name(i)); err != nil {
			return err
		}
	}
	s.consents.Store(0)
	env := []string{"TOKENKEEPER_LOG_LEVEL=error"}
	if s.o.pace > 0 {
		env = append(env, fmt.Sprintf("%s=%g", lab.PaceVariable, s.o.pace))
	}
	for range s.o.workers {
		w, err := s.lab.StartWorker(ctx, nil, env...)
		if err != nil {
			return err
		}
		s.workers = append(s.workers, w)
	}
	s.plan = newPlan(s.o, time.Now())
	s.report.Period, s.report.PeriodSeconds = s.plan.period.String(), s.plan.period.Seconds()
	s.say("starting %d crons with a period of %s", s.o.accounts, s.plan.period)
	var crons []lab.Cron
	for i := range s.o.accounts {
		a := token.Account{Provider: s.o.provider.Name, Name: name(i)}
		crons = append(crons, lab.Cron{ID: workflows.ID(a), TaskQueue: s.lab.TaskQueue(), Workflow: workflows.Type,
			Expression: s.plan.expression(i), Input: workflows.Input{Account: a.Name, Provider: a.Provider},
			Attributes: temporal.NewSearchAttributes(workflows.TokenAccount.ValueSet(a.Name), workflows.TokenProvider.ValueSet(a.Provider))})
	}
	began := time.Now()
	if _, err := s.lab.StartCrons(ctx, crons, 0); err != nil {
		return err
	}
	s.report.StartSeconds = lab.Round(time.Since(began).Seconds(), 1)
	s.plan.started = time.Now()
	s.say("started them in %.0f s", s.report.StartSeconds)
	return nil
}

// settles bounds how long accounts may be behind after the end, beyond the period.
const settles = 10 * time.Minute

// watch looks on for as long as it is to last, makes the outage, and then waits until no
// account is behind.
func (s *scale) watch(ctx context.Context) error {
	began := time.Now()
	out, back := began.Add((s.o.length-s.o.away)/2), began.Add((s.o.length+s.o.away)/2)
	end := began.Add(s.o.length)
	state := before
	s.report.Began = began.UTC()
	for {
		now := time.Now()
		switch {
		case s.o.outage == none:
		case state == before && now.After(out):
			state = away
			s.takeAway()
			s.say("the %s is away for %s", s.o.outage, s.o.away)
		case state == away && now.After(back):
			state = after
			if err := s.bringBack(); err != nil {
				return err
			}
			s.say("the %s is back", s.o.outage)
		}
		x, err := s.sample(ctx, state, now.Sub(began))
		if err != nil {
			return err
		}
		s.report.Samples = append(s.report.Samples, x)
		if err := s.save(s.report); err != nil {
			return err
		}
		s.say("%6.0f s %-7s %7d refreshed, %5d behind, latest %5.0f s, %5.1f requests/s, %d times 429, %.1f MB",
			x.Seconds, x.State, x.Refreshed, x.Behind, x.LagSeconds, x.RequestsPerSecond, x.Throttled, x.MemoryMB)
		if now.After(end) && x.Behind == 0 && x.Accounts == s.o.accounts && s.report.seenBack() {
			s.report.SettledSeconds = lab.Round(now.Sub(end).Seconds(), 0)
			return nil
		}
		if now.After(end.Add(s.plan.period + settles)) {
			return nil
		}
		if err := lab.Sleep(ctx, s.o.every); err != nil {
			return err
		}
	}
}

func (s *scale) takeAway() {
	if s.o.outage == ofVault {
		s.lab.Vault.Stop()
		return
	}
	// A gateway in front of a provider that is down; nothing is committed behind it.
	_ = s.lab.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, Answer: authserver.Status, Status: 503, Times: authserver.EveryTime})
}

func (s *scale) bringBack() error {
	if s.o.outage == ofVault {
		return s.lab.Vault.Resume()
	}
	s.lab.Provider.ClearFaults()
	return nil
}

// sample looks at everything once.
func (s *scale) sample(ctx context.Context, state string, since time.Duration) (x sample, err error) {
	x = sample{State: state, Seconds: lab.Round(since.Seconds(), 1)}
	for _, w := range s.workers {
		u, err := lab.UsageOf(w.PID())
		if err != nil {
			return x, fmt.Errorf("%w; the worker says:\n%s", err, w.Output()[max(0, len(w.Output())-2000):])
		}
		x.MemoryMB = max(x.MemoryMB, lab.Round(float64(u.Resident)/(1<<20), 1))
		x.CPUSeconds += u.CPU.Seconds()
	}
	s.refreshed()
	now := time.Now()
	for i, last := range s.last {
		if !last.IsZero() {
			x.Accounts++
		}
		if lag := now.Sub(s.plan.dueAfter(i, last)); lag > aMoment {
			x.Behind++
			x.LagSeconds = max(x.LagSeconds, lab.Round(lag.Seconds(), 1))
		}
	}
	stats := s.lab.Provider.Stats().Total
	x.Refreshed, x.Requests = stats.Refreshes, stats.Calls[authserver.Token]
	counts := s.lab.Vault.Counts()
	x.Limited = stats.Limited
	x.Throttled, x.Writes = counts.Throttled, counts.ByOperation[keyvault.OpSet]
	if n := len(s.report.Samples); n > 0 {
		before := s.report.Samples[n-1]
		if seconds := x.Seconds - before.Seconds; seconds > 0 {
			x.RequestsPerSecond = lab.Round(float64(x.Requests-before.Requests)/seconds, 1)
			x.RefreshesPerSecond = lab.Round(float64(x.Refreshed-before.Refreshed)/seconds, 1)
		}
	}
	return x, ctx.Err()
}

// aMoment is how long a refresh may take before its account counts as behind: all
// accounts of a minute are due at once, and the pace spreads them over it.
const aMoment = time.Minute

// refreshed reads the provider's journal on.
func (s *scale) refreshed() {
	events := s.lab.Provider.Events("")
	for _, e := range events[s.seen:] {
		if i, ok := indexOf(e.User); ok && e.Outcome.Granted() && i < len(s.last) {
			s.last[i] = e.Time
		}
	}
	s.seen = len(events)
}

// audit counts the accounts whose refresh token is gone each time that it looks, for a
// minute: refreshes go on, and those at work have not stored yet.
func (s *scale) audit() {
	left := make([]int, s.o.accounts)
	for i := range left {
		left[i] = i
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Second) {
		left = slices.DeleteFunc(left, func(i int) bool { return !s.lab.Lost(name(i)) })
		if len(left) == 0 || time.Now().After(deadline) {
			break
		}
	}
	s.report.Lost = []string{}
	for _, i := range left {
		s.report.Lost = append(s.report.Lost, name(i))
	}
}

func (s *scale) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.o.lab.Progress, "scale: "+format+"\n", args...)
}

func name(i int) string { return fmt.Sprintf("scale-%d", i) }

// indexOf is the account of a provider's user.
func indexOf(user string) (i int, ok bool) {
	_, err := fmt.Sscanf(user, "USER-SCALE-%d", &i)
	return i, err == nil
}
