package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdk "go.temporal.io/sdk/temporal"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/internal/config"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// How many accounts the test makes. With envAccounts=10000 it takes some minutes, most of
// them for the accounts.
const (
	envAccounts  = "TOKENKEEPER_TEST_ACCOUNTS"
	someAccounts = 100
)

// The forecast of many accounts is made of listings. It is measured beside a plain listing
// of the same accounts' workflows, which is all that it could do less.
func TestTheForecastOfManyAccountsTakesListingsOnly(t *testing.T) {
	n := someAccounts
	if text := os.Getenv(envAccounts); text != "" {
		var err error
		n, err = strconv.Atoi(text)
		require.NoError(t, err)
	}
	server := testenv.OwnTemporal(t)
	c, err := client.Dial(client.Options{HostPort: server.Address(), Logger: quiet{}})
	require.NoError(t, err)
	t.Cleanup(c.Close)
	makeAccounts(t, c, n)

	began := time.Now()
	listed := 0
	for page := []byte(nil); ; {
		list, err := c.ListWorkflow(t.Context(), &workflowservice.ListWorkflowExecutionsRequest{
			Query: "WorkflowType = '" + workflows.Type + "' AND ExecutionStatus = 'Running'", PageSize: largestPage, NextPageToken: page,
		})
		require.NoError(t, err)
		listed += len(list.GetExecutions())
		if page = list.GetNextPageToken(); len(page) == 0 {
			break
		}
	}
	plain := time.Since(began)
	require.Equal(t, n, listed)

	began = time.Now()
	var out, notes bytes.Buffer
	environ := config.Environ([]string{"TEMPORAL_ADDRESS=" + server.Address()})
	require.Zero(t, run(t.Context(), []string{"forecast", "--within", "7d", "--output", "json"}, environ, &out, &notes), &notes)
	took := time.Since(began)
	var f forecast
	require.NoError(t, json.Unmarshal(out.Bytes(), &f))
	require.Equal(t, n, f.Accounts)
	require.Len(t, f.Providers, 1)
	p := f.Providers[0]
	require.Equal(t, n/100*6, p.Within7, "of each hundred, six end within less than a week")
	require.Equal(t, n/100*89, p.Within90)
	require.Equal(t, n/100*11, p.Unknown+p.Later)
	require.Len(t, f.Consents, p.Within7)
	t.Logf("%d accounts: %s, %.1f times a listing of their workflows (%s)", n, took.Round(time.Millisecond), took.Seconds()/plain.Seconds(), plain.Round(time.Millisecond))
	if n > someAccounts { // of few, the time is that of the connection
		require.Less(t, took, time.Duration(n)*2*time.Millisecond+2*time.Second)
	}

	counting := &countingClient{Client: c}
	app := &temporalApp{temporal: counting, namespace: "default", providers: provider.Builtin()}
	ends, err := app.listEnds(t.Context(), selection{}, app.providers)
	require.NoError(t, err)
	require.Len(t, ends, n)
	require.LessOrEqual(t, counting.listings.Load(), int64(n/perPage+n/largestPage+2), "a page of those that run, and a page of those that have closed, for so many of them")
	require.Zero(t, counting.histories.Load(), "no account is looked at")
}

// countingClient counts what is asked of Temporal for accounts.
type countingClient struct {
	client.Client
	listings, histories atomic.Int64
}

func (c *countingClient) ListWorkflow(ctx context.Context, r *workflowservice.ListWorkflowExecutionsRequest) (*workflowservice.ListWorkflowExecutionsResponse, error) {
	c.listings.Add(1)
	return c.Client.ListWorkflow(ctx, r)
}

func (c *countingClient) GetWorkflowHistory(ctx context.Context, id, run string, wait bool, filter enumspb.HistoryEventFilterType) client.HistoryEventIterator {
	c.histories.Add(1)
	return c.Client.GetWorkflowHistory(ctx, id, run, wait, filter)
}

func (c *countingClient) DescribeWorkflowExecution(ctx context.Context, id, run string) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	c.histories.Add(1)
	return c.Client.DescribeWorkflowExecution(ctx, id, run)
}

// WorkflowService reads a run's first events; see describe.
func (c *countingClient) WorkflowService() workflowservice.WorkflowServiceClient {
	c.histories.Add(1)
	return c.Client.WorkflowService()
}

// makeAccounts makes crons whose last run has closed: of each hundred one with an end after
// 1 to 99 days each, and one with none.
func makeAccounts(t *testing.T, c client.Client, n int) {
	t.Helper()
	each := func(start func(ctx context.Context, i int, o client.StartWorkflowOptions) error) {
		group, ctx := errgroup.WithContext(t.Context())
		group.SetLimit(8)
		began := time.Now()
		for i := range n {
			group.Go(func() (err error) {
				for range 5 { // a busy server may take longer than one call waits
					err = start(ctx, i, client.StartWorkflowOptions{ID: fmt.Sprintf("spotify-token-refresh-user-%d", i), TaskQueue: "unserved"})
					if err == nil {
						break
					}
				}
				return err
			})
		}
		require.NoError(t, group.Wait())
		t.Logf("%d workflows started in %s", n, time.Since(began).Round(time.Millisecond))
	}
	now := time.Now()
	each(func(ctx context.Context, i int, o client.StartWorkflowOptions) error {
		o.WorkflowRunTimeout = time.Second // closes it without a worker
		attributes := []sdk.SearchAttributeUpdate{
			workflows.TokenAccount.ValueSet(fmt.Sprintf("user-%d", i)), workflows.TokenProvider.ValueSet("spotify"), workflows.TokenHealth.ValueSet(string(workflows.HealthGood)),
		}
		if days := i % 100; days > 0 {
			attributes = append(attributes, workflows.TokenConsentEnds.ValueSet(now.Add(time.Duration(days)*day+time.Hour)))
		}
		o.TypedSearchAttributes = sdk.NewSearchAttributes(attributes...)
		_, err := c.ExecuteWorkflow(ctx, o, workflows.Type, workflows.Input{Account: fmt.Sprintf("user-%d", i), Provider: "spotify"})
		return err
	})
	awaitCount(t, c, "ExecutionStatus = 'TimedOut'", n)
	each(func(ctx context.Context, i int, o client.StartWorkflowOptions) error {
		o.CronSchedule = "0 0 1 1 *"
		o.WorkflowIDReusePolicy = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
		_, err := c.ExecuteWorkflow(ctx, o, workflows.Type, workflows.Input{Account: fmt.Sprintf("user-%d", i), Provider: "spotify"})
		return err
	})
	awaitCount(t, c, "ExecutionStatus = 'Running'", n)
}

func awaitCount(t *testing.T, c client.Client, query string, want int) {
	t.Helper()
	require.Eventually(t, func() bool {
		count, err := c.CountWorkflow(t.Context(), &workflowservice.CountWorkflowExecutionsRequest{Query: query})
		return err == nil && count.GetCount() == int64(want)
	}, 5*time.Minute, 200*time.Millisecond)
}
