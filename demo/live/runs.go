package live

import (
	"fmt"
	"time"

	"tokenkeeper/demo/system"
)

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
