package live

// These tests are inside the package because only Update can be given messages
// in a chosen order: in a running program the key and the act's end race.

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/stretchr/testify/require"

	"tokenkeeper/demo/system"
)

// screen runs a model's commands as bubbletea does, but the test chooses when
// each message that they return reaches Update.
type screen struct {
	t       *testing.T
	m       model
	playing sync.RWMutex
	msgs    chan tea.Msg
	end     chan bool // ends the act that plays
	begun   map[string]*atomic.Int32
}

// newScreen offers acts that say that they begin and play until they are ended.
func newScreen(ctx context.Context, t *testing.T, titles ...string) *screen {
	s := &screen{t: t, msgs: make(chan tea.Msg), end: make(chan bool), begun: map[string]*atomic.Int32{}}
	var p Program
	for _, title := range titles {
		begun := new(atomic.Int32)
		s.begun[title] = begun
		p.Acts = append(p.Acts, Act{Title: title, Saved: "the history", Play: func(ctx context.Context, say func(string)) (string, bool, error) {
			begun.Add(1)
			say(title + " begins")
			select {
			case <-s.end:
				return "nothing lost by " + title, true, nil
			case <-ctx.Done():
				return "", false, ctx.Err()
			}
		}})
	}
	s.m = newModel(ctx, p, &s.playing)
	s.m.taken = time.Now()
	s.run(s.m.listen)
	return s
}

func (s *screen) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		switch msg := cmd().(type) {
		case nil:
		case tea.BatchMsg:
			for _, cmd := range msg {
				s.run(cmd)
			}
		default:
			select {
			case s.msgs <- msg:
			case <-s.t.Context().Done():
			}
		}
	}()
}

func (s *screen) update(msg tea.Msg) {
	next, cmd := s.m.Update(msg)
	s.m = next.(model)
	s.run(cmd)
}

func (s *screen) press(keys ...string) {
	for _, key := range keys {
		s.update(keyMsg(key))
	}
}

// receive returns the next message of the commands, before Update has seen it.
func (s *screen) receive() tea.Msg {
	s.t.Helper()
	select {
	case msg := <-s.msgs:
		return msg
	case <-time.After(2 * time.Minute):
		require.FailNow(s.t, "no message came", s.m.View())
		return nil
	}
}

// begins delivers what the act says first.
func (s *screen) begins(title string) {
	s.t.Helper()
	msg := s.receive()
	require.Equal(s.t, saidMsg(title+" begins"), msg)
	s.update(msg)
}

// shows requires texts in the view, in this order.
func (s *screen) shows(texts ...string) {
	s.t.Helper()
	rest := s.m.View()
	for _, text := range texts {
		_, after, found := strings.Cut(rest, text)
		require.True(s.t, found, "%q in\n%s", text, s.m.View())
		rest = after
	}
}

func (s *screen) hides(text string) {
	s.t.Helper()
	require.NotContains(s.t, s.m.View(), text)
}

// keyMsg is the message of a key by bubbletea's name for it.
func keyMsg(key string) tea.KeyMsg {
	for _, special := range []tea.KeyType{tea.KeyEsc, tea.KeyCtrlC, tea.KeyUp, tea.KeyEnter} {
		if special.String() == key {
			return tea.KeyMsg{Type: special}
		}
	}
	return tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(key)}
}

func TestANumberPlaysWhetherItOrTheEndOfAnActComesFirst(t *testing.T) {
	for name, press := range map[string]func(*screen){
		"while the act plays": func(s *screen) {
			s.press("2")
			s.end <- true
			s.update(s.receive())
		},
		"between the act's return and its processing": func(s *screen) {
			s.end <- true
			ended := s.receive()
			s.press("2")
			s.update(ended)
		},
		"right after the act's end": func(s *screen) {
			s.end <- true
			s.update(s.receive())
			s.press("2")
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScreen(t.Context(), t, "one", "two")
			s.press("1")
			s.begins("one")
			press(s)

			s.begins("two")
			s.shows("Why: the history.", "nothing lost by one", "two", "two begins")
			s.hides("next:")
			s.end <- true
			s.update(s.receive())
			s.shows("nothing lost by two")
			s.hides("a number plays next")
			require.EqualValues(t, 1, s.begun["one"].Load())
			require.EqualValues(t, 1, s.begun["two"].Load())
		})
	}
}

func TestANumberThatWaitsIsShownReplacedAndTakenBack(t *testing.T) {
	s := newScreen(t.Context(), t, "one", "two", "three")
	s.press("1")
	s.begins("one")
	s.shows("a number plays next")
	s.press("2")
	s.shows("next: 2 two")
	s.press("3")
	s.shows("next: 3 three")
	s.press("esc")
	s.hides("next:")
	s.shows("3 three was taken back")
	s.press("2", "3", "3")
	s.shows("next: 3 three")
	s.hides("taken back")

	s.end <- true
	s.update(s.receive())
	s.begins("three")
	s.end <- true
	s.update(s.receive())
	s.shows("nothing lost by three")
	require.Zero(t, s.begun["two"].Load())
	require.EqualValues(t, 1, s.begun["three"].Load())
}

func TestAnActCanWaitForItself(t *testing.T) {
	s := newScreen(t.Context(), t, "one")
	s.press("1", "1")
	s.begins("one")
	s.shows("next: 1 one")
	s.end <- true
	s.update(s.receive())
	s.begins("one")
	s.shows("nothing lost by one", "one begins")
}

func TestQuittingDropsTheNumberThatWaits(t *testing.T) {
	for name, quit := range map[string]func(*screen) tea.Msg{
		"by key":    func(s *screen) tea.Msg { s.press("q"); return s.receive() },
		"by Ctrl-C": func(s *screen) tea.Msg { s.press("ctrl+c"); return s.receive() },
		"just as the act returns": func(s *screen) tea.Msg {
			s.end <- true
			ended := s.receive()
			s.press("q")
			return ended
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScreen(t.Context(), t, "one", "two")
			s.press("1")
			s.begins("one")
			s.press("2")
			ended := quit(s)
			require.Zero(t, s.m.next)
			s.hides("next:")
			s.shows("Ending the scenario")
			s.press("2", "x")
			s.shows("Ending the scenario")
			s.update(ended)
			require.Equal(t, tea.QuitMsg{}, s.receive())
			require.Zero(t, s.begun["two"].Load())
		})
	}
}

func TestASignalDropsTheNumberThatWaits(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := newScreen(ctx, t, "one", "two")
	s.press("1")
	s.begins("one")
	s.press("2")
	s.end <- true
	ended := s.receive()
	stop()
	s.update(ended)
	s.hides("a number plays next")
	s.playing.Lock() // as Show does
	require.Zero(t, s.begun["two"].Load())
}

func TestAKeyThatMeansNothingIsAnswered(t *testing.T) {
	for _, key := range []string{"x", "0", "3", "up", "enter", "esc", " "} {
		t.Run(key, func(t *testing.T) {
			answer := `"` + key + `" means nothing here; press 1 to 2, or q to quit`
			s := newScreen(t.Context(), t, "one", "two")
			s.press(key)
			s.shows(answer)
			s.press("1")
			s.hides(answer)
			s.begins("one")
			s.press(key)
			s.shows(answer)
			s.press("2", key)
			if key != "esc" {
				s.shows("next: 2 two", answer)
			}
		})
	}
	s := newScreen(t.Context(), t)
	s.press("1")
	s.shows(`"1" means nothing here; q quits`)
}

func TestKeysThatAreReadTogetherAreAnsweredOneByOne(t *testing.T) {
	for _, tc := range []struct {
		name string
		msg  tea.KeyMsg
		want []string
	}{
		{"one key", keyMsg("1"), []string{"1"}},
		{"a key with a name", keyMsg("up"), []string{"up"}},
		{"quick keys", keyMsg("12q"), []string{"1", "2", "q"}},
		{"Esc with a quick key", tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("2"), Alt: true}, []string{"esc", "2"}},
		{"Esc with Ctrl-C", tea.KeyMsg{Type: tea.KeyCtrlC, Alt: true}, []string{"esc", "ctrl+c"}},
		{"a paste presses nothing", tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("1q"), Paste: true}, []string{"pasted text"}},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, keys(tc.msg)) })
	}

	t.Run("numbers play in turn", func(t *testing.T) {
		s := newScreen(t.Context(), t, "one", "two")
		s.update(keyMsg("12"))
		s.begins("one")
		s.shows("next: 2 two")
	})
	t.Run("a number does not play after q", func(t *testing.T) {
		s := newScreen(t.Context(), t, "one")
		s.update(keyMsg("q1"))
		require.Equal(t, tea.QuitMsg{}, s.receive())
		require.Zero(t, s.m.act)
	})
}

func TestAnActThatBubbleteaDropsNeitherPlaysNorHoldsUpTheEnd(t *testing.T) {
	s := newScreen(t.Context(), t, "one")
	_, dropped := s.m.Update(keyMsg("1"))
	require.True(t, s.playing.TryLock())
	require.Nil(t, dropped(), "Show has returned")
	require.Zero(t, s.begun["one"].Load())
}

func TestTheViewFitsASmallTerminal(t *testing.T) {
	longest := "revoke the consent and give it again"
	s := newScreen(t.Context(), t, longest, longest, longest, longest, longest, longest, longest, longest)
	s.m.snapshot.Parts = make([]system.Part, 4)
	s.update(tea.WindowSizeMsg{Width: 80, Height: 24})
	s.press("8")
	s.begins(longest)
	s.press("7", "x")
	for range 9 {
		s.update(saidMsg(strings.Repeat("a long line ", 9)))
	}
	view := s.m.View()
	require.LessOrEqual(t, lipgloss.Height(view), 24)
	require.LessOrEqual(t, lipgloss.Width(view), 80)
	s.shows("8 "+longest, "next: 7 "+longest+" · Esc takes it back · q quit", `"x" means nothing here; press 1 to 8, or q to quit`)
}
