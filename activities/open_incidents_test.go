package activities_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/activities"
	"tokenkeeper/internal/incident"
)

// openIncidents has the given reasons open at every provider.
type openIncidents struct {
	reasons []string
	err     error
	asked   int
}

func (*openIncidents) Report(context.Context, string, string, incident.Report) error { return nil }

func (o *openIncidents) Open(context.Context, string) ([]string, error) {
	o.asked++
	return o.reasons, o.err
}

func (*openIncidents) Over(context.Context, string, incident.Holder) (bool, error) {
	return false, nil
}

// Only a run that follows no green one asks, and no answer keeps nothing from being loaded.
func TestALoadFindsOpenIncidentsWhereItIsAsked(t *testing.T) {
	s := newSystem(t)
	open := &openIncidents{reasons: []string{"CallStuck", "InvalidClient"}}
	s.Incidents = open
	load := func(asks bool) activities.LoadResult {
		loaded, err := perform[activities.LoadResult](s, attempt{run: "run-1"}, "LoadSecrets", activities.LoadInput{Account: account, Incidents: asks})
		require.NoError(t, err)
		require.NotEmpty(t, loaded.Grant)
		return loaded
	}
	require.Empty(t, load(false).Incidents)
	require.Zero(t, open.asked)
	require.Equal(t, open.reasons, load(true).Incidents)
	open.reasons, open.err = nil, errors.New("Temporal is away")
	require.Empty(t, load(true).Incidents)
}
