package activities

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

func TestOnlyAnUnansweredHeartbeatLeavesTheWorkAlone(t *testing.T) {
	for name, c := range map[string]struct {
		cause error
		goOn  bool
	}{
		"no answer in time":        {serviceerror.NewDeadlineExceeded("context deadline exceeded"), true},
		"no connection":            {serviceerror.NewUnavailable("connection refused"), true},
		"a kind to come":           {serviceerror.NewDataLoss("shard"), true},
		"no permission just now":   {serviceerror.NewPermissionDenied("denied", ""), true},
		"no word of the server's":  {errors.New("EOF"), true},
		"the namespace is gone":    {serviceerror.NewNamespaceNotFound("default"), false},
		"the namespace is passive": {serviceerror.NewNamespaceNotActive("default", "a", "b"), false},
		"the activity is reset":    {activity.ErrActivityReset, false},
		"the run is cancelled":     {temporal.NewCanceledError(), false},
		"the attempt is given up":  {serviceerror.NewNotFound("activity not found"), false},
		"the activity is paused":   {activity.ErrActivityPaused, false},
		"the worker has stopped":   {context.Canceled, false},
		"the attempt's time is up": {context.DeadlineExceeded, false},
	} {
		t.Run(name, func(t *testing.T) { require.Equal(t, c.goOn, !ends(c.cause)) })
	}
}

func TestALoadIsTriedAgainInsideAWindowThatMayBeOpen(t *testing.T) {
	scheduled := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name    string
		attempt int32
		after   time.Duration
		replay  time.Duration
		want    time.Duration
	}{
		{"the first", 1, 0, 2 * time.Minute, time.Second},
		{"the fourth", 4, 10 * time.Second, 2 * time.Minute, 8 * time.Second},
		{"one beyond half of what is left", 6, time.Minute, 80 * time.Second, 10 * time.Second},
		{"after the window", 7, 3 * time.Minute, 2 * time.Minute, time.Minute},
		{"long after it", 500, 9 * time.Hour, 2 * time.Minute, time.Minute},
		{"without a window", 7, time.Minute, 0, time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			info := activity.Info{ScheduledTime: scheduled, Attempt: c.attempt}
			require.Equal(t, c.want, loadPause(info, c.replay, scheduled.Add(c.after)))
		})
	}
}
