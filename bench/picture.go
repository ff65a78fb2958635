package main

import (
	"fmt"
	"html"
	"strings"
)

// The picture's measures, in pixels.
const (
	panelWidth, panelHeight = 300, 300
	barArea                 = 190 // the longest bar
	margin                  = 24
)

var colours = map[string]string{product: "#2f6fde", floor: "#8a94a6", baseline: "#d98a2b"}

// bar is one of a panel.
type bar struct {
	group, target string
	value         float64
}

// picture is the result as SVG: one panel each for the time of a refresh, for the
// refreshes per second at saturation, and for CPU.
func (r *report) picture() string {
	var b strings.Builder
	width := 3*panelWidth + 2*margin
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12">`+"\n", width, panelHeight+70)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="#ffffff"/>`+"\n")
	x := margin
	for _, name := range order {
		fmt.Fprintf(&b, `<rect x="%d" y="14" width="12" height="12" fill="%s"/><text x="%d" y="24" fill="#222">%s</text>`+"\n", x, colours[name], x+18, name)
		x += 110
	}
	fmt.Fprintf(&b, `<text x="%d" y="24" text-anchor="end" fill="#666">%s</text>`+"\n", width-margin, html.EscapeString(r.At.Format("2 January 2006")+", "+r.Server))
	panel(&b, margin, "One refresh, median, ms (idle)", r.bars(median, func(m measured) bool { return m.Phase == "idle" }))
	// Without the baseline, which asks no server: its hundreds would hide what is compared.
	panel(&b, margin+panelWidth, "Refreshes/s at saturation, by workers", r.bars(perSecond, func(m measured) bool {
		return strings.HasPrefix(m.Phase, "saturation/") && m.Target != baseline
	}))
	panel(&b, margin+2*panelWidth, "CPU seconds of the workers per 1,000", r.bars(func(m measured) float64 { return m.CPUPer1000 }, func(m measured) bool {
		return m.Phase == steady || m.Phase == saturated(1)
	}))
	b.WriteString("</svg>\n")
	return b.String()
}

func (r *report) bars(figure func(measured) float64, wanted func(measured) bool) (bars []bar) {
	for _, s := range r.Summary {
		if wanted(s) {
			bars = append(bars, bar{strings.TrimPrefix(s.Phase, "saturation/"), s.Target, figure(s)})
		}
	}
	return bars
}

// panel draws horizontal bars, a gap between two groups.
func panel(b *strings.Builder, x int, title string, bars []bar) {
	fmt.Fprintf(b, `<text x="%d" y="56" font-weight="600" fill="#222">%s</text>`+"\n", x, html.EscapeString(title))
	most := 0.0
	for _, bar := range bars {
		most = max(most, bar.value)
	}
	y, group := 68, ""
	for _, bar := range bars {
		if bar.group != group {
			group = bar.group
			y += 18
			fmt.Fprintf(b, `<text x="%d" y="%d" fill="#666">%s</text>`+"\n", x, y-4, html.EscapeString(group))
		}
		length := 1.0
		if most > 0 {
			length = max(1, barArea*bar.value/most)
		}
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%.0f" height="16" fill="%s"/><text x="%.0f" y="%d" fill="#222">%.1f</text>`+"\n",
			x, y, length, colours[bar.target], float64(x)+length+6, y+13, bar.value)
		y += 20
	}
}
