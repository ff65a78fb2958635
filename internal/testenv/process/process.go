// Package process runs the programs that the test environment consists of:
// started on free ports, waited for until they are ready, and stopped.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// The deadlines of everything that is started and stopped. They bound what hangs,
// so they are far above what a machine takes whose cores are all loaded.
const (
	ReadyWithin = 5 * time.Minute
	StopWithin  = 2 * time.Minute

	pollEvery     = 50 * time.Millisecond
	attemptWithin = 20 * time.Second
)

// ErrEnded: the process ended before it was ready.
var ErrEnded = errors.New("it ended before it was ready")

// Process is a program that was started here, and that only its own methods end.
type Process struct {
	name  string
	cmd   *exec.Cmd
	ended chan struct{}

	mu     sync.Mutex
	output bytes.Buffer
}

// Ports below those that the system gives to outgoing connections (32768 and up on Linux,
// 49152 and up on others): one of these could take a free port before its server does.
const (
	firstPort = 15_000
	lastPort  = 32_000
)

// FreePorts returns ports of 127.0.0.1 that are free at this moment.
func FreePorts(count int) ([]int, error) {
	var ports []int
	var err error
	for tries := 0; len(ports) < count; tries++ {
		if tries > 100+count {
			return nil, fmt.Errorf("find a free port from %d to %d: %w", firstPort, lastPort, err)
		}
		var l net.Listener
		if l, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(firstPort+rand.IntN(lastPort-firstPort)))); err != nil {
			continue
		}
		defer func() { _ = l.Close() }() // when all are found, so that none comes twice
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

// Run starts a program. What it prints is kept for Output and copied to tee where
// that is not nil. Its name is for errors.
func Run(name, path string, args, env []string, tee io.Writer) (*Process, error) {
	return RunAs(nil, name, path, args, env, tee)
}

// RunAs is Run as another user, which only root may do; nil is the current user.
func RunAs(user *syscall.Credential, name, path string, args, env []string, tee io.Writer) (*Process, error) {
	p := &Process{name: name, cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Env = env
	out := io.Writer(&lockedWriter{p: p})
	if tee != nil {
		out = io.MultiWriter(out, tee)
	}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = attributes()
	p.cmd.SysProcAttr.Credential = user
	if user != nil {
		p.cmd.Dir = "/" // that user may be barred from the working directory
	}
	p.cmd.WaitDelay = time.Second
	started := make(chan error)
	go func() {
		// On Linux a child is ended with the thread that started it, so that
		// thread has to live for as long as the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = p.cmd.Wait() // how it ended is in ProcessState
		close(p.ended)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return p, nil
}

// lockedWriter writes into a process's buffer.
type lockedWriter struct{ p *Process }

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.p.mu.Lock()
	defer l.p.mu.Unlock()
	return l.p.output.Write(b)
}

// Await calls ready until it returns nil. It fails when the process has ended
// (ErrEnded), when the context ends, or after ReadyWithin, in each case with what
// the process printed. The context that ready is given bounds one call.
func (p *Process) Await(ctx context.Context, ready func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, ReadyWithin)
	defer cancel()
	go func() {
		select {
		case <-p.ended:
			cancel()
		case <-ctx.Done():
		}
	}()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	for {
		attempt, end := context.WithTimeout(ctx, attemptWithin)
		err := ready(attempt)
		end()
		if err == nil {
			return nil
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			select {
			case <-p.ended:
				return fmt.Errorf("start %s: %w:\n%s", p.name, ErrEnded, p.Output())
			default:
				return fmt.Errorf("start %s: not ready: %w: %w\n%s", p.name, ctx.Err(), err, p.Output())
			}
		}
	}
}

// PID is the operating system's id of the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Output is what the process has printed so far.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// Ended is closed when the process is gone.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// ExitCode is the code that the process ended with: -1 where a signal ended it,
// or where it still runs.
func (p *Process) ExitCode() int {
	select {
	case <-p.ended:
		return p.cmd.ProcessState.ExitCode()
	default:
		return -1
	}
}

// Kill ends the process with SIGKILL and waits until it is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Signal sends a signal and does not wait.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Stop asks the process to end with SIGTERM, and kills it where it has not ended
// within the given time.
func (p *Process) Stop(within time.Duration) error {
	if err := p.Signal(syscall.SIGTERM); errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(within):
		p.Kill()
		return fmt.Errorf("%s did not end within %s of SIGTERM and was killed", p.name, within)
	}
}
