package main

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"os"

	"tokenkeeper/internal/config"
)

// identity is what Temporal calls this worker in histories and lists of pollers. In a
// container every process is number 1, and containers that share a network share a host's
// name as well; so it ends in letters of its own, which the first log line has too.
func identity(d config.Deployment) string {
	host, _ := os.Hostname()
	build := cmp.Or(d.BuildID, config.Revision(), "unversioned")
	return fmt.Sprintf("%d@%s@%s@%s", os.Getpid(), host, build, rand.Text()[:6])
}
