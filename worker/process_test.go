package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/testenv"
)

// process is a worker as its operator sees it.
type process struct {
	*testenv.Worker
	t *testing.T
}

// inspect ends the worker and reads what it printed.
func (p process) inspect() {
	p.Kill()
	require.NotContains(p.t, p.Output(), "DATA RACE")
	require.NotContains(p.t, p.Output(), "goroutine ")
	require.False(p.t, strings.Contains(p.Output(), secretPrefix), "a worker's output holds a secret")
	if p.t.Failed() {
		p.t.Logf("worker %d said:\n%s", p.PID(), p.Output())
	}
}

// line is one line of a worker's log.
type line struct{ Msg, Error, Identity string }

// logged waits until the worker has logged a message so often, and returns these
// lines.
func (p process) logged(message string, times int) []line {
	p.t.Helper()
	var found []line
	eventually(p.t, fmt.Sprintf("the worker logs %d times %q", times, message), func() bool {
		found = nil
		for text := range strings.Lines(p.Output()) {
			var l line
			if json.Unmarshal([]byte(text), &l) == nil && strings.HasPrefix(l.Msg, message) {
				found = append(found, l)
			}
		}
		return len(found) >= times
	})
	return found
}

// ends waits until the worker has ended with an exit code and returns what it
// printed besides its log.
func (p process) ends(code int) string {
	p.t.Helper()
	select {
	case <-p.Ended():
	case <-time.After(patience):
		p.t.Fatal("the worker does not end")
	}
	require.Equal(p.t, code, p.ExitCode(), p.Output())
	var printed strings.Builder
	for text := range strings.Lines(p.Output()) {
		if !strings.HasPrefix(text, "{") {
			printed.WriteString(text)
		}
	}
	return printed.String()
}

// status is the HTTP status of one of the worker's pages; 0 without an answer.
func (p process) status(page string) int {
	answer, err := http.Get(p.HTTP + page)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

func (p process) metrics() string {
	p.t.Helper()
	answer, err := http.Get(p.HTTP + "/metrics")
	require.NoError(p.t, err)
	defer func() { _ = answer.Body.Close() }()
	page, err := io.ReadAll(answer.Body)
	require.NoError(p.t, err)
	return string(page)
}
