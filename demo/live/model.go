package live

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"tokenkeeper/demo/system"
)

// model is bubbletea's: what is on the screen and what comes next.
type model struct {
	Program
	ctx      context.Context
	playing  *sync.WaitGroup // acts that have not returned
	reports  chan tea.Msg    // of the act that plays, in order
	snapshot system.Snapshot
	looked   time.Time // zero before the first snapshot
	story    []line
	act      string             // that plays; empty for none
	stop     context.CancelFunc // ends the act that plays
	quitting bool               // as soon as the act has ended
	width    int
	height   int
}

// The messages besides bubbletea's own.
type (
	lookMsg   system.Snapshot
	againMsg  struct{}
	saidMsg   string
	playedMsg struct {
		act     Act
		verdict string
		good    bool
		err     error
	}
)

func newModel(ctx context.Context, p Program, playing *sync.WaitGroup) model {
	m := model{Program: p, ctx: ctx, playing: playing, reports: make(chan tea.Msg), width: 100, height: 36}
	for _, text := range p.Intro {
		m.story = append(m.story, line{plain, text})
	}
	return m
}

func (m model) Init() tea.Cmd { return tea.Batch(m.look, m.listen) }

func (m model) look() tea.Msg { return lookMsg(m.Look(m.ctx)) }

func (m model) listen() tea.Msg { return <-m.reports }

// report gives up with the program: nobody listens then.
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
		return m.press(msg.String())
	case lookMsg:
		m.snapshot, m.looked = system.Snapshot(msg), time.Now()
		return m, tea.Tick(lookEvery, func(time.Time) tea.Msg { return againMsg{} })
	case againMsg:
		return m, m.look
	case saidMsg:
		m.story = append(m.story, line{plain, string(msg)})
		return m, m.listen
	case playedMsg:
		return m.played(msg)
	}
	return m, nil
}

// press answers a key: a number of the menu, or one of those that quit.
func (m model) press(key string) (tea.Model, tea.Cmd) {
	if key == "q" || key == "ctrl+c" {
		if m.act == "" {
			return m, tea.Quit
		}
		m.stop()
		m.quitting = true
		return m, nil
	}
	number, err := strconv.Atoi(key)
	if err != nil || number < 1 || number > len(m.Acts) || m.act != "" {
		return m, nil
	}
	act := m.Acts[number-1]
	ctx, stop := context.WithCancel(m.ctx)
	m.act, m.stop = act.Title, stop
	m.story = []line{{kind: heading, text: act.Title}}
	m.playing.Add(1)
	return m, func() tea.Msg {
		defer m.playing.Done()
		verdict, good, err := act.Play(ctx, func(text string) { m.report(saidMsg(text)) })
		m.report(playedMsg{act, verdict, good, err})
		return nil
	}
}

func (m model) played(msg playedMsg) (tea.Model, tea.Cmd) {
	m.stop()
	m.act = ""
	if m.quitting {
		return m, tea.Quit
	}
	if msg.err != nil {
		m.story = append(m.story, line{bad, fmt.Sprintf("the scenario did not come to its end: %v", msg.err)})
	} else {
		m.story = append(m.story, line{plain, "Why: " + msg.act.Saved + "."})
	}
	kind := good
	if !msg.good {
		kind = bad
	}
	m.story = append(m.story, line{kind, msg.verdict})
	return m, m.listen
}
