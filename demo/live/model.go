package live

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"tokenkeeper/demo/system"
)

// model is the state of the live view, as bubbletea wants it: Update returns the
// next state and View draws it.
//
// No key is lost to an act that plays. Whether the key or the act's end reaches
// Update first, the act that the key asks for plays once, after the other, and
// the verdict of the other stays in view.
type model struct {
	Program
	ctx      context.Context
	playing  *sync.RWMutex // read-locked while an act plays
	reports  chan tea.Msg  // from the act that plays, in order
	snapshot system.Snapshot
	taken    time.Time          // of the snapshot; zero before the first
	act      int                // number of the act that plays; 0 for none
	stop     context.CancelFunc // ends the act that plays
	next     int                // number of the act that waits for its turn; 0 for none
	quitting bool               // as soon as no act plays
	notice   string             // answers the last key where nothing else shows that it was read
	story    []line
	summary  []line // of the last act that ended
	width    int
	height   int
}

// The messages besides bubbletea's own.
type (
	snapshotMsg system.Snapshot
	tickMsg     struct{}
	saidMsg     string
	playedMsg   struct {
		act     Act
		verdict string
		good    bool
		err     error
	}
)

// newModel returns the state before the first snapshot. An act does not begin
// while playing is locked.
func newModel(ctx context.Context, p Program, playing *sync.RWMutex) model {
	m := model{Program: p, ctx: ctx, playing: playing, reports: make(chan tea.Msg), width: 100, height: 36}
	for _, text := range p.Intro {
		m.story = append(m.story, line{plain, text})
	}
	return m
}

func (m model) Init() tea.Cmd { return tea.Batch(m.takeSnapshot, m.listen) }

func (m model) takeSnapshot() tea.Msg { return snapshotMsg(m.Look(m.ctx)) }

// listen returns the next report, or nil when the program has ended.
func (m model) listen() tea.Msg {
	select {
	case msg := <-m.reports:
		return msg
	case <-m.ctx.Done():
		return nil
	}
}

// report gives up when the program has ended: nothing reads the channel then.
func (m model) report(msg tea.Msg) {
	select {
	case m.reports <- msg:
	case <-m.ctx.Done():
	}
}

func (m model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyMsg:
		var cmds []tea.Cmd
		for _, key := range keys(msg) {
			var cmd tea.Cmd
			m, cmd = m.press(key)
			cmds = append(cmds, cmd)
		}
		return m, tea.Batch(cmds...)
	case snapshotMsg:
		m.snapshot, m.taken = system.Snapshot(msg), time.Now()
		return m, tea.Tick(snapshotEvery, func(time.Time) tea.Msg { return tickMsg{} })
	case tickMsg:
		return m, m.takeSnapshot
	case saidMsg:
		m.story = append(m.story, line{plain, string(msg)})
		return m, m.listen
	case playedMsg:
		return m.played(msg)
	}
	return m, nil
}

// press answers one key. A number plays its act, or waits while another plays;
// a further number takes its place.
func (m model) press(key string) (model, tea.Cmd) {
	m.notice = ""
	number, err := strconv.Atoi(key)
	switch {
	case m.quitting: // the view says so
	case key == "q" || key == "ctrl+c":
		return m.quit()
	case key == "esc" && m.next != 0:
		m.notice = m.entry(m.next) + " was taken back"
		m.next = 0
	case err != nil || number < 1 || number > len(m.Acts):
		m.notice = m.unknown(key)
	case m.act != 0:
		m.next = number
	default:
		return m.begin(number)
	}
	return m, nil
}

// quit ends the act that plays and drops the one that waits. The program ends
// when the act has returned.
func (m model) quit() (model, tea.Cmd) {
	m.quitting, m.next = true, 0
	if m.act == 0 {
		return m, tea.Quit
	}
	m.stop()
	return m, nil
}

// begin plays an act. Its story follows the summary of the act before: that one
// may have ended too recently for its verdict to have been drawn.
func (m model) begin(number int) (model, tea.Cmd) {
	act := m.Acts[number-1]
	ctx, stop := context.WithCancel(m.ctx)
	m.act, m.stop, m.next = number, stop, 0
	m.story = append(slices.Clone(m.summary), line{heading, act.Title})
	return m, func() tea.Msg {
		m.play(ctx, act)
		return nil
	}
}

// play takes its lock itself: bubbletea drops a command when the program ends,
// and a lock taken in advance would then be held forever.
func (m model) play(ctx context.Context, act Act) {
	if !m.playing.TryRLock() {
		return
	}
	defer m.playing.RUnlock()
	verdict, good, err := act.Play(ctx, func(text string) { m.report(saidMsg(text)) })
	m.report(playedMsg{act, verdict, good, err})
}

// played shows the verdict and plays the act that waits.
func (m model) played(msg playedMsg) (tea.Model, tea.Cmd) {
	m.stop()
	m.act = 0
	if m.quitting {
		return m, tea.Quit
	}
	reason := line{plain, "Why: " + msg.act.Saved + "."}
	if msg.err != nil {
		reason = line{bad, fmt.Sprintf("the scenario did not come to its end: %v", msg.err)}
	}
	verdict := line{good, msg.verdict}
	if !msg.good {
		verdict.kind = bad
	}
	m.story = append(m.story, reason, verdict)
	m.summary = []line{{heading, msg.act.Title}, reason, verdict}
	if m.next == 0 || m.ctx.Err() != nil {
		return m, m.listen
	}
	m, play := m.begin(m.next)
	return m, tea.Batch(m.listen, play)
}

// keys returns the keys of a message one by one. bubbletea makes one message of
// all the runes in one read, and Alt of an Esc that is read with the next key.
func keys(msg tea.KeyMsg) []string {
	var names []string
	if msg.Alt {
		names, msg.Alt = []string{"esc"}, false
	}
	switch {
	case msg.Paste:
		return []string{"pasted text"}
	case msg.Type != tea.KeyRunes:
		return append(names, msg.String())
	}
	for _, r := range msg.Runes {
		names = append(names, string(r))
	}
	return names
}
