package main

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
)

const (
	// reachEvery is how often Temporal is asked, and reachTimeout bounds a request. It is
	// asked for the namespace, which a worker that is shut out of it cannot read.
	reachEvery, reachTimeout = 10 * time.Second, 5 * time.Second
	// awayAfter is how long Temporal may be away until the worker is not ready: a server
	// that is restarted, or a connection that moves, takes seconds.
	awayAfter = 30 * time.Second
)

// reachMonitor has readiness follow Temporal. It does nothing else: the SDK's pollers try
// again by themselves, and pairs in flight go into the vault meanwhile.
type reachMonitor struct {
	ask    func(context.Context) error
	health interface{ setTemporal(reason string) }
	log    *slog.Logger

	answeredAt time.Time
	away       bool
}

// askTemporal asks for the namespace. A server that has too much to do answers.
func askTemporal(c client.Client, address, namespace string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
		if _, busy := err.(*serviceerror.ResourceExhausted); busy {
			return nil
		}
		return explain(err, address, namespace)
	}
}

// start asks until stop is called or ctx ends.
func (m *reachMonitor) start(ctx context.Context) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	m.answeredAt = time.Now()
	go func() {
		for tick := time.NewTicker(reachEvery); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
				m.check(ctx)
			}
		}
	}()
	return stop
}

func (m *reachMonitor) check(ctx context.Context) {
	request, cancel := context.WithTimeout(ctx, reachTimeout)
	defer cancel()
	err := m.ask(request)
	switch now := time.Now(); {
	case ctx.Err() != nil:
	case err == nil:
		m.answeredAt = now
		m.health.setTemporal("")
		if m.away {
			m.away = false
			m.log.InfoContext(ctx, "Temporal answers again")
		}
	case now.Sub(m.answeredAt) >= awayAfter:
		silent := now.Sub(m.answeredAt).Round(time.Second)
		m.health.setTemporal(fmt.Sprintf("Temporal has not answered for %s: %v", silent, err))
		if !m.away {
			m.away = true
			m.log.ErrorContext(ctx, "Temporal does not answer; this worker is not ready until it does", "for", silent.String(), "error", err)
		}
	}
}
