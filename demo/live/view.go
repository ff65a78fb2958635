package live

import (
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/lipgloss"

	"tokenkeeper/demo/system"
)

// line is one line of the story.
type line struct {
	kind kind
	text string
}

type kind int

const (
	plain kind = iota
	heading
	faint
	good
	bad
)

func (k kind) style() lipgloss.Style {
	s := lipgloss.NewStyle()
	switch k {
	case heading:
		return s.Bold(true)
	case faint:
		return s.Faint(true)
	case good:
		return s.Foreground(lipgloss.Color("2")).Bold(true)
	case bad:
		return s.Foreground(lipgloss.Color("1")).Bold(true)
	default:
		return s
	}
}

const (
	menuColumn = 42 // leaves room for the second column on 80
	fixedRows  = 17 // all but the runs and the story
	runColumns = "%-8s  %-12s  %-23s  %3s  %7s  %6s  %s"
)

func (m model) View() string {
	if m.taken.IsZero() {
		return "looking…\n"
	}
	story := m.storyRows()
	runs := max(2, min(10, m.height-fixedRows-len(story)))
	rows := []string{heading.style().Render("Token Keeper") + "  " + counts(m.snapshot), ""}
	rows = append(rows, partRows(m.snapshot.Parts)...)
	rows = append(rows, "", accountRow(m.snapshot, m.taken), "")
	rows = append(rows, runRows(m.snapshot.Runs, runs, m.taken)...)
	rows = append(rows, "")
	rows = append(rows, m.menuRows()...)
	rows = append(rows, m.keysRow(), faint.style().Render(m.notice))
	rows = append(rows, story...)
	return lipgloss.NewStyle().MaxWidth(m.width).Render(strings.Join(rows, "\n"))
}

// counts shows the refreshes and the tokens lost.
func counts(s system.Snapshot) string {
	kind := good
	if s.LostTokens > 0 {
		kind = bad
	}
	return fmt.Sprintf("refreshes %d, ", s.Refreshes) + kind.style().Render(fmt.Sprintf("tokens lost %d", s.LostTokens))
}

func partRows(parts []system.Part) []string {
	var rows []string
	for _, p := range parts {
		state := good.style().Render("● up  ")
		if !p.Up {
			state = bad.style().Render("○ down")
		}
		rows = append(rows, fmt.Sprintf("%s %-9s %s", state, p.Name, p.Where))
	}
	return rows
}

// accountRow shows the vault's tokens and the provider's consent.
func accountRow(s system.Snapshot, now time.Time) string {
	facts := []string{
		heading.style().Render(system.Account.String()),
		fmt.Sprintf("generation %d", s.Generation),
		"fingerprint " + string(s.Fingerprint),
	}
	switch left := s.Expiry.Sub(now).Round(time.Second); {
	case s.Expiry.IsZero():
		facts = append(facts, "no access token yet")
	case left <= 0:
		facts = append(facts, bad.style().Render("access token expired"))
	default:
		facts = append(facts, "access token good for "+left.String())
	}
	if s.Replayable {
		facts = append(facts, "spent, and the provider still repeats its answer")
	}
	if !s.Consented {
		facts = append(facts, bad.style().Render("consent revoked"))
	}
	if s.Next.After(now) {
		facts = append(facts, "next run in "+s.Next.Sub(now).Round(time.Second).String())
	}
	return strings.Join(facts, " · ")
}

// runRows are a table of the latest runs, newest first, with its heading, always
// of the same height.
func runRows(runs []system.Run, count int, now time.Time) []string {
	rows := []string{faint.style().Render(fmt.Sprintf(runColumns, "BEGAN", "ASKED BY", "OUTCOME", "GEN", "RETRIES", "TOOK", "MEANWHILE"))}
	for i := range count {
		row := ""
		if i < len(runs) {
			row = runRow(runs[i], now)
		}
		rows = append(rows, row)
	}
	return rows
}

// runRow is one run in one line, without colours, for the plain lines too.
func runRow(r system.Run, now time.Time) string {
	asked, outcome, generation := "cron", r.Outcome, ""
	if r.Asked {
		asked = "refresh-now"
	}
	ended := r.Ended
	if ended.IsZero() {
		outcome, ended = "at work", now
	}
	if r.Generation > 0 {
		generation = fmt.Sprint(r.Generation)
	}
	trouble := ""
	if n := len(r.Troubles); n > 0 {
		trouble = r.Troubles[n-1]
	}
	took := max(0, ended.Sub(r.Began).Seconds())
	return fmt.Sprintf(runColumns, r.Began.Local().Format(time.TimeOnly), asked, outcome, generation,
		fmt.Sprint(r.Retries), fmt.Sprintf("%.1fs", took), trouble)
}

// menuRows lay the menu out in two columns.
func (m model) menuRows() []string {
	half := (len(m.Acts) + 1) / 2
	cell := func(number int) string {
		switch {
		case number > len(m.Acts):
			return ""
		case number == m.act:
			return heading.style().Render(m.entry(number))
		case m.act != 0 && number != m.next:
			return faint.style().Render(m.entry(number))
		}
		return m.entry(number)
	}
	var rows []string
	for number := range half {
		rows = append(rows, lipgloss.NewStyle().Width(menuColumn).Render(cell(number+1))+cell(number+1+half))
	}
	return rows
}

// entry is an act in the menu's words.
func (m model) entry(number int) string {
	return fmt.Sprintf("%d %s", number, m.Acts[number-1].Title)
}

// keysRow shows what the keys besides the menu's do now, and the act that waits.
func (m model) keysRow() string {
	switch {
	case m.quitting:
		return "Ending the scenario, then everything else."
	case m.next != 0:
		return "next: " + m.entry(m.next) + " · Esc takes it back · q quit"
	case m.act != 0:
		return "q quit, leaving nothing behind · a number plays next"
	}
	return "q quit, leaving nothing behind"
}

// unknown answers a key that does nothing.
func (m model) unknown(key string) string {
	if len(m.Acts) == 0 {
		return fmt.Sprintf("%q means nothing here; q quits", key)
	}
	return fmt.Sprintf("%q means nothing here; press 1 to %d, or q to quit", key, len(m.Acts))
}

// storyRows wrap the story to the width and keep its end.
func (m model) storyRows() []string {
	var rows []string
	for _, l := range m.story {
		wrapped := l.kind.style().Width(m.width - 2).Render(l.text)
		rows = append(rows, strings.Split(wrapped, "\n")...)
	}
	room := max(4, m.height-fixedRows-5)
	return rows[max(0, len(rows)-room):]
}
