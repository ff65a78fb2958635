package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/durationpb"

	"tokenkeeper/internal/testenv"
	"tokenkeeper/internal/testenv/temporal"
)

// shared is the environment of all tests of this package.
var shared testenv.Shared

func TestMain(m *testing.M) {
	testscript.Main(calledStarter{shared.Around(m)}, map[string]func(){"starter": main})
}

// calledStarter runs tests in a process that is called as the program is: messages name the
// program as the operator has called it.
type calledStarter struct{ testenv.Runner }

func (c calledStarter) Run() int {
	os.Args[0] = "starter"
	return c.Runner.Run()
}

// The scripts in testdata read like a terminal session: starter and temporal are
// processes of their own, against one real server. Each script has a namespace
// to itself, and a worker with stand-ins for the workflow where it says worker.
//
// Beyond testscript's own commands there are:
//
//	worker                      listens from here on
//	searchable                  the namespace has the search attributes
//	exits CODE command...       runs it and wants this exit code
//	eventually REGEXP command...  runs it again until its output matches
//	inert FILE...               wants printable text that forges no line
//
// and those of outside_test.go, for scripts with a vault and providers.
func TestScripts(t *testing.T) {
	server := shared.Temporal(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			namespace := filepath.Base(env.WorkDir)
			env.Setenv("TEMPORAL_ADDRESS", server.Address())
			env.Setenv("TEMPORAL_NAMESPACE", namespace)
			env.Setenv("TOKENKEEPER_WEB_UI", "http://web.test")
			env.Setenv("HOSTILE", "FAKE\x1b[31m\u202eX")
			env.Setenv("PATH", env.Getenv("PATH")+string(filepath.ListSeparator)+filepath.Dir(server.CLI()))
			env.Values[outsideKey{}] = &outsides{}
			return createNamespace(t.Context(), server, namespace)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"worker": func(ts *testscript.TestScript, _ bool, _ []string) {
				c, err := client.Dial(client.Options{HostPort: server.Address(), Namespace: ts.Getenv("TEMPORAL_NAMESPACE"), Logger: quiet{}})
				ts.Check(err)
				w := newStandIn(c)
				ts.Check(w.Start())
				ts.Defer(func() {
					w.Stop()
					c.Close()
				})
			},
			"searchable": func(ts *testscript.TestScript, _ bool, _ []string) {
				ts.Check(addAttributes(t.Context(), server, ts.Getenv("TEMPORAL_NAMESPACE")))
			},
			"exits":          exits,
			"eventually":     eventually,
			"outside":        surround,
			"browser":        browserCommand,
			"vault-fails":    vaultFails,
			"live":           live,
			"same":           same,
			"disabled":       disabled,
			"provider-fails": providerFails,
			"provider-holds": providerHolds,
			"held":           held,
			"grant":          grantCommand,
			"put":            putCommand,
			"intent":         intentCommand,
			"second-vault":   secondVault,
			"listed":         listedCommand,
			"sealed":         sealed,
			"no-secret":      noSecretIn,
			"inert":          inertIn,
		},
	})
}

// exits runs a command and wants the given exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var ended *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &ended) {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// patience is how long a test waits for what has to come on a machine whose cores are loaded.
const patience = 2 * time.Minute

// eventually runs a command again and again until what it prints matches.
func eventually(ts *testscript.TestScript, _ bool, args []string) {
	want := regexp.MustCompile(args[0])
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Millisecond) {
		_ = ts.Exec(args[1], args[2:]...) // the exit code comes and goes as well
		if want.MatchString(ts.ReadFile("stdout")) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s never printed %s", strings.Join(args[1:], " "), want)
		}
	}
}

// createNamespace makes a namespace and waits until all of the server knows it.
func createNamespace(ctx context.Context, server *temporal.Server, name string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	namespaces, err := client.NewNamespaceClient(client.Options{HostPort: server.Address(), Logger: quiet{}})
	if err != nil {
		return err
	}
	defer namespaces.Close()
	err = namespaces.Register(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: name, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	if err != nil {
		return err
	}
	c, err := client.Dial(client.Options{HostPort: server.Address(), Namespace: name, Logger: quiet{}})
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		_, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{})
		if err == nil || ctx.Err() != nil {
			return err
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// addAttributes gives a namespace the search attributes, as a worker does.
func addAttributes(ctx context.Context, server *temporal.Server, namespace string) error {
	c, err := client.Dial(client.Options{HostPort: server.Address(), Namespace: namespace, Logger: quiet{}})
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{Namespace: namespace, SearchAttributes: temporal.SearchAttributes()})
	return err
}

// quiet is a logger for clients that have nothing to say to a test.
type quiet struct{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
