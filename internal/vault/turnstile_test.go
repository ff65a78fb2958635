package vault_test

import (
	"runtime"

	"tokenkeeper/internal/vault"
)

// turnstile lets one writer at a time do one call to the vault, chosen by the
// test: a deterministic scheduler. Its before and after are memvault's hooks.
type turnstile struct{ running *writer }

// writer is a goroutine that waits before each of its calls.
type writer struct {
	pass    chan permission
	waiting chan bool // true: before a call; false: it has ended
	ended   bool
	losing  bool
}

type permission int

const (
	proceed permission = iota
	fail               // the call has no effect and fails
	lose               // the call takes effect and its answer is lost
	crash              // the process dies before the call
)

// start runs work up to its first call.
func (s *turnstile) start(work func()) *writer {
	w := &writer{pass: make(chan permission), waiting: make(chan bool)}
	s.running = w
	go func() {
		defer func() { w.waiting <- false }()
		work()
	}()
	s.await(w)
	return w
}

// step gives a writer permission for its next call and waits until it is before
// the one after that, or has ended.
func (s *turnstile) step(w *writer, p permission) {
	s.running = w
	w.pass <- p
	s.await(w)
}

func (s *turnstile) await(w *writer) {
	w.ended = !<-w.waiting
	s.running = nil
}

// before stops the running writer until it gets permission; the test's own calls pass.
func (s *turnstile) before(op, name string) error {
	w := s.running
	if w == nil {
		return nil
	}
	w.waiting <- true
	switch <-w.pass {
	case crash:
		runtime.Goexit()
	case fail:
		return &vault.Error{Op: op, Name: name, Kind: vault.ErrUnavailable}
	case lose:
		w.losing = true
	}
	return nil
}

func (s *turnstile) after(op, name string) error {
	if w := s.running; w != nil && w.losing {
		w.losing = false
		return &vault.Error{Op: op, Name: name, Kind: vault.ErrUnavailable}
	}
	return nil
}
