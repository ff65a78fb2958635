package main

import (
	"fmt"
	"strings"
)

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
