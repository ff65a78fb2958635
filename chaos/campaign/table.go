package campaign

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// row is one line of the table: a heading and what it says of a report.
type row struct {
	heading string
	says    func(Report) string
}

// Table is the reports side by side, in Markdown.
func Table(reports []Report) string {
	own := func(says func(Report) string) func(Report) string {
		return func(r Report) string {
			if r.Target == Baseline {
				return "–" // it promises and measures nothing
			}
			return says(r)
		}
	}
	number := func(of func(Report) int) func(Report) string {
		return func(r Report) string { return strconv.Itoa(of(r)) }
	}
	rows := []row{
		{"", func(r Report) string { return string(r.Target) + ", " + r.repeats() }},
		{"---", func(Report) string { return "---" }},
		{"kills", number(func(r Report) int { return r.Kills })},
		{"vault outages", number(func(r Report) int { return r.Outages })},
		{"refreshes", number(func(r Report) int { return r.Refreshes })},
		{"answers repeated", number(func(r Report) int { return r.Repeated })},
		{"**tokens lost**", func(r Report) string { return fmt.Sprintf("**%d**", r.Lost) }},
		{"to a kill, request or answer on its way", number(func(r Report) int { return r.LostOnItsWay })},
		{"to a kill, answer in hand", number(func(r Report) int { return r.LostInHand })},
		{"to a vault outage", number(func(r Report) int { return r.LostInOutage })},
		{"unexplained", number(func(r Report) int { return r.Unexplained })},
		{"lost and not told", own(number(func(r Report) int { return r.Undetected }))},
		{"duplicated generations", number(func(r Report) int { return r.Duplicated })},
		{"regressions", number(func(r Report) int { return r.Regressions })},
		{"answer to first durable copy, median / p99", own(Report.gap)},
		{"seconds", number(func(r Report) int { return r.Seconds })},
	}
	var text strings.Builder
	for _, row := range rows {
		text.WriteString("| " + row.heading + " |")
		for _, r := range reports {
			text.WriteString(" " + row.says(r) + " |")
		}
		text.WriteString("\n")
	}
	return text.String()
}

// repeats says in words what the provider does about a lost answer.
func (r Report) repeats() string {
	if r.Replay == time.Duration(0).String() {
		return "never repeats"
	}
	return "repeats for " + strings.TrimSuffix(r.Replay, "0s")
}

func (r Report) gap() string {
	if r.FirstCopy == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f / %.1f ms", r.FirstCopy.MedianMS, r.FirstCopy.P99MS)
}

// ReadReports reads a file of reports as the command writes it.
func ReadReports(file string) ([]Report, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var reports []Report
	if err := json.Unmarshal(text, &reports); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(reports) == 0 {
		return nil, fmt.Errorf("%s holds no report", file)
	}
	return reports, nil
}
