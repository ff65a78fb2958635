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
	"slices"
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
	changed, err := withTables(string(text), all)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	if err := campaign.WriteReports(filepath.Join(docs, "reliability-campaign.json"), all); err != nil {
		return err
	}
	return os.WriteFile(page, []byte(changed), 0o644)
}

// The tables' places on the page: of campaigns without an operator, and with one.
const (
	before         = "<!-- table: go run ./chaos/publish FILE... -->\n"
	beforeOperator = "<!-- table with an operator: go run ./chaos/publish FILE... -->\n"
	after          = "<!-- end of table -->\n"
)

// withTables puts the reports' tables into a page's places for them.
func withTables(page string, reports []campaign.Report) (string, error) {
	with := func(operator bool) string {
		return campaign.Table(slices.DeleteFunc(slices.Clone(reports), func(r campaign.Report) bool { return r.Operator != operator }))
	}
	page, err := withTable(page, before, with(false))
	if err != nil {
		return "", err
	}
	return withTable(page, beforeOperator, with(true))
}

// withTable puts a table into the place that begins so.
func withTable(page, begin, table string) (string, error) {
	head, rest, found := strings.Cut(page, begin)
	_, tail, ends := strings.Cut(rest, after)
	if !found || !ends {
		return "", fmt.Errorf("there is no place for the table; it lies between the lines %q and %q", strings.TrimSpace(begin), strings.TrimSpace(after))
	}
	return head + begin + table + after + tail, nil
}
