package config

import "strings"

// printing finds the variables with which Go prints what it sends and receives: with
// http2debug every header and the first 256 bytes of every body go to standard error,
// where a log keeps them.
func (p *problems) printing(environ map[string]string) {
	for setting := range strings.SplitSeq(environ["GODEBUG"], ",") {
		if name, value, _ := strings.Cut(strings.TrimSpace(setting), "="); name == "http2debug" && value != "0" {
			p.add("GODEBUG", "has http2debug, which prints tokens and client secrets; take it out, and trace against a simulator in its place")
			return
		}
	}
}
