package temporal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"

	"tokenkeeper/internal/testenv/process"
)

const databaseUser = "temporal"

// Postgres is a PostgreSQL server on a data folder of its own, which only
// programs of this machine reach. PostgreSQL refuses to be run by root, in whose
// place it runs as an ordinary user.
type Postgres struct {
	bin, dir string
	port     int
	as       *syscall.Credential
	log      *os.File
	process  *process.Process
}

// FindPostgres is the folder of PostgreSQL's programs, which Debian's packages
// keep off PATH; the newest of theirs where PATH has none.
func FindPostgres() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		// Often a link, with the other programs beside what it links to.
		if path, err = filepath.EvalSymlinks(path); err == nil && hasPrograms(filepath.Dir(path)) {
			return filepath.Dir(path), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Sort(found)
	for _, folder := range slices.Backward(found) {
		if hasPrograms(folder) {
			return folder, nil
		}
	}
	return "", errors.New("there is no PostgreSQL; install it, on Debian: apt-get install postgresql")
}

// hasPrograms reports whether a folder has every program that is needed.
func hasPrograms(folder string) bool {
	for _, program := range []string{"initdb", "postgres", "pg_isready"} {
		if _, err := os.Stat(filepath.Join(folder, program)); err != nil {
			return false
		}
	}
	return true
}

// startPostgres makes a database and runs it; its log goes into logs.
func startPostgres(ctx context.Context, bin, logs string) (p *Postgres, err error) {
	p = &Postgres{bin: bin}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start PostgreSQL: %w", err), p.Stop())
		}
	}()
	if p.as, err = ordinaryUser(); err != nil {
		return p, err
	}
	if p.log, err = os.OpenFile(filepath.Join(logs, "postgres.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return p, err
	}
	// Not in a folder of the caller's, which another user may not enter.
	if p.dir, err = os.MkdirTemp("", "tokenkeeper-pg-"); err != nil {
		return p, err
	}
	if p.as != nil {
		if err = os.Chown(p.dir, int(p.as.Uid), int(p.as.Gid)); err != nil {
			return p, err
		}
	}
	initdb, err := process.RunAs(p.as, "initdb", filepath.Join(bin, "initdb"),
		[]string{"-D", p.data(), "-U", databaseUser, "-A", "trust", "-N", "-E", "UTF8", "--locale", "C"}, os.Environ(), p.log)
	if err != nil {
		return p, err
	}
	<-initdb.Ended()
	if initdb.ExitCode() != 0 {
		return p, fmt.Errorf("initdb: %s", initdb.Output())
	}
	ports, err := process.FreePorts(1)
	if err != nil {
		return p, err
	}
	p.port = ports[0]
	return p, p.Restart(ctx)
}

// Folder is where the server keeps all of its files.
func (p *Postgres) Folder() string { return p.dir }

func (p *Postgres) data() string { return filepath.Join(p.dir, "data") }

// Restart runs the server on its data folder again. One that ends at once is run
// again: what is left of a killed one may still hold its memory.
func (p *Postgres) Restart(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, process.ReadyWithin)
	defer cancel()
	for {
		p.process, err = process.RunAs(p.as, "postgres", filepath.Join(p.bin, "postgres"),
			[]string{"-D", p.data(), "-k", p.dir, "-p", strconv.Itoa(p.port), "-c", "listen_addresses=127.0.0.1"}, os.Environ(), p.log)
		if err == nil {
			err = p.process.Await(ctx, p.answers)
		}
		if !errors.Is(err, process.ErrEnded) || ctx.Err() != nil {
			return err
		}
	}
}

// answers asks the server whether it takes connections.
func (p *Postgres) answers(ctx context.Context) error {
	return exec.CommandContext(ctx, filepath.Join(p.bin, "pg_isready"), "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(p.port)).Run()
}

// Kill ends the server with SIGKILL; Restart has it recover from its log.
func (p *Postgres) Kill() { p.process.Kill() }

// Stop ends the server and removes its data.
func (p *Postgres) Stop() error {
	var err error
	if p.process != nil {
		_ = p.process.Signal(os.Interrupt) // its fast shutdown: it waits for no client
		err = p.process.Stop(process.StopWithin)
	}
	if p.log != nil {
		_ = p.log.Close()
	}
	if p.dir != "" {
		err = errors.Join(err, os.RemoveAll(p.dir))
	}
	return err
}

// ordinaryUser is the user to run PostgreSQL as: nil for the current one, and
// another one where that is root.
func ordinaryUser() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUser := strconv.ParseUint(found.Uid, 10, 32)
		gid, errGroup := strconv.ParseUint(found.Gid, 10, 32)
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(errUser, errGroup)
	}
	return nil, errors.New("PostgreSQL refuses root, and there is neither a user postgres nor nobody")
}
