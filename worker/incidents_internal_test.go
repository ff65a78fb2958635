package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/incident"
)

// reported keeps what monitors report: a reason and "raised" or "healed".
type reported struct {
	mu   sync.Mutex
	list []string
	err  error
}

func (r *reported) Report(_ context.Context, provider, reason string, report incident.Report) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	what := " raised"
	if report.Healed {
		what = " healed"
	}
	if provider != "" || report.Account != "" || report.Message == "" {
		what += " wrongly"
	}
	r.list = append(r.list, reason+what)
	return r.err
}

// take returns the reports since it was called last.
func (r *reported) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

func TestAnIncidentOfTheFleetIsReportedAgainWhileItLastsAndItsEndOnce(t *testing.T) {
	var told reported
	var out bytes.Buffer
	f := newFleetIncident(&told, incident.RunsLeftBehind, slog.New(slog.NewTextHandler(&out, nil)))
	f.heal(t.Context(), "none")
	f.heal(t.Context(), "none")
	require.Equal(t, []string{"RunsLeftBehind healed"}, told.take(), "the worker before this one may have raised it")
	f.raise(t.Context(), "runs wait")
	f.raise(t.Context(), "runs wait")
	require.Equal(t, []string{"RunsLeftBehind raised", "RunsLeftBehind raised"}, told.take())

	told.err = errors.New("Temporal is away")
	f.heal(t.Context(), "none")
	require.Contains(t, out.String(), "cannot report an incident")
	told.err = nil
	f.heal(t.Context(), "none")
	f.heal(t.Context(), "none")
	require.Equal(t, []string{"RunsLeftBehind healed", "RunsLeftBehind healed"}, told.take(), "again until it is taken")
}
