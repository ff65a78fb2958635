package temporal

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// keptMessages bounds what a failure repeats of go's words.
const keptMessages = 10

// progress is what "go install -v" has said so far.
type progress struct {
	started    time.Time
	programs   []string // what is built, and comes last
	downloaded int
	compiled   int
	current    string   // the module or package named last
	messages   []string // the last lines that were neither
}

func (p *progress) add(line string) {
	switch {
	case strings.HasPrefix(line, "go: downloading "):
		p.downloaded++
		p.current = strings.TrimPrefix(line, "go: downloading ")
	case line != "" && !strings.ContainsAny(line, " \t:"):
		p.compiled++
		p.current = line
	default:
		p.messages = append(p.messages, line)
		p.messages = p.messages[max(0, len(p.messages)-keptMessages):]
	}
}

// line tells it in one line, such as
// "temporal: 35s: 212 modules downloaded, 480 packages compiled; now google.golang.org/grpc".
func (p *progress) line(now time.Time) string {
	doing := p.current
	switch {
	case doing == "":
		doing = "looking up modules"
	case slices.Contains(p.programs, doing):
		doing = "linking"
	}
	return fmt.Sprintf("temporal: %s: %d modules downloaded, %d packages compiled; now %s",
		p.elapsed(now), p.downloaded, p.compiled, doing)
}

func (p *progress) elapsed(now time.Time) time.Duration {
	return now.Sub(p.started).Round(time.Second)
}
