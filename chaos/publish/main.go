// Command publish puts the numbers of campaigns into the documentation: all of
// them, with every loss, into docs/reliability-campaign.json, and the tables into
// docs/reliability.md, so that the two agree.
//
//	make chaos TARGET=both JSON=repeats.json
//	make chaos TARGET=both REPLAY=0 JSON=never.json
//	make chaos OPERATOR=1 KILLS=60 TARGET=all JSON=operator.json
//	go run ./chaos/publish repeats.json never.json operator.json
//
// It is run at the top of the repository, and takes the files' reports in the
// order in which they are named.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

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
	page := filepath.Join(docs, "reliability.md")
	text, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	changed, err := withTable(string(text), campaign.Table(all))
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	if err := campaign.WriteReports(filepath.Join(docs, "reliability-campaign.json"), all); err != nil {
		return err
	}
	return os.WriteFile(page, []byte(changed), 0o644)
}

// The table's place on the page.
const (
	before = "<!-- table: go run ./chaos/publish FILE... -->\n"
	after  = "<!-- end of table -->\n"
)

// withTable puts a table into a page's place for it.
func withTable(page, table string) (string, error) {
	head, rest, found := strings.Cut(page, before)
	_, tail, ends := strings.Cut(rest, after)
	if !found || !ends {
		return "", fmt.Errorf("there is no place for the table; it lies between the lines %q and %q", strings.TrimSpace(before), strings.TrimSpace(after))
	}
	return head + before + table + after + tail, nil
}
