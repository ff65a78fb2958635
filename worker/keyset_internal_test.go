package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/incident"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/vault"
)

func TestWhatAReadingOfTheKeysetShows(t *testing.T) {
	good := seal.Report{Primary: 1, Versions: []seal.VersionReport{{ID: "v1"}}}
	elsewhere, malformed, cut := good, good, good
	elsewhere.Elsewhere = &seal.VersionReport{ID: "v2", Primary: 2}
	cut.Elsewhere, cut.Bridge = &seal.VersionReport{ID: "v3", Primary: 2}, "v2"
	malformed.Malformed = true
	for name, c := range map[string]struct {
		report seal.Report
		err    error
		want   keysetIncident
		says   string
		known  bool
	}{
		"a good one":               {good, nil, keysetIncident{}, "", true},
		"a stranger's on top":      {elsewhere, nil, keysetIncident{keysetElsewhere, "v2"}, "version v2 has key 2 as its primary one", true},
		"one that lacks a step":    {cut, nil, keysetIncident{keysetElsewhere, "v3"}, "enable version v2 again, or disable version v3", true},
		"what is none on top":      {malformed, nil, keysetIncident{keysetMalformed, "v1"}, "version v1 is no keyset, and key 1 of an older version seals", true},
		"none":                     {seal.Report{}, fmt.Errorf("seal: look at the keyset: %w", seal.ErrNoKeyset), keysetIncident{cause: keysetLost}, "starter keys init", true},
		"nothing but corrupt ones": {seal.Report{}, seal.ErrCorrupt, keysetIncident{cause: keysetLost}, "enable an intact older version", true},
		"a deleted one":            {seal.Report{}, &vault.Error{Kind: vault.ErrDeleted, Fix: "bring it back"}, keysetIncident{cause: keysetLost}, "bring it back", true},
		"a vault that is away":     {seal.Report{}, &vault.Error{Kind: vault.ErrUnavailable}, keysetIncident{}, "", false},
		"a refusal":                {seal.Report{}, &vault.Error{Kind: vault.ErrDenied}, keysetIncident{}, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			found, message, known := findKeysetIncident(c.report, c.err)
			require.Equal(t, c.want, found)
			require.Equal(t, c.known, known)
			require.Contains(t, message, c.says)
		})
	}
}

// rows are the regular expressions of the page's table of what a worker says.
func rows(t *testing.T) (rows []*regexp.Regexp) {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "docs", "keyset.md"))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(page), "\n## `the keyset needs a person`")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	for line := range strings.Lines(section) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		for _, said := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(first, -1) {
			rows = append(rows, regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(said[1]), "…", ".*")))
		}
	}
	require.Len(t, rows, 7)
	return rows
}

func TestEveryIncidentOfTheKeysetIsDocumented(t *testing.T) {
	documented := rows(t)
	for _, c := range []struct {
		report seal.Report
		err    error
	}{
		{report: seal.Report{Elsewhere: &seal.VersionReport{ID: "v2", Primary: 2}}},
		{report: seal.Report{Elsewhere: &seal.VersionReport{ID: "v3", Primary: 2}, Bridge: "v2"}},
		{report: seal.Report{Malformed: true, Versions: []seal.VersionReport{{ID: "v2"}}}},
		{err: seal.ErrNoKeyset}, {err: seal.ErrCorrupt}, {err: &vault.Error{Kind: vault.ErrDeleted}}, {err: &vault.Error{Kind: vault.ErrDisabled}},
	} {
		_, message, known := findKeysetIncident(c.report, c.err)
		require.True(t, known)
		require.True(t, slices.ContainsFunc(documented, func(row *regexp.Regexp) bool { return row.MatchString(message) }), message)
	}
}

// reading is what the keyset looks like, and how often it was read.
type reading struct {
	mu     sync.Mutex
	report seal.Report
	err    error
	counts map[string]int
	reads  int
	log    bytes.Buffer
}

func (r *reading) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.Write(line)
}

func (r *reading) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.String()
}

func (r *reading) counted(cause keysetCause) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[string(cause)]
}

func (r *reading) Inspect(context.Context) (seal.Report, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads++
	return r.report, r.err
}

func (r *reading) KeysetChanged(_ context.Context, cause string, n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[cause] += n
}

func (r *reading) becomes(report seal.Report, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report, r.err = report, err
}

// rest lets time pass, and what is due then come to an end.
func rest(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func TestOneIncidentOfTheKeysetIsOneCountAndIsRemindedOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, told := &reading{counts: map[string]int{}}, &reported{}
		m := &keysetMonitor{keyring: r, metrics: r, incident: newFleetIncident(told, incident.KeysetChanged, nil), log: slog.New(slog.NewTextHandler(r, nil))}
		stop := m.start(t.Context())
		defer stop()
		synctest.Wait()
		r.mu.Lock()
		require.Equal(t, map[string]int{"elsewhere": 0, "malformed": 0, "lost": 0}, r.counts, "known before the first incident")
		r.mu.Unlock()

		r.becomes(seal.Report{Elsewhere: &seal.VersionReport{ID: "v2"}}, nil)
		rest(seal.CacheLife)
		require.Equal(t, 1, strings.Count(r.said(), "level=ERROR"))
		rest(remindEvery + seal.CacheLife)
		r.becomes(seal.Report{}, errors.New("the vault is away"))
		rest(seal.CacheLife)
		require.Equal(t, 2, strings.Count(r.said(), "level=ERROR"))
		require.Equal(t, 1, r.counted(keysetElsewhere))
		require.Equal(t, []string{"KeysetChanged healed", "KeysetChanged raised", "KeysetChanged raised"}, told.take())
		require.NotContains(t, r.said(), "believed again")

		r.becomes(seal.Report{}, nil)
		rest(seal.CacheLife)
		require.Contains(t, r.said(), "the keyset can be believed again")
		require.Equal(t, []string{"KeysetChanged healed"}, told.take())
	})
}

// A rotation waits for so long, and no longer.
func TestAnIdleWorkerReadsTheKeysetInLessThanItsCacheLives(t *testing.T) {
	require.Less(t, keysetEvery+keysetJitter+keysetTimeout, seal.RotationPause)
	require.Less(t, keysetEvery+keysetJitter, seal.CacheLife)
	synctest.Test(t, func(t *testing.T) {
		r := &reading{counts: map[string]int{}}
		stop := (&keysetMonitor{keyring: r, metrics: r, incident: newFleetIncident(&reported{}, incident.KeysetChanged, nil), log: slog.New(slog.DiscardHandler)}).start(t.Context())
		defer stop()
		rest(100 * seal.CacheLife)
		r.mu.Lock()
		defer r.mu.Unlock()
		require.Greater(t, r.reads, 100)
	})
}
