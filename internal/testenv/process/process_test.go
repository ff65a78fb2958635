package process_test

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/testenv/process"
)

var errNotYet = errors.New("not yet")

func run(t *testing.T, script string) *process.Process {
	t.Helper()
	p, err := process.Run("the script", "/bin/sh", []string{"-c", script}, os.Environ(), nil)
	require.NoError(t, err)
	t.Cleanup(p.Kill)
	return p
}

func TestAwaitEndsWithTheFirstCallThatSucceeds(t *testing.T) {
	calls := 0
	require.NoError(t, run(t, "exec sleep 600").Await(t.Context(), func(context.Context) error {
		if calls++; calls < 3 {
			return errNotYet
		}
		return nil
	}))
	require.Equal(t, 3, calls)
}

func TestAwaitEndsWithTheProcessAndItsOutput(t *testing.T) {
	p := run(t, "echo fake-reason; exit 7")
	err := p.Await(t.Context(), func(ctx context.Context) error {
		<-ctx.Done() // a call that hangs
		return errNotYet
	})
	require.ErrorIs(t, err, process.ErrEnded)
	require.EqualError(t, err, "start the script: it ended before it was ready:\nfake-reason\n")
	require.Equal(t, 7, p.ExitCode())
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	err := run(t, "exec sleep 600").Await(ctx, func(context.Context) error {
		cancel()
		return errNotYet
	})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorIs(t, err, errNotYet)
}

func TestStopKillsAProcessThatIgnoresSIGTERM(t *testing.T) {
	p := run(t, "trap '' TERM; echo ready; exec sleep 600")
	require.NoError(t, p.Await(t.Context(), func(context.Context) error {
		if p.Output() == "" {
			return errNotYet
		}
		return nil
	}))
	require.ErrorContains(t, p.Stop(time.Millisecond), "the script did not end within 1ms of SIGTERM")
	require.NoError(t, p.Stop(time.Millisecond), "it is gone")
	require.ErrorIs(t, p.Signal(syscall.SIGTERM), os.ErrProcessDone)
}

func TestFreePortsAreDifferent(t *testing.T) {
	ports, err := process.FreePorts(20)
	require.NoError(t, err)
	different := map[int]bool{}
	for _, port := range ports {
		different[port] = true
	}
	require.Len(t, different, 20)
}
