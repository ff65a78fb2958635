package testenv

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"tokenkeeper/internal/testenv/process"
)

// stopWithin is how long a worker gets to end after SIGTERM: above its own stop
// timeout.
const stopWithin = 50 * time.Second

// Worker is a worker process.
type Worker struct {
	*process.Process
	// HTTP is the base URL of its health and metrics endpoints.
	HTTP string
}

// BuildWorker compiles the worker into dir and returns the program's path.
// Further flags, such as "-race", go to go build.
func BuildWorker(ctx context.Context, dir string, flags ...string) (string, error) {
	return build(ctx, dir, "worker", flags)
}

// BuildStarter compiles the starter likewise.
func BuildStarter(ctx context.Context, dir string, flags ...string) (string, error) {
	return build(ctx, dir, "starter", flags)
}

func build(ctx context.Context, dir, room string, flags []string) (string, error) {
	path := filepath.Join(dir, room)
	args := append([]string{"build", "-o", path}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "tokenkeeper/"+room)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the %s: %w\n%s", room, err, out)
	}
	return path, nil
}

// Environment is what a worker of this stack is configured with; further
// variables override it.
func (s *System) Environment(further ...string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "TEMPORAL_") && !strings.HasPrefix(v, "TOKENKEEPER_") {
			env = append(env, v)
		}
	}
	env = append(env,
		"TEMPORAL_ADDRESS="+s.Temporal.Address(),
		"TEMPORAL_CONFIG_FILE="+os.DevNull,
		"KEY_VAULT_URL="+s.Vault.URL(),
		"TOKENKEEPER_AZURE_CREDENTIAL=emulator",
		"TOKENKEEPER_ALLOW_EMULATOR=true",
		"TOKENKEEPER_KEY_VAULT_CA_FILE="+s.certificateFile(),
		"TOKENKEEPER_PROVIDERS="+s.providersFile(),
		"TOKENKEEPER_TASK_QUEUE="+s.options.TaskQueue,
		"TOKENKEEPER_LOG_FORMAT=json",
	)
	return append(env, further...)
}

// StartWorker runs one more worker and waits until it says that it is ready.
// What it prints is copied to tee where that is not nil.
func (s *System) StartWorker(ctx context.Context, tee io.Writer, further ...string) (*Worker, error) {
	w, err := s.LaunchWorker(tee, further...)
	if err != nil {
		return nil, err
	}
	return w, w.Ready(ctx)
}

// LaunchWorker runs one more worker and does not wait for it.
func (s *System) LaunchWorker(tee io.Writer, further ...string) (*Worker, error) {
	port, err := process.FreePort()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	env := s.Environment(append([]string{"TOKENKEEPER_HTTP_ADDRESS=" + address}, further...)...)
	p, err := process.Run("worker", s.options.WorkerBinary, nil, env, tee)
	if err != nil {
		return nil, err
	}
	w := &Worker{Process: p, HTTP: "http://" + address}
	s.workers = append(s.workers, w)
	return w, nil
}

// Ready waits until the worker says that it is ready to work.
func (w *Worker) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		if answer, err := http.Get(w.HTTP + "/readyz"); err == nil {
			_ = answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-w.Ended():
			return fmt.Errorf("the worker ended at once:\n%s", w.Output())
		case <-ctx.Done():
			return fmt.Errorf("the worker does not get ready: %w\n%s", ctx.Err(), w.Output())
		case <-time.After(50 * time.Millisecond):
		}
	}
}
