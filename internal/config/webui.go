package config

import (
	"net"
	"strings"
)

// guessWebUI is where the Web UI of a Temporal server most likely is: the dev
// server has it on port 8233 of the same machine, and Temporal Cloud has one
// for all. Elsewhere there is no telling.
func guessWebUI(temporal string) string {
	host, _, err := net.SplitHostPort(temporal)
	if err != nil {
		host = temporal
	}
	ip := net.ParseIP(host)
	switch {
	case host == "localhost" || ip != nil && ip.IsLoopback():
		return "http://localhost:8233"
	case strings.HasSuffix(host, ".tmprl.cloud") || strings.HasSuffix(host, ".api.temporal.io"):
		return "https://cloud.temporal.io"
	}
	return ""
}
