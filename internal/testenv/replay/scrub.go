// Package histories makes recorded workflow histories fit to be kept: free of
// whatever tells about the machine or differs from one recording to the next,
// so that recording a path anew shows only what has changed about the path.
//
// What is left replays like the original. A workflow decides by the order of
// events, by what activities returned and by the distance between times; none of
// these is touched, but for fractions of a second.
package replay

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
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
//   - the given task queue is token-refresh;
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
	s := newScrubber(h.GetEvents()[0].GetEventTime().AsTime())
	s.taskQueue = taskQueue
	clean, err := json.MarshalIndent(s.value("", tree), "", " ")
	return append(clean, '\n'), err
}

// dropped are fields that no replay reads and that differ from run to run.
var dropped = map[string]bool{
	"taskId": true, "historySizeBytes": true, "stackTrace": true, "binaryChecksum": true, "version": true,
	"workerInstanceKey": true, "workerControlTaskQueue": true, "meteringMetadata": true, "header": true,
}

// value scrubs whatever stands under a key.
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
	for _, key := range sortedKeys(o) {
		switch data, _ := o[key].(string); {
		case isPayload && key == "metadata":
			clean[key] = metadata // not ours to read: encodings in base64
		case isPayload && key == "data":
			clean[key] = s.payload(data)
		case !dropped[key] || isVersion(o[key]):
			clean[key] = s.value(key, o[key])
		}
	}
	return clean
}

// isVersion tells a deployment version, which replay needs, from an event's
// version number.
func isVersion(v any) bool {
	_, isObject := v.(map[string]any)
	return isObject
}

// sealed finds what workflows carry without looking into it.
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
