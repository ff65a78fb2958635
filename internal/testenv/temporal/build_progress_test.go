package temporal

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestProgressTellsHowFarTheBuildIs(t *testing.T) {
	started := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		name    string
		printed []string
		want    string
	}{
		{
			name: "nothing printed yet",
			want: "temporal: 35s: 0 modules downloaded, 0 packages compiled; now looking up modules",
		},
		{
			name:    "downloading",
			printed: []string{"go: downloading google.golang.org/grpc v1.72.0", "go: downloading go.temporal.io/api v1.50.0"},
			want:    "temporal: 35s: 2 modules downloaded, 0 packages compiled; now go.temporal.io/api v1.50.0",
		},
		{
			name:    "compiling",
			printed: []string{"go: downloading google.golang.org/grpc v1.72.0", "google.golang.org/grpc/codes", "google.golang.org/grpc"},
			want:    "temporal: 35s: 1 modules downloaded, 2 packages compiled; now google.golang.org/grpc",
		},
		{
			name:    "linking",
			printed: []string{"google.golang.org/grpc", "github.com/temporalio/cli/cmd/temporal"},
			want:    "temporal: 35s: 0 modules downloaded, 2 packages compiled; now linking",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := &progress{started: started, programs: []string{module}}
			for _, line := range tc.printed {
				p.addLine(line)
			}
			require.Equal(t, tc.want, p.describe(started.Add(35*time.Second)))
			require.Empty(t, p.messages)
		})
	}
}

func TestProgressKeepsTheLastThingsThatWentWrong(t *testing.T) {
	p := &progress{}
	for range 2 * keptMessages {
		p.addLine("go: some warning")
	}
	p.addLine("google.golang.org/grpc")
	p.addLine("go: dial tcp: lookup proxy.invalid: no such host")

	require.Len(t, p.messages, keptMessages)
	require.True(t, strings.HasSuffix(p.messages[keptMessages-1], "no such host"))
}
