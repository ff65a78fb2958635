// Command publish puts the numbers of campaigns into the documentation: all of
// them, with every loss, into docs/reliability-campaign.json, and the table
// into docs/reliability.md, so that the two cannot say different things.
//
//	make chaos TARGET=both JSON=repeats.json
//	make chaos TARGET=both REPLAY=0 JSON=never.json
//	go run ./chaos/publish repeats.json never.json
//
// It is run at the top of the repository, and takes the files' reports in the
// order in which they are named.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"tokenkeeper/chaos/campaign"
)

func main() {
	if len(os.Args) < 2 {
		_, _ = fmt.Fprintln(os.Stderr, "publish: name the files that make chaos JSON=FILE has written")
		os.Exit(2)
	}
	if err := publish("docs", os.Args[1:]); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "publish:", err)
		os.Exit(1)
	}
}

// publish writes nothing unless all can be written.
func publish(docs string, files []string) error {
	var all []campaign.Report
	for _, file := range files {
		reports, err := campaign.ReadReports(file)
		if err != nil {
			return err
		}
		all = append(all, reports...)
	}
	numbers, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	page := filepath.Join(docs, "reliability.md")
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	changed, err := withTable(string(text), campaign.Table(all))
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	if err := os.WriteFile(filepath.Join(docs, "reliability-campaign.json"), append(numbers, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(page, []byte(changed), 0o644)
}
