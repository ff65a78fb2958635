// Package hydra runs Ory Hydra (github.com/ory/hydra), an independent OAuth 2.0
// server, so that what holds with the simulator of a provider can be shown to hold
// with a server that does not share the simulator's mistakes.
//
// The program is Hydra's own, unmodified: [Build] compiles it from the nested
// module in server/, [Start] runs it as a process of its own on SQLite. So it is
// Hydra that decides when a refresh token rotates, what counts as reuse and what
// reuse costs. Only the pages on which users log in and consent are left to its
// operator; [Server.Visit] is those and the user before them.
package hydra

import (
	"context"
	"encoding/json"
	"fmt"
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

// TokenPrefix begins every token and authorization code of Hydra's.
const TokenPrefix = "ory_"

// Build compiles Hydra from the nested module beside this package into .bin/ of
// the project and returns the program's path. The first time takes a minute on
// two cores; a program that is up to date stays as it is.
func Build(ctx context.Context) (string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-f", "{{.Module.Dir}}\n{{.Dir}}", "tokenkeeper/internal/testenv/hydra")
	found, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("build Hydra: find its module: %w", err)
	}
	root, here, _ := strings.Cut(strings.TrimSpace(string(found)), "\n")
	path := filepath.Join(root, ".bin", "hydra")
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", "sqlite", "-o", path, "github.com/ory/hydra/v2")
	cmd.Dir = filepath.Join(here, "server")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1") // for SQLite
	if printed, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build Hydra: %w\n%s", err, printed)
	}
	return path, nil
}

// Options say how to run it. Binary and Dir are required.
type Options struct {
	// Binary is the program; see Build.
	Binary string
	// Dir keeps the database and the configuration.
	Dir string
	// Grace is how long a spent refresh token is still answered, with another new
	// pair each time; at most five minutes. Zero: it never is, and presenting one
	// ends the whole grant.
	Grace time.Duration
}

// Server is a running Hydra.
type Server struct {
	// Public is the base URL for clients and users, Admin that for its operator.
	Public, Admin string

	process *process.Process
	client  *http.Client
}

// Start makes a database, runs Hydra on free ports of this machine until Stop, and
// waits until it is ready.
func Start(ctx context.Context, o Options) (*Server, error) {
	ports, err := process.FreePorts(2)
	if err != nil {
		return nil, fmt.Errorf("start Hydra: %w", err)
	}
	public, admin := ports[0], ports[1]
	s := &Server{Public: base(public), Admin: base(admin), client: &http.Client{}}
	file := filepath.Join(o.Dir, "hydra.json")
	if err := os.WriteFile(file, s.configuration(o, public, admin), 0o600); err != nil {
		return nil, fmt.Errorf("start Hydra: %w", err)
	}
	migrate := exec.CommandContext(ctx, o.Binary, "migrate", "sql", "--read-from-env", "--yes", "--config", file)
	if printed, err := migrate.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("make Hydra's database: %w\n%s", err, printed)
	}
	// Without --dev it takes no plain http, not even on this machine.
	s.process, err = process.Run("Hydra", o.Binary, []string{"serve", "all", "--dev", "--config", file}, os.Environ(), nil)
	if err != nil {
		return nil, err
	}
	err = s.process.Await(ctx, func(ctx context.Context) error {
		return s.callAdmin(ctx, http.MethodGet, "/health/ready", nil, nil)
	})
	if err != nil {
		s.process.Kill()
		return nil, err
	}
	return s, nil
}

func base(port int) string { return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// configuration is Hydra's, as in its configuration reference, with its reports to
// Ory turned off.
func (s *Server) configuration(o Options, public, admin int) []byte {
	type object = map[string]any
	content, _ := json.Marshal(object{ // strings, numbers and booleans always marshal
		"dsn": "sqlite://" + filepath.Join(o.Dir, "hydra.db") + "?_fk=true&_busy_timeout=10000",
		"serve": object{
			"public": object{"host": "127.0.0.1", "port": public},
			"admin":  object{"host": "127.0.0.1", "port": admin},
		},
		"urls": object{
			"self":    object{"issuer": s.Public},
			"login":   s.Public + loginPage,
			"consent": s.Public + consentPage,
		},
		"secrets": object{"system": []string{"fake-secret-of-a-hydra-for-tests"}},
		"oauth2": object{
			"pkce":  object{"enforced": true},
			"grant": object{"refresh_token": object{"rotation_grace_period": o.Grace.String()}},
		},
		"log": object{"level": "warn"},
		"sqa": object{"opt_out": true},
	})
	return content
}

// Stop ends the process.
func (s *Server) Stop() error { return s.process.Stop(process.StopWithin) }
