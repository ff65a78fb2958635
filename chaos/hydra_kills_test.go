package main_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// Each kill falls after a commit of Hydra's: before its answer has left, or so
// shortly after that the worker has read it and Temporal may or may not have it.
func TestWorkersKilledJustWhenHydraHasAnsweredLoseNothing(t *testing.T) {
	const accounts, kills, shortly = 6, 12, 12 * time.Millisecond
	h := newHydraSystem(t, provider.AuthHeader, longestGrace)
	var all []account
	for range accounts {
		all = append(all, h.consent())
	}
	enough := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), 2*patience)
	defer cancel()
	atWork, ctx := errgroup.WithContext(ctx)
	for _, a := range all {
		atWork.Go(func() error { return a.refreshUntil(ctx, enough) })
	}
	random := rand.New(rand.NewPCG(1, 1))
	for kill := range kills {
		h.edge.keepBack()
		before := len(h.edge.passages())
		doomed := h.work()
		h.eventually("Hydra has answered", func() bool { return len(h.edge.passages()) > before })
		if kill%2 == 1 {
			h.edge.release()
			time.Sleep(time.Duration(random.Int64N(int64(shortly))))
		}
		doomed.Kill()
		h.edge.release()
	}
	h.work()
	close(enough)
	require.NoError(t, atWork.Wait())

	for _, a := range all {
		result := a.refresh().refreshed()
		a.linear(int(result.Generation))
		h.works(a)
	}
	presented := map[token.Fingerprint]bool{}
	passages := h.edge.passages()
	for _, p := range passages {
		require.Equal(t, 200, p.status)
		presented[p.presented] = true
	}
	again := len(passages) - len(presented)
	require.NotZero(t, again, "no kill fell between the commit and Temporal's word")
	t.Logf("%d kills, %d refresh tokens spent, %d answered once more, none lost", kills, len(presented), again)
}

// refreshUntil refreshes the account again and again, each time to a good end.
func (a account) refreshUntil(ctx context.Context, enough <-chan struct{}) error {
	for {
		select {
		case <-enough:
			return nil
		default:
		}
		o := client.StartWorkflowOptions{ID: a.workflowID(), TaskQueue: a.TaskQueue()}
		run, err := a.temporal.ExecuteWorkflow(ctx, o, workflows.Type, workflows.Input{Account: a.name, Provider: a.at.name})
		if err != nil {
			return err
		}
		if err := run.Get(ctx, nil); err != nil {
			return err
		}
	}
}
