package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/temporal"
	"tokenkeeper/workflows"
)

type options struct {
	minutes  float64
	accounts int
	seed     uint64
	race     bool
}

const (
	replay = 2 * time.Minute // how long the provider repeats a lost answer
	// period is how often an account is due, at most: the next run begins so long after
	// the end of the one before it, and half as much again.
	period      = 20 * time.Second
	sampleEvery = 3 * time.Second
	sayEvery    = time.Minute
	// settlesWithin is how long runs may go on once all faults have ended.
	settlesWithin = 8 * time.Minute
)

// soak is one that is going on.
type soak struct {
	*testenv.System
	options  options
	temporal client.Client
	link     *toxiproxy.Proxy // between the worker and Temporal
	worker   *testenv.Worker
	names    []string

	mu     sync.Mutex
	report report
}

func newSoak(ctx context.Context, o options, cli, dir string) (*soak, error) {
	var flags []string
	if o.race {
		flags = append(flags, "-race")
	}
	binary, err := testenv.BuildWorker(ctx, dir, flags...)
	if err != nil {
		return nil, err
	}
	server, err := temporal.StartTemporal(ctx, cli, dir, 0, 0)
	if err != nil {
		return nil, err
	}
	system, err := testenv.Start(ctx, testenv.Options{Dir: dir, Temporal: server, WorkerBinary: binary, TaskQueue: "soak",
		Provider: authserver.Options{ReplayWindow: replay}})
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	s := &soak{System: system, options: o, report: report{Race: o.race, Accounts: o.accounts, Seed: o.seed, Faults: map[string]int{}, Ends: map[string]int{}}}
	s.link = toxiproxy.NewProxy(toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop()), "temporal", "127.0.0.1:0", server.Address())
	if err := s.link.Start(); err != nil {
		return s, err
	}
	if s.temporal, err = server.Dial(); err != nil {
		return s, err
	}
	for i := range o.accounts {
		s.names = append(s.names, fmt.Sprintf("soak-%d", i))
		if err := s.CreateAccount(s.names[i]); err != nil {
			return s, err
		}
	}
	s.worker, err = s.StartWorker(ctx, nil, "TEMPORAL_ADDRESS="+s.link.Listen)
	return s, err
}

func (s *soak) close() error {
	if s.temporal != nil {
		s.temporal.Close()
	}
	s.link.Stop()
	return errors.Join(s.System.Stop(), s.Temporal.Stop())
}

// run refreshes while things go wrong, then lets all end well and counts.
func (s *soak) run(ctx context.Context, length time.Duration) (report, error) {
	began := time.Now()
	going, end := context.WithTimeout(ctx, length)
	defer end()
	all, allCtx := errgroup.WithContext(ctx)
	for i, name := range s.names {
		all.Go(func() error { return s.refreshes(allCtx, going, name, uint64(i)) })
	}
	all.Go(func() error { return s.goWrong(allCtx, going) })
	all.Go(func() error { return s.samples(going, began, length) })
	if err := all.Wait(); err != nil {
		return report{}, errors.Join(err, fmt.Errorf("the worker said last:\n%s", lastLines(s.worker.Output(), 5)))
	}
	for _, name := range s.names {
		if s.Lost(name) {
			s.report.Lost = append(s.report.Lost, name)
		}
	}
	s.report.Minutes = time.Since(began).Minutes()
	if err := s.worker.Stop(settlesWithin); err != nil {
		return report{}, err
	}
	s.report.Races = strings.Count(s.worker.Output(), "WARNING: DATA RACE")
	return s.report, nil
}

// refreshes refreshes one account again and again until going is over, and once more after.
func (s *soak) refreshes(ctx, going context.Context, name string, serial uint64) error {
	random := rand.New(rand.NewPCG(s.options.seed, serial))
	for again := true; again; {
		again = sleep(going, period/2+time.Duration(random.Int64N(int64(period)))) == nil
		if !again {
			var stop context.CancelFunc
			ctx, stop = context.WithTimeout(ctx, settlesWithin)
			defer stop()
		}
		started, err := s.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: "soak-" + name, TaskQueue: s.TaskQueue()}, workflows.Type, workflows.Input{Account: name})
		if err != nil {
			return fmt.Errorf("start %s: %w", name, err)
		}
		outcome := "failed"
		var result workflows.Result
		err = started.Get(ctx, &result)
		if err == nil {
			outcome = string(result.Outcome)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %w", name, ctx.Err())
		}
		s.mu.Lock()
		s.report.Ends[outcome]++
		if err != nil && len(s.report.Failures) < 10 {
			s.report.Failures = append(s.report.Failures, name+": "+err.Error())
		}
		s.mu.Unlock()
	}
	return nil
}

// goWrong has one fault after the other happen.
func (s *soak) goWrong(ctx, going context.Context) error {
	for schedule := newSchedule(s.options.seed); ; {
		f, pause := schedule.next()
		if sleep(going, pause) != nil {
			s.Provider.ClearFaults()
			s.Vault.ClearFaults()
			return ctx.Err()
		}
		if err := s.strike(ctx, f); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		s.report.Faults[f.name]++ // read once all have ended
	}
}

// strike has a fault happen.
func (s *soak) strike(ctx context.Context, f fault) error {
	switch {
	case f.provider != nil:
		fault := *f.provider
		fault.Endpoint = authserver.Token
		return s.Provider.Inject(fault)
	case f.vault != nil:
		fault := *f.vault
		if fault.Kind == keyvault.Stale {
			if fault.Name = s.rotatedSecret(); fault.Name == "" {
				return nil // a replica that has not seen a first version shows none
			}
		}
		s.Vault.Inject(fault)
		return nil
	}
	s.link.Stop()
	err := sleep(ctx, f.link)
	return errors.Join(err, s.link.Start())
}

// rotatedSecret is the name of a refresh token that has rotated several times, chosen at
// random; empty for none.
func (s *soak) rotatedSecret() string {
	for _, i := range rand.Perm(len(s.names)) {
		if name := s.SecretName(s.names[i], "RefreshToken"); len(s.Vault.Versions(name)) > 3 {
			return name
		}
	}
	return ""
}

// samples looks at the worker until going is over.
func (s *soak) samples(going context.Context, began time.Time, length time.Duration) error {
	said := began
	for sleep(going, sampleEvery) == nil {
		now, err := sampleOf(going, s.worker)
		switch {
		case going.Err() != nil:
			return nil
		case err != nil:
			return err
		}
		now.At = time.Since(began).Seconds() / length.Seconds()
		s.report.Samples = append(s.report.Samples, now)
		if time.Since(said) > sayEvery {
			said = time.Now()
			s.mu.Lock()
			fmt.Fprintf(os.Stderr, "soak: %.0f%%: %d runs ended, %d MB, %d goroutines, %d descriptors\n", now.At*100, total(s.report.Ends), now.Memory>>20, now.Goroutines, now.Descriptors)
			s.mu.Unlock()
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
