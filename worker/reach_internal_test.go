package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadinessFollowsTemporal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var recorded []bool
		h := serveHealth("", nil, func(_ context.Context, ready bool) { recorded = append(recorded, ready) }, slog.New(slog.DiscardHandler))
		require.Equal(t, notStarted, h.notReady())
		var answer atomic.Pointer[error] // nil where Temporal answers
		ask := func(context.Context) error {
			if err := answer.Load(); err != nil {
				return *err
			}
			return nil
		}
		m := &reachMonitor{ask: ask, health: h, log: slog.New(slog.NewTextHandler(&out, nil))}
		stop := m.start(t.Context())
		h.setAccepting("")
		require.Empty(t, h.notReady())

		refused := errors.New("connection refused")
		answer.Store(&refused)
		time.Sleep(awayAfter - reachEvery)
		synctest.Wait()
		require.Empty(t, h.notReady(), "a server that is restarted")
		time.Sleep(reachEvery)
		synctest.Wait()
		require.Equal(t, "Temporal has not answered for 30s: connection refused", h.notReady())
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		require.Contains(t, h.notReady(), "for 10m30s")
		require.Equal(t, 1, strings.Count(out.String(), "Temporal does not answer"), "once")

		answer.Store(nil)
		time.Sleep(reachEvery)
		synctest.Wait()
		require.Empty(t, h.notReady())
		require.Contains(t, out.String(), "Temporal answers again")
		require.True(t, recorded[len(recorded)-1])
		require.Contains(t, recorded[2:], false)

		h.setAccepting(stopping)
		require.Equal(t, stopping, h.notReady())
		stop()
		synctest.Wait()
	})
}
