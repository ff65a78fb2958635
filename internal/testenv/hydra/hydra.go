// Package hydra runs Ory Hydra (github.com/ory/hydra), an OAuth 2.0 server that
// others wrote, so that what holds with our own stand-in of a provider can be
// shown to hold with one that does not share our mistakes.
//
// The program is Hydra's own, unmodified: [Build] compiles it from the nested
// module in server/, [Start] runs it as a process of its own on SQLite. So it is
// Hydra that decides when a refresh token rotates, what counts as reuse and what
// reuse costs. Only the pages on which people log in and consent are left to whoever
// runs it; [Server.Visit] is those and the person before them.
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
	"time"

	"tokenkeeper/internal/testenv/process"
)

// TokenPrefix begins every token and authorization code of Hydra's.
const TokenPrefix = "ory_"

const (
	readyWithin = time.Minute
	stopWithin  = 10 * time.Second
)

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
	// Public is the base URL for clients and people, Admin that for whoever runs it.
	Public, Admin string

	process *process.Process
	client  *http.Client // as whoever runs it
}

// Start makes a database, runs Hydra on free ports of this machine until Stop, and
// waits until it is ready.
func Start(ctx context.Context, o Options) (*Server, error) {
	public, admin, err := freePorts()
	if err != nil {
		return nil, fmt.Errorf("start Hydra: %w", err)
	}
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
	s.process, err = process.Run("hydra", o.Binary, []string{"serve", "all", "--dev", "--config", file}, os.Environ(), nil)
	if err != nil {
		return nil, err
	}
	if err := s.ready(ctx); err != nil {
		s.process.Kill()
		return nil, err
	}
	return s, nil
}

func base(port int) string { return "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// configuration is Hydra's, as in its configuration reference. It reports nothing
// to its makers.
func (s *Server) configuration(o Options, public, admin int) []byte {
	type object = map[string]any
	content, _ := json.Marshal(object{ // strings, numbers and truths always marshal
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

// ready waits until Hydra says that it is.
func (s *Server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	for {
		err := s.admin(ctx, http.MethodGet, "/health/ready", nil, nil)
		if err == nil {
			return nil
		}
		select {
		case <-s.process.Ended():
			return fmt.Errorf("start Hydra: it ended at once:\n%s", s.process.Output())
		case <-ctx.Done():
			return fmt.Errorf("start Hydra: it does not get ready: %w\n%s", err, s.process.Output())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Stop ends the process.
func (s *Server) Stop() error { return s.process.Stop(stopWithin) }

// freePorts asks the system for two ports that nobody listens on.
func freePorts() (first, second int, err error) {
	var ports [2]int
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, 0, err
		}
		defer func() { _ = l.Close() }()
		ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	return ports[0], ports[1], nil
}
