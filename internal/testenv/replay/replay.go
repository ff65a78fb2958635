package replay

import (
	"bytes"
	"fmt"
	"log/slog"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Read is the inverse of Scrub, as far as Scrub has one.
func Read(text []byte) (*historypb.History, error) {
	h, err := client.HistoryFromJSON(bytes.NewReader(text), client.HistoryJSONOptions{})
	if err != nil {
		return nil, fmt.Errorf("read a history: %w", err)
	}
	return h, nil
}

// Replay has today's code of a workflow decide what it decided when the history
// was recorded. The error says where it decides otherwise.
func Replay(h *historypb.History, name string, code any) error {
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(code, workflow.RegisterOptions{Name: name})
	return replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), h)
}
