package workflows_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"

	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/testenv/replay"
	"tokenkeeper/workflows"
)

// recordings is where the histories of all paths lie: a folder for each set, and
// a higher number for each that was recorded later. See the README in it.
const recordings = "testdata/histories"

// howToGoOn says what to do about a change that breaks a replay.
const howToGoOn = `

This recorded run no longer replays: at some point it decides otherwise than it did. A run that is
at work when workers with this change take over would be stuck at that point, with the pair that
it may hold, until workers without the change are back. What to do:

  - Keep what recorded runs did, beside what new runs do: branch on workflow.GetVersion. The old
    branch may go when no run that began before the change can be at work any more.
  - A new build id does not replace that. Pinned runs stay on their version, but workers without
    a deployment have no versions, and a pinned run whose workers are gone is moved to new ones.
  - If no released version has ever made this decision, the recording is what is wrong: record
    the newest set again with "make histories", and read its diff. Sets that a release has are
    never recorded again; "make histories SET=<the next number>" begins a new one beside them.

` + recordings + `/README.md has the whole.`

func TestRecordedRunsReplay(t *testing.T) {
	for _, set := range sets(t) {
		for name, h := range readSet(t, set) {
			t.Run(set+"/"+name, func(t *testing.T) {
				// Workers may disagree on what the namespace has: a run goes by what
				// its first worker has recorded.
				for _, attributes := range []workflows.Attributes{allAttributes, {Searchable: true}, {}} {
					flows := &workflows.Workflows{Attributes: attributes}
					if err := replay.Replay(h, workflows.Type, flows.RefreshTokens); err != nil {
						t.Fatalf("%v%s", err, howToGoOn)
					}
				}
			})
		}
	}
}

// incidents are the recordings of TokenIncident, which no version of the workers pins: one
// that lasts goes on over new code.
const incidents = "testdata/incidents"

func TestRecordedIncidentsReplay(t *testing.T) {
	for name, h := range readIncidents(t) {
		t.Run(name, func(t *testing.T) {
			if err := replay.Replay(h, incident.Type, (&workflows.Workflows{}).TokenIncident); err != nil {
				t.Fatalf("%v%s", err, howToGoOn)
			}
		})
	}
}

func readIncidents(t *testing.T) map[string]*historypb.History {
	t.Helper()
	all := map[string]*historypb.History{}
	for _, set := range sets(t) {
		for name, h := range readFiles(t, filepath.Join(incidents, set)) {
			all[set+"/"+name] = h
		}
	}
	return all
}

// sets are the names of the sets, the newest last.
func sets(t *testing.T) []string {
	t.Helper()
	entries, err := os.ReadDir(recordings)
	require.NoError(t, err)
	var numbers []int
	for _, e := range entries {
		if e.IsDir() {
			number, err := strconv.Atoi(e.Name())
			require.NoError(t, err, "a set's name is its number")
			numbers = append(numbers, number)
		}
	}
	require.NotEmpty(t, numbers)
	slices.Sort(numbers)
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = strconv.Itoa(n)
	}
	return names
}

// readSet gives the histories of a set by the names of their paths.
func readSet(t *testing.T, set string) map[string]*historypb.History {
	t.Helper()
	return readFiles(t, filepath.Join(recordings, set))
}

func readFiles(t *testing.T, folder string) map[string]*historypb.History {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	all := map[string]*historypb.History{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		h, err := replay.Read(text)
		require.NoError(t, err, file)
		all[strings.TrimSuffix(filepath.Base(file), ".json")] = h
	}
	return all
}
