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

	"tokenkeeper/internal/testenv/process"
)

// Worker is a worker process.
type Worker struct {
	*process.Process
	// HTTP is the base URL of its health and metrics endpoints.
	HTTP string
}

// BuildWorker compiles the worker into dir and returns the program's path.
// Further flags, such as "-race", go to go build.
func BuildWorker(ctx context.Context, dir string, flags ...string) (string, error) {
	path := filepath.Join(dir, "worker")
	args := append([]string{"build", "-o", path}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "tokenkeeper/worker")...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the worker: %w\n%s", err, out)
	}
	return path, nil
}

// Environment is what a worker of this system is configured with; further
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

// StartWorker runs one more worker and waits until it is ready.
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
	ports, err := process.FreePorts(1)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0]))
	env := s.Environment(append([]string{"TOKENKEEPER_HTTP_ADDRESS=" + address}, further...)...)
	p, err := process.Run("the worker", s.options.WorkerBinary, nil, env, tee)
	if err != nil {
		return nil, err
	}
	w := &Worker{Process: p, HTTP: "http://" + address}
	s.workers = append(s.workers, w)
	return w, nil
}

// Ready waits until the worker reports that it is ready to work.
func (w *Worker) Ready(ctx context.Context) error {
	return w.Await(ctx, func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, w.HTTP+"/readyz", nil)
		if err != nil {
			return err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return err
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("/readyz answers %s", answer.Status)
		}
		return nil
	})
}
