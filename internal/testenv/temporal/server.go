package temporal

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"tokenkeeper/internal/testenv/process"
)

// Server is a Temporal server as a process of its own, on a database that
// survives a kill of the process.
type Server struct {
	cli      string
	database string // the development server's
	port     int
	uiPort   int
	profiles int // 0 for none
	program  string
	args     []string
	log      *os.File
	process  *process.Process
}

// SearchAttributes are what an operator registers once per namespace, with their types.
func SearchAttributes() map[string]enumspb.IndexedValueType {
	return map[string]enumspb.IndexedValueType{
		"TokenAccount":     enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"TokenProvider":    enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"TokenHealth":      enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"TokenConsentEnds": enumspb.INDEXED_VALUE_TYPE_DATETIME,
		"TokenUser":        enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	}
}

// StartTemporal runs a development server with its Web UI, which keeps its database
// and its log in dir. Port 0 means a free one.
func StartTemporal(ctx context.Context, cli, dir string, port, uiPort int) (*Server, error) {
	free, err := process.FreePorts(2)
	if err != nil {
		return nil, err
	}
	t := &Server{cli: cli, program: cli, database: filepath.Join(dir, "temporal.db"), port: cmp.Or(port, free[0]), uiPort: cmp.Or(uiPort, free[1])}
	t.args = []string{"server", "start-dev", "--ip", "127.0.0.1",
		"--port", strconv.Itoa(t.port), "--ui-port", strconv.Itoa(t.uiPort),
		"--db-filename", t.database, "--log-level", "warn"}
	for name, kind := range SearchAttributes() {
		t.args = append(t.args, "--search-attribute", name+"="+kind.String())
	}
	return t, t.start(ctx, dir)
}

// start runs the program for the first time and keeps its log in dir.
func (t *Server) start(ctx context.Context, dir string) (err error) {
	if t.log, err = os.OpenFile(filepath.Join(dir, "temporal.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	return t.Restart(ctx)
}

// Restart runs the server again, on the same database and ports, and waits until
// it answers for the default namespace.
func (t *Server) Restart(ctx context.Context) (err error) {
	if t.process, err = process.Run("the Temporal server", t.program, t.args, os.Environ(), t.log); err != nil {
		return err
	}
	return t.process.Await(ctx, func(ctx context.Context) error {
		c, err := client.DialContext(ctx, t.clientOptions())
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.CheckHealth(ctx, &client.CheckHealthRequest{})
		return err
	})
}

// Dial connects a client that does not log.
func (t *Server) Dial() (client.Client, error) { return client.Dial(t.clientOptions()) }

func (t *Server) clientOptions() client.Options {
	return client.Options{
		HostPort: t.Address(), Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
		ConnectionOptions: client.ConnectionOptions{DialOptions: []grpc.DialOption{grpc.WithUnaryInterceptor(retryNamespace)}},
	}
}

// retryNamespace repeats a call for some seconds where the server does not know the
// namespace: the development server, on a busy machine, says so for a moment of one that
// it has had from its start.
func retryNamespace(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	for deadline := time.Now().Add(10 * time.Second); ; {
		err := invoke(ctx, method, request, reply, conn, options...)
		if _, unknown := errors.AsType[*serviceerror.NamespaceNotFound](serviceerror.FromStatus(status.Convert(err))); !unknown || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// CLI is the path of the Temporal CLI that fits this server.
func (t *Server) CLI() string { return t.cli }

// Address is the server's host and port for gRPC.
func (t *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(t.port)) }

// WebUI is the base URL of the development server's Web UI.
func (t *Server) WebUI() string { return "http://localhost:" + strconv.Itoa(t.uiPort) }

// Profiles is the base URL of the server's pprof pages; empty for the development server,
// which serves none.
func (t *Server) Profiles() string {
	if t.profiles == 0 {
		return ""
	}
	return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(t.profiles)) + "/debug/pprof"
}

// Database is the path of the file that holds the development server's content.
func (t *Server) Database() string { return t.database }

// Kill ends the server with SIGKILL; Restart brings it back.
func (t *Server) Kill() { t.process.Kill() }

// Freeze halts the server with SIGSTOP, so that its connections stay open and nothing
// is answered; Thaw lets it go on.
func (t *Server) Freeze() error { return t.process.Signal(syscall.SIGSTOP) }

// Thaw ends what Freeze began.
func (t *Server) Thaw() error { return t.process.Signal(syscall.SIGCONT) }

// Stop ends the server and closes its log.
func (t *Server) Stop() error {
	defer func() { _ = t.log.Close() }()
	if t.process == nil {
		return nil // it never started
	}
	return t.process.Stop(process.StopWithin)
}
