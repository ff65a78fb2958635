// Package replay makes recorded workflow histories fit to be kept, and replays
// them. [Scrub] removes what depends on the machine or differs from one recording
// to the next, so that recording a path anew shows only what has changed about the
// path.
//
// What is left replays like the original. A workflow decides by the order of
// events, by what activities returned and by the distance between times; none of
// these is touched, but for fractions of a second.
package replay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// Scrub gives the history as the Temporal CLI prints it (temporal workflow show
// --output json) and client.HistoryFromJSON reads it, indented, with sorted keys:
//
//   - run ids, request ids, fingerprints, secret versions and the names that
//     tests number are counted from 1, alike wherever they stand;
//   - the first event is at midnight of 1 January 2026, all other times are as far
//     from it as they were, in whole seconds;
//   - sealed pairs and grants, which a workflow only passes on, are the word
//     "sealed";
//   - the given task queue is token-refresh, also in the names of its paced queues;
//   - identities, hosts, ports, sizes and stack traces are gone.
func Scrub(h *historypb.History, taskQueue string) ([]byte, error) {
	if len(h.GetEvents()) == 0 {
		return nil, fmt.Errorf("scrub a history: it has no events")
	}
	raw, err := temporalproto.CustomJSONMarshalOptions{}.Marshal(h)
	if err != nil {
		return nil, fmt.Errorf("scrub a history: %w", err)
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return nil, fmt.Errorf("scrub a history: %w", err)
	}
	s := &scrubber{start: h.GetEvents()[0].GetEventTime().AsTime(), taskQueue: taskQueue, names: map[string]string{}, count: map[string]int{}}
	clean, err := json.MarshalIndent(s.value("", tree), "", " ")
	return append(clean, '\n'), err
}

// Read is the inverse of Scrub, as far as Scrub has one.
func Read(text []byte) (*historypb.History, error) {
	h, err := client.HistoryFromJSON(bytes.NewReader(text), client.HistoryJSONOptions{})
	if err != nil {
		return nil, fmt.Errorf("read a history: %w", err)
	}
	return h, nil
}

// Replay runs today's code of a workflow over a history. The error says where the
// code decides otherwise than the history records.
func Replay(h *historypb.History, name string, code any) error {
	// The detector takes a machine that is starved for a second for a deadlock.
	replayer, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DisableDeadlockDetection: true})
	if err != nil {
		return err
	}
	replayer.RegisterWorkflowWithOptions(code, workflow.RegisterOptions{Name: name})
	return replayer.ReplayWorkflowHistory(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), h)
}

// scrubber scrubs one history, and remembers the names that it has given.
type scrubber struct {
	start     time.Time
	taskQueue string
	names     map[string]string // by the original
	count     map[string]int    // by kind
}

// dropped are fields that no replay reads and that differ from run to run.
var dropped = map[string]bool{
	"taskId": true, "historySizeBytes": true, "stackTrace": true, "binaryChecksum": true, "version": true,
	"workerInstanceKey": true, "workerControlTaskQueue": true, "meteringMetadata": true, "header": true,
}

// value scrubs the value of a key.
func (s *scrubber) value(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		return s.object(v)
	case []any:
		for i := range v {
			v[i] = s.value(key, v[i])
		}
		return v
	case string:
		switch {
		case strings.HasSuffix(strings.ToLower(key), "identity"):
			return "worker"
		case fraction.MatchString(v):
			return s.duration(v)
		}
		return s.text(v)
	default:
		return v
	}
}

func (s *scrubber) object(o map[string]any) any {
	if o["kind"] == "TASK_QUEUE_KIND_STICKY" {
		o["name"] = "sticky" // begins with the host's name
	}
	metadata, isPayload := o["metadata"].(map[string]any)
	clean := map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(o)) {
		switch data, _ := o[key].(string); {
		case isPayload && key == "metadata":
			clean[key] = metadata // encodings in base64
		case isPayload && key == "data":
			clean[key] = s.payload(data)
		case !dropped[key] || isVersion(o[key]):
			clean[key] = s.value(key, o[key])
		}
	}
	return clean
}

// isVersion distinguishes a deployment version, which replay needs, from an event's
// version number.
func isVersion(v any) bool {
	_, isObject := v.(map[string]any)
	return isObject
}

// sealed finds the envelopes that workflows pass on unopened.
var sealed = regexp.MustCompile(`"(grant|pair)":"[A-Za-z0-9+/=]+"`)

func (s *scrubber) payload(data string) string {
	plain, err := base64.StdEncoding.DecodeString(data)
	if err != nil {
		return data
	}
	word := base64.StdEncoding.EncodeToString([]byte("sealed"))
	text := sealed.ReplaceAllString(string(plain), `"$1":"`+word+`"`)
	return base64.StdEncoding.EncodeToString([]byte(s.text(text)))
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

// text scrubs a string, wherever it stands.
func (s *scrubber) text(text string) string {
	if rest, its := strings.CutPrefix(text, s.taskQueue); its && (rest == "" || strings.HasPrefix(rest, "-paced")) {
		return "token-refresh" + rest
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

// name is the original's name in the scrubbed history: the next number of its
// kind where it is new.
func (s *scrubber) name(kind, original, format string) string {
	if _, known := s.names[original]; !known {
		s.count[kind]++
		s.names[original] = fmt.Sprintf(format, s.count[kind])
	}
	return s.names[original]
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
