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
	good
	bad
)

func (k kind) style() lipgloss.Style {
	s := lipgloss.NewStyle()
	switch k {
	case heading:
		return s.Bold(true)
	case good:
		return s.Foreground(lipgloss.Color("2")).Bold(true)
	case bad:
		return s.Foreground(lipgloss.Color("1")).Bold(true)
	default:
		return s
	}
}

var (
	bold  = lipgloss.NewStyle().Bold(true)
	faint = lipgloss.NewStyle().Faint(true)
)

// menuColumn is as wide as leaves room for the second column on 80.
const menuColumn = 42

// rows that everything but the runs and the story takes.
const fixedRows = 17

func (m model) View() string {
	if m.looked.IsZero() {
		return "looking…\n"
	}
	story := m.storyRows()
	runs := max(2, min(10, m.height-fixedRows-len(story)))
	rows := []string{bold.Render("Token Keeper") + "  " + counts(m.snapshot), ""}
	rows = append(rows, partRows(m.snapshot.Parts)...)
	rows = append(rows, "", accountRow(m.snapshot, m.looked), "")
	rows = append(rows, runRows(m.snapshot.Runs, runs, m.looked)...)
	rows = append(rows, "")
	rows = append(rows, m.menuRows()...)
	rows = append(rows, "")
	rows = append(rows, story...)
	return lipgloss.NewStyle().MaxWidth(m.width).Render(strings.Join(rows, "\n"))
}

// counts are the two numbers that matter.
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

// accountRow tells what the vault holds.
func accountRow(s system.Snapshot, now time.Time) string {
	facts := []string{
		bold.Render(system.Account.String()),
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

// menuRows lay the menu out in two columns.
func (m model) menuRows() []string {
	half := (len(m.Acts) + 1) / 2
	entry := func(i int) string {
		if i >= len(m.Acts) {
			return ""
		}
		text := fmt.Sprintf("%d %s", i+1, m.Acts[i].Title)
		switch {
		case m.act == m.Acts[i].Title:
			return bold.Render(text)
		case m.act != "":
			return faint.Render(text)
		}
		return text
	}
	var rows []string
	for i := range half {
		rows = append(rows, lipgloss.NewStyle().Width(menuColumn).Render(entry(i))+entry(i+half))
	}
	return append(rows, "q quit, leaving nothing behind")
}

// storyRows wrap the story to the width and keep its end.
func (m model) storyRows() []string {
	var rows []string
	for _, l := range m.story {
		wrapped := l.kind.style().Width(m.width - 2).Render(l.text)
		rows = append(rows, strings.Split(wrapped, "\n")...)
	}
	if m.quitting {
		rows = append(rows, "Ending the scenario, then everything else.")
	}
	room := max(4, m.height-fixedRows-5)
	return rows[max(0, len(rows)-room):]
}

const runColumns = "%-8s  %-12s  %-23s  %3s  %7s  %6s  %s"

// runRows are a table of the latest runs, newest first, with its heading, always
// of the same height.
func runRows(runs []system.Run, count int, now time.Time) []string {
	rows := []string{faint.Render(fmt.Sprintf(runColumns, "BEGAN", "ASKED BY", "OUTCOME", "GEN", "RETRIES", "TOOK", "MEANWHILE"))}
	for i := range count {
		row := ""
		if i < len(runs) {
			row = runRow(runs[i], now)
		}
		rows = append(rows, row)
	}
	return rows
}

// runRow is one run in one line, without colours, as the plain lines show it too.
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
