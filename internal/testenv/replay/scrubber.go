package replay

import (
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
)

// scrubber remembers what it has called the things of one history.
type scrubber struct {
	start     time.Time
	taskQueue string
	names     map[string]string // by what they were
	count     map[string]int    // by kind
}

func newScrubber(start time.Time) *scrubber {
	return &scrubber{start: start, names: map[string]string{}, count: map[string]int{}}
}

// midnight is when every history begins.
var midnight = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var (
	uuid     = regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`)
	hex      = regexp.MustCompile(`\b(?:[0-9a-f]{32}|[0-9a-f]{16})\b`)
	numbered = regexp.MustCompile(`\b(?i:row|other|deployment)-\d+\b`)
	address  = regexp.MustCompile(`\b(127\.0\.0\.1|localhost):\d+\b`)
	stamp    = regexp.MustCompile(`\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z| UTC|[+-]\d\d:\d\d)`)
	fraction = regexp.MustCompile(`^\d+\.\d+s$`)
)

// text scrubs a text that a person or a program may read.
func (s *scrubber) text(text string) string {
	if text == s.taskQueue {
		return "token-refresh"
	}
	text = uuid.ReplaceAllStringFunc(text, func(id string) string {
		return s.name("run", id, "00000000-0000-4000-8000-%012d")
	})
	text = hex.ReplaceAllStringFunc(text, func(id string) string {
		return s.name(fmt.Sprintf("hex%d", len(id)), id, fmt.Sprintf("%%0%dd", len(id)))
	})
	text = numbered.ReplaceAllStringFunc(text, func(name string) string {
		kind, _, _ := strings.Cut(name, "-")
		number := s.name(strings.ToLower(kind), strings.ToLower(name), "%d")
		return kind + "-" + number
	})
	text = address.ReplaceAllString(text, "$1:0")
	return stamp.ReplaceAllStringFunc(text, s.time)
}

// name is what a thing is called in the scrubbed history: the next number of its
// kind where it is new.
func (s *scrubber) name(kind, was, format string) string {
	if _, known := s.names[was]; !known {
		s.count[kind]++
		s.names[was] = fmt.Sprintf(format, s.count[kind])
	}
	return s.names[was]
}

// time moves a time to where it would be, had the run begun at midnight.
func (s *scrubber) time(text string) string {
	for layout, shown := range map[string]string{
		time.RFC3339Nano:          time.RFC3339,
		"2006-01-02 15:04:05 MST": "2006-01-02 15:04:05 MST",
	} {
		if t, err := time.Parse(layout, text); err == nil {
			after := math.Round(t.Sub(s.start).Seconds())
			return midnight.Add(time.Duration(after) * time.Second).Format(shown)
		}
	}
	return text
}

// duration rounds a duration as protojson writes it.
func (s *scrubber) duration(text string) string {
	d, err := time.ParseDuration(text)
	if err != nil {
		return text
	}
	return fmt.Sprintf("%ds", int64(math.Round(d.Seconds())))
}

func sortedKeys(o map[string]any) []string { return slices.Sorted(maps.Keys(o)) }
