package campaign

import (
	"fmt"
	"strings"
	"time"
)

const absent = "–" // what a target neither promises nor measures

// row is one line of the table.
type row struct {
	heading string
	cell    func(Report) any
}

// Table is the reports side by side, in Markdown: those without an operator, and
// below them those with one.
func Table(reports []Report) string {
	var without, with []Report
	for _, r := range reports {
		if r.Operator {
			with = append(with, r)
		} else {
			without = append(without, r)
		}
	}
	var tables []string
	if len(without) > 0 {
		tables = append(tables, tableOf(without, rows()))
	}
	if len(with) > 0 {
		tables = append(tables, tableOf(with, rowsWithOperator()))
	}
	return strings.Join(tables, "\n")
}

func tableOf(reports []Report, rows []row) string {
	var text strings.Builder
	for _, row := range rows {
		text.WriteString("| " + row.heading + " |")
		for _, r := range reports {
			_, _ = fmt.Fprintf(&text, " %v |", row.cell(r))
		}
		text.WriteString("\n")
	}
	return text.String()
}

func rows() []row {
	return []row{
		{"", func(r Report) any { return r.title() }},
		{"---", func(Report) any { return "---" }},
		{"kills", func(r Report) any { return r.Kills }},
		{"vault outages", func(r Report) any { return r.Outages }},
		{"refreshes", func(r Report) any { return r.Refreshes }},
		{"answers repeated", func(r Report) any { return r.Repeated }},
		{"**tokens lost**", func(r Report) any { return fmt.Sprintf("**%d**", r.Lost) }},
		{"to a kill, request or answer on its way", func(r Report) any { return r.LostOnItsWay }},
		{"to a kill, answer in hand", func(r Report) any { return r.LostInHand }},
		{"to a vault outage", func(r Report) any { return r.LostInOutage }},
		{"unexplained", func(r Report) any { return r.Unexplained }},
		{"lost and not told", promised(func(r Report) any { return r.Undetected })},
		{"duplicated generations", func(r Report) any { return r.Duplicated }},
		{"regressions", func(r Report) any { return r.Regressions }},
		{"answer to first durable copy, median / p99", func(r Report) any {
			if r.Target == Baseline || r.FirstCopy == nil {
				return absent
			}
			return fmt.Sprintf("%.1f / %.1f ms", r.FirstCopy.MedianMS, r.FirstCopy.P99MS)
		}},
		{"seconds", func(r Report) any { return r.Seconds }},
	}
}

// rowsWithOperator adds what an operator's campaign has beside kills and outages.
func rowsWithOperator() []row {
	var all []row
	for _, r := range rows() {
		all = append(all, r)
		switch r.heading {
		case "kills":
			all = append(all,
				row{"operations", promised(func(r Report) any { return r.Operations })},
				row{"kills of the vault / of Temporal", func(r Report) any { return fmt.Sprintf("%d / %d", r.VaultKills, r.TemporalKills) }})
		case "vault outages":
			all = append(all, row{"answers withheld / refusals with a wait", func(r Report) any { return fmt.Sprintf("%d / %d", r.LostAnswers, r.Waits) }})
		case "to a vault outage":
			all = append(all,
				row{"to an answer withheld", func(r Report) any { return r.LostAnswer }},
				row{"to a kill, answer in hand, run ended by the operator", promised(func(r Report) any { return r.LostRunEnded })},
				row{"to a kill, answer in hand, Temporal away", promised(func(r Report) any { return r.LostServerAway })})
		case "lost and not told":
			all = append(all,
				row{"runs that failed otherwise, not by the operator's hand", promised(func(r Report) any { return total(r.Failed) })},
				row{"runs that did not end", promised(func(r Report) any { return r.Stuck })})
		}
	}
	return all
}

// promised is a cell that the baseline does not have.
func promised(cell func(Report) any) func(Report) any {
	return func(r Report) any {
		if r.Target == Baseline {
			return absent
		}
		return cell(r)
	}
}

func total(counts map[string]int) (sum int) {
	for _, n := range counts {
		sum += n
	}
	return sum
}

// title names a report's target and its provider.
func (r Report) title() string {
	name := string(r.Target)
	if r.Target == Old {
		name += " (" + OldRevision + ")"
	}
	if r.IDs > 1 && r.Target != Baseline {
		name += fmt.Sprintf(", %d ids", r.IDs)
	}
	return name + ", " + r.repeats()
}

// repeats is in words what the provider does about a lost answer.
func (r Report) repeats() string {
	if r.Replay == time.Duration(0).String() {
		return "never repeats"
	}
	return "repeats for " + strings.TrimSuffix(r.Replay, "0s")
}
