package temporal

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"tokenkeeper/internal/testenv/process"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
)

// Server is a Temporal server as a process of its own, on a database that
// survives its being killed. StartTemporal makes one that is a development
// server with its Web UI.
type Server struct {
	cli      string
	database string
	log      *os.File
	port     int
	uiPort   int
	program  string
	args     []string
	process  *process.Process
}

// SearchAttributes are what an operator registers once per namespace; each is a
// Keyword.
func SearchAttributes() []string { return []string{"TokenAccount", "TokenProvider", "TokenHealth"} }

// StartTemporal runs a development server that keeps its database and its log in
// dir. Port 0 means a free one; the Web UI gets the next free one.
func StartTemporal(ctx context.Context, cli, dir string, port, uiPort int) (*Server, error) {
	t := &Server{cli: cli, database: filepath.Join(dir, "temporal.db"), port: port, uiPort: uiPort, program: cli}
	var err error
	if t.port == 0 {
		if t.port, err = process.FreePort(); err != nil {
			return nil, err
		}
	}
	if t.uiPort == 0 {
		if t.uiPort, err = process.FreePort(); err != nil {
			return nil, err
		}
	}
	t.args = []string{"server", "start-dev", "--ip", "127.0.0.1",
		"--port", strconv.Itoa(t.port), "--ui-port", strconv.Itoa(t.uiPort),
		"--db-filename", t.database, "--log-level", "warn"}
	for _, a := range SearchAttributes() {
		t.args = append(t.args, "--search-attribute", a+"=Keyword")
	}
	if err := t.openLog(dir); err != nil {
		return nil, err
	}
	return t, t.Restart(ctx)
}

// StartProgram runs another program that serves Temporal at a port of this
// machine, and keeps its log in dir. The CLI is for those who talk to it. It has
// no Web UI.
func StartProgram(ctx context.Context, cli, dir string, port int, program string, args ...string) (*Server, error) {
	t := &Server{cli: cli, port: port, program: program, args: args}
	if err := t.openLog(dir); err != nil {
		return nil, err
	}
	return t, t.Restart(ctx)
}

func (t *Server) openLog(dir string) (err error) {
	t.log, err = os.OpenFile(filepath.Join(dir, "temporal.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	return err
}

// Restart starts the server again on the same database and ports.
func (t *Server) Restart(ctx context.Context) error {
	var err error
	t.process, err = process.Run("temporal", t.program, t.args, os.Environ(), t.log)
	if err != nil {
		return err
	}
	return t.ready(ctx)
}

// ready waits until the server answers for the default namespace.
func (t *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		c, err := t.Dial()
		if err == nil {
			_, err = c.CheckHealth(ctx, &client.CheckHealthRequest{})
			c.Close()
		}
		if err == nil {
			return nil
		}
		select {
		case <-t.process.Ended():
			return fmt.Errorf("the Temporal server ended at once: %s", t.process.Output())
		case <-ctx.Done():
			return fmt.Errorf("the Temporal server at %s does not get ready: %w", t.Address(), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// Dial connects a client that does not log.
func (t *Server) Dial() (client.Client, error) {
	return client.Dial(client.Options{HostPort: t.Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler))})
}

// CLI is the path of the Temporal CLI that runs this server.
func (t *Server) CLI() string { return t.cli }

// Address is the server's host and port for gRPC.
func (t *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(t.port)) }

// WebUI is the base URL of the Web UI.
func (t *Server) WebUI() string { return "http://localhost:" + strconv.Itoa(t.uiPort) }

// Database is the path of the file that holds everything the server knows.
func (t *Server) Database() string { return t.database }

// Kill ends the server with SIGKILL; Restart brings it back.
func (t *Server) Kill() { t.process.Kill() }

// Stop ends the server and closes its log.
func (t *Server) Stop() error {
	defer func() { _ = t.log.Close() }()
	if t.process == nil {
		return nil // it never started
	}
	return t.process.Stop(10 * time.Second)
}
