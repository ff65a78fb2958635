// Package lowkey runs Lowkey Vault, an emulator of Azure Key Vault that others
// wrote (github.com/nagyesta/lowkey-vault), so that what holds with our own
// stand-in can be shown to hold with one that does not share our mistakes.
//
// [Start] runs its jar as the container image does: java -jar, and Spring's
// arguments. [ForTest] is for tests, which are skipped where there is none.
package lowkey

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"tokenkeeper/internal/sim/keyvault"
)

// APIVersion of Key Vault that Lowkey Vault speaks; it refuses others.
const APIVersion = "2025-07-01"

const (
	startWithin = 2 * time.Minute
	stopWithin  = 10 * time.Second
)

// Server is a running Lowkey Vault. It takes any bearer token.
type Server struct {
	// URL is what a client on this machine puts into KEY_VAULT_URL.
	URL string
	// CertificatePEM is the certificate that clients must trust.
	CertificatePEM []byte

	stop  context.CancelFunc
	ended <-chan struct{}
}

// Start runs the jar on free ports until Stop and waits until it answers. What
// it prints goes to output.
func Start(ctx context.Context, java, jar string, output io.Writer) (*Server, error) {
	port, tokenPort, err := freePorts()
	if err != nil {
		return nil, fmt.Errorf("start Lowkey Vault: %w", err)
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	// The second port gives tokens as a managed identity's endpoint does; nobody
	// asks, but its default, 8080, may be taken.
	cmd := exec.CommandContext(running, java, "-jar", jar,
		"--server.port="+strconv.Itoa(port), "--app.token.port="+strconv.Itoa(tokenPort))
	cmd.Stdout, cmd.Stderr = output, output
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = stopWithin
	if err := cmd.Start(); err != nil {
		stop()
		return nil, fmt.Errorf("start Lowkey Vault: %w", err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer stop()
		_ = cmd.Wait() // that it ends before Stop shows in the calls that fail
	}()
	s := &Server{URL: "https://localhost:" + strconv.Itoa(port), stop: stop, ended: ended}

	ready, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	defer context.AfterFunc(running, cancel)()
	if s.CertificatePEM, err = keyvault.PresentedCertificate(ready, s.URL); err != nil {
		if running.Err() != nil {
			err = errors.New("it ended at once")
		}
		s.Stop()
		return nil, fmt.Errorf("start Lowkey Vault: %w", err)
	}
	return s, nil
}

// Stop ends the process with SIGTERM, and kills it where that is not enough.
func (s *Server) Stop() {
	s.stop()
	<-s.ended
}

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
