package main

import (
	"context"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tokenkeeper/activities"
	"tokenkeeper/internal/pace"
	"tokenkeeper/internal/provider"
)

// Temporal is away for the moment in which the pollers are changed.
func TestAQueueWhosePollersDidNotStartIsPolledAgain(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := closed.Addr().String()
	require.NoError(t, closed.Close())
	temporal, err := client.NewLazyClient(client.Options{HostPort: address, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer temporal.Close()
	q := &pacedQueues{temporal: temporal, namespace: "default", taskQueue: "q", acts: activities.New(activities.Dependencies{}),
		perSecond: 26, limiter: pace.New(26), log: slog.New(slog.DiscardHandler)}
	counted, cancel := context.WithCancel(t.Context())
	cancel() // what is counted does not matter
	for range 2 {
		require.ErrorContains(t, q.adapt(counted), "start polling q-paced")
	}
}

// Nobody says how many workers there are, so that each keeps the share that it has.
func TestAShareWhoseWorkersCannotBeCountedStays(t *testing.T) {
	temporal, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1", Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	defer temporal.Close()
	limiter := pace.New(26)
	limiter.SetPart(0.1)
	q := &pacedQueues{temporal: temporal, namespace: "default", taskQueue: "q", acts: activities.New(activities.Dependencies{}),
		perSecond: 26, limiter: limiter, log: slog.New(slog.DiscardHandler)}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, q.adapt(gone))
	var pause time.Duration
	for range 60 {
		pause = limiter.Turn(2, 0)
	}
	require.Greater(t, pause, 30*time.Second, "120 versions at a tenth of the rate")
}

// Nine others have started with this one, and poll a moment later.
func TestWorkersThatStartTogetherSoonKnowOfEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		temporal := &mocks.Client{}
		temporal.On("DescribeTaskQueue", mock.Anything, "q", enumspb.TASK_QUEUE_TYPE_ACTIVITY).Return(func(context.Context, string, enumspb.TaskQueueType) (*workflowservice.DescribeTaskQueueResponse, error) {
			described := &workflowservice.DescribeTaskQueueResponse{}
			for n := range 10 {
				if n == 0 || time.Since(began) > time.Second {
					described.Pollers = append(described.Pollers, &taskqueuepb.PollerInfo{Identity: strconv.Itoa(n), LastAccessTime: timestamppb.Now()})
				}
			}
			return described, nil
		})
		limiter := pace.New(26)
		q := &pacedQueues{temporal: temporal, taskQueue: "q", perSecond: 26, limiter: limiter, log: slog.New(slog.DiscardHandler)}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		q.countWorkers(ctx)
		go q.recount(ctx)
		time.Sleep(workersEvery + time.Second)
		var pause time.Duration
		for range 60 {
			pause = limiter.Turn(2, 0)
		}
		require.Greater(t, pause, 30*time.Second, "120 versions at a tenth of the rate")
	})
}

// An all-rotating fleet would have half of the pace that it needs.
func TestAccountsAreCountedWhereTheNamespaceHasNoSearchAttributes(t *testing.T) {
	temporal := &mocks.Client{}
	temporal.On("CountWorkflow", mock.Anything, mock.Anything).Return(func(_ context.Context, r *workflowservice.CountWorkflowExecutionsRequest) (*workflowservice.CountWorkflowExecutionsResponse, error) {
		switch {
		case strings.Contains(r.GetQuery(), "TokenProvider"):
			return nil, serviceerror.NewInvalidArgument("invalid query: column name TokenProvider is not defined")
		case strings.Contains(r.GetQuery(), "WorkflowId STARTS_WITH 'fitbit-token-refresh'"):
			return &workflowservice.CountWorkflowExecutionsResponse{Count: 21600}, nil
		}
		return &workflowservice.CountWorkflowExecutionsResponse{}, nil
	})
	q := &pacedQueues{temporal: temporal, namespace: "default", taskQueue: "q", providers: provider.Builtin()}
	d, err := q.count(t.Context())
	require.NoError(t, err)
	require.Equal(t, demand{rotating: 2}, d, "21,600 accounts each six hours")
}
