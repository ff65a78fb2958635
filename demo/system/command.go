package system

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strconv"
	"strings"

	"tokenkeeper/workflows"
)

// Command is a command line of the Temporal CLI, without the program.
type Command []string

// String is what an operator types.
func (c Command) String() string {
	words := []string{"temporal"}
	for _, word := range c {
		words = append(words, quote(word))
	}
	return strings.Join(words, " ")
}

var plain = regexp.MustCompile(`^[\w./:@=-]+$`)

func quote(word string) string {
	if plain.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// CronCommand starts the cron.
func (s *System) CronCommand() Command {
	return s.at("workflow", "start", "--type", workflows.Type, "--task-queue", s.TaskQueue(),
		"--workflow-id", workflows.ID(Account), "--cron", s.cron, "--input", "{}",
		"--static-summary", fmt.Sprintf("Keep the tokens of %s alive", Account))
}

// RefreshCommand refreshes now, without waiting for the cron.
func (s *System) RefreshCommand() Command {
	return s.at("workflow", "signal-with-start", "--type", workflows.Type, "--task-queue", s.TaskQueue(),
		"--workflow-id", workflows.ID(Account), "--signal-name", workflows.RefreshNow, "--input", "{}")
}

// CancelCommand cancels the run at work, and the cron with it.
func (s *System) CancelCommand() Command {
	return s.at("workflow", "cancel", "--workflow-id", workflows.ID(Account))
}

// at names the server where it is not at its usual place.
func (s *System) at(words ...string) Command {
	if _, port, _ := net.SplitHostPort(s.Temporal.Address()); port != strconv.Itoa(usualPort) {
		words = append(words, "--address", s.Temporal.Address())
	}
	return words
}

// StartCron starts the cron with the Temporal CLI.
func (s *System) StartCron(ctx context.Context) error {
	_, err := s.Exec(ctx, s.CronCommand())
	return err
}

// RefreshNow asks for a refresh with the Temporal CLI and returns the id of the
// run that takes it up.
func (s *System) RefreshNow(ctx context.Context) (runID string, err error) {
	out, err := s.Exec(ctx, append(s.RefreshCommand(), "--output", "json"))
	if err != nil {
		return "", err
	}
	var started struct {
		RunID string `json:"runId"`
	}
	if err := json.Unmarshal(out, &started); err != nil || started.RunID == "" {
		return "", fmt.Errorf("%s: no run id in its output", s.RefreshCommand())
	}
	return started.RunID, nil
}

// Exec runs the Temporal CLI and returns what it printed.
func (s *System) Exec(ctx context.Context, c Command) ([]byte, error) {
	cmd := exec.CommandContext(ctx, s.Temporal.CLI(), c...)
	cmd.Env = s.Environment() // without the profiles and addresses of this machine
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", c, err, strings.TrimSpace(complaint.String()))
	}
	return out, nil
}
