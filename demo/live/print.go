package live

import (
	"context"
	"fmt"
	"io"
	"time"
)

// Print writes a line for every run that ends, until ctx ends. There is no menu.
func (p Program) Print(ctx context.Context, out io.Writer) error {
	for _, text := range p.Intro {
		if _, err := fmt.Fprintln(out, text); err != nil {
			return err
		}
	}
	told := map[string]bool{}
	for first := true; ; first = false {
		s := p.Look(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if first {
			for _, part := range s.Parts {
				_, _ = fmt.Fprintf(out, "%-9s %s\n", part.Name, part.Where)
			}
		}
		for i := len(s.Runs) - 1; i >= 0; i-- {
			run := s.Runs[i]
			if run.Ended.IsZero() || told[run.ID] {
				continue
			}
			told[run.ID] = true
			_, err := fmt.Fprintf(out, "%s  (refreshes %d, tokens lost %d)\n", runRow(run, run.Ended), s.Refreshes, s.LostTokens)
			if err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(lookEvery):
		}
	}
}
