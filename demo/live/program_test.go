package live_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/demo/live"
	"tokenkeeper/demo/system"
	"tokenkeeper/internal/token"
)

// terminal takes the program's output and gives it keys.
type terminal struct {
	keys  *io.PipeWriter
	ended chan error

	mu    sync.Mutex
	shown bytes.Buffer
}

func (s *terminal) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.Write(b)
}

func (s *terminal) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

func (s *terminal) press(t *testing.T, key string) {
	t.Helper()
	_, err := io.WriteString(s.keys, key)
	require.NoError(t, err)
}

// ends waits until Show returns.
func (s *terminal) ends(t *testing.T) {
	t.Helper()
	select {
	case err := <-s.ended:
		require.NoError(t, err)
	case <-time.After(2 * time.Minute):
		require.FailNow(t, "the program does not end", s.text())
	}
}

// shows waits for texts, in this order.
func (s *terminal) shows(t *testing.T, texts ...string) {
	t.Helper()
	require.Eventually(t, func() bool {
		rest := s.text()
		for _, text := range texts {
			_, after, found := strings.Cut(rest, text)
			if !found {
				return false
			}
			rest = after
		}
		return true
	}, 2*time.Minute, 10*time.Millisecond, "%q", texts)
}

func show(t *testing.T, ctx context.Context, p live.Program) *terminal {
	t.Helper()
	in, keys := io.Pipe()
	s := &terminal{keys: keys, ended: make(chan error, 1)}
	go func() { s.ended <- p.Show(ctx, in, s) }()
	t.Cleanup(func() { _ = keys.Close() })
	return s
}

func look(s system.Snapshot) func(context.Context) system.Snapshot {
	return func(context.Context) system.Snapshot { return s }
}

var healthy = system.Snapshot{
	Audit: system.Audit{Generation: 7, Fingerprint: token.Fingerprint("0123456789abcdef"), Consented: true, Live: true},
	Parts: []system.Part{
		{Name: "vault", Where: "https://127.0.0.1:1", Up: true},
		{Name: "worker", Up: false},
	},
	Runs: []system.Run{
		{ID: "2", Began: time.Now(), Ended: time.Now().Add(time.Second), Outcome: "refreshed", Generation: 7, Retries: 1, Troubles: []string{"CallFitbit: reset"}},
	},
	Refreshes: 7,
}

// act says that it begins, and plays until end receives.
func act(title string, end chan bool) live.Act {
	return live.Act{Title: title, Saved: "the history", Play: func(ctx context.Context, say func(string)) (string, bool, error) {
		say(title + " begins")
		select {
		case <-end:
			return "nothing lost by " + title, true, nil
		case <-ctx.Done():
			return "", false, ctx.Err()
		}
	}}
}

func TestTheViewShowsWhatIs(t *testing.T) {
	s := show(t, t.Context(), live.Program{Look: look(healthy), Intro: []string{"$ temporal workflow start"}, Acts: []live.Act{act("one", nil)}})
	s.shows(t,
		"refreshes 7", "tokens lost 0",
		"● up", "vault     https://127.0.0.1:1", "○ down", "worker",
		"fitbit/default", "generation 7", "fingerprint 0123456789abcdef", "no access token yet",
		"cron", "refreshed", "1.0s", "CallFitbit: reset",
		"1 one", "q quit", "$ temporal workflow start")
	s.press(t, "q")
	s.ends(t)
}

func TestALostTokenIsNotHidden(t *testing.T) {
	lost := healthy
	lost.LostTokens = 1
	s := show(t, t.Context(), live.Program{Look: look(lost)})
	s.shows(t, "tokens lost 1")
	s.press(t, "q")
	s.ends(t)
}

func TestAnActIsToldInOrderAndEndsWithItsVerdict(t *testing.T) {
	end := make(chan bool)
	s := show(t, t.Context(), live.Program{Look: look(healthy), Acts: []live.Act{act("one", nil), act("two", end)}})
	s.press(t, "2")
	s.shows(t, "two begins")
	end <- true
	s.shows(t, "two begins", "Why: the history.", "nothing lost by two")
	s.press(t, "q")
	s.ends(t)
	require.NotContains(t, s.text(), "one begins")
}

// The key and the act's end race here; both orders have to look the same.
func TestAKeyPressedAsAnActEndsPlaysNext(t *testing.T) {
	end := make(chan bool)
	s := show(t, t.Context(), live.Program{Look: look(healthy), Acts: []live.Act{act("one", nil), act("two", end)}})
	s.press(t, "2")
	s.shows(t, "two begins")
	s.press(t, "1")
	end <- true
	s.shows(t, "two begins", "nothing lost by two", "one begins")
	s.press(t, "q")
	s.ends(t)
}

func TestAKeyThatWaitsIsShownAndDroppedByQuitting(t *testing.T) {
	s := show(t, t.Context(), live.Program{Look: look(healthy), Acts: []live.Act{act("one", nil), act("two", nil)}})
	s.press(t, "21")
	s.shows(t, "next: 1 one", "two begins")
	s.press(t, "q")
	s.ends(t)
	require.NotContains(t, s.text(), "one begins")
}

func TestOneActFollowsAnother(t *testing.T) {
	end := make(chan bool)
	s := show(t, t.Context(), live.Program{Look: look(healthy), Acts: []live.Act{act("one", end), act("two", end)}})
	for key, title := range map[string]string{"1": "one", "2": "two"} {
		s.press(t, key)
		s.shows(t, title+" begins")
		end <- true
		s.shows(t, "nothing lost by "+title)
	}
	s.press(t, "q")
	s.ends(t)
}

func TestQuittingWaitsForTheActToClearUp(t *testing.T) {
	for name, quit := range map[string]func(*testing.T, *terminal, context.CancelFunc){
		"by key":    func(t *testing.T, s *terminal, _ context.CancelFunc) { s.press(t, "q") },
		"by Ctrl-C": func(t *testing.T, s *terminal, _ context.CancelFunc) { s.press(t, "\x03") },
		"by signal": func(_ *testing.T, _ *terminal, stop context.CancelFunc) { stop() },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			isClear := false
			s := show(t, ctx, live.Program{Look: look(healthy), Acts: []live.Act{{
				Title: "one",
				Play: func(ctx context.Context, say func(string)) (string, bool, error) {
					say("begins")
					<-ctx.Done()
					isClear = true
					return "", false, ctx.Err()
				},
			}}})
			s.press(t, "1")
			s.shows(t, "begins")
			quit(t, s, stop)
			s.ends(t)
			require.True(t, isClear)
		})
	}
}

func TestPlainLinesTellEachRunOnce(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	looks := 0
	p := live.Program{Intro: []string{"$ temporal workflow start"}, Look: func(context.Context) system.Snapshot {
		if looks++; looks == 3 {
			stop()
		}
		return healthy
	}}
	var out bytes.Buffer
	require.NoError(t, p.Print(ctx, &out))

	require.Contains(t, out.String(), "$ temporal workflow start\n")
	require.Equal(t, 1, strings.Count(out.String(), "https://127.0.0.1:1"))
	require.Equal(t, 1, strings.Count(out.String(), "CallFitbit: reset"))
	require.Contains(t, out.String(), "(refreshes 7, tokens lost 0)")
}
