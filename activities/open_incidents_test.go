package activities_test

import (
	"cmp"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/activities"
	"tokenkeeper/internal/incident"
)

// openIncidents has the given reasons open at every provider.
type openIncidents struct {
	reasons []string
	err     error
	asked   int
	reports []incident.Report
}

func (o *openIncidents) Report(_ context.Context, _, _ string, r incident.Report) error {
	o.reports = append(o.reports, r)
	return nil
}

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

// The answer to the question for the cause may not come, and older runs do not say what has
// started them.
func TestAReportNamesTheScheduleAlsoWhereTemporalDoesNotSay(t *testing.T) {
	s := newSystem(t)
	to := &openIncidents{}
	s.Incidents = to
	scheduled, err := converter.GetDefaultDataConverter().ToPayload("of-the-server")
	require.NoError(t, err)
	s.temporal.attributes = map[string]*commonpb.Payload{"TemporalScheduledById": scheduled}
	for _, in := range []struct {
		schedule string
		away     error
	}{{"", nil}, {"of-the-run", nil}, {"of-the-run", errors.New("Temporal is away")}} {
		s.temporal.listErr = in.away
		_, err := perform[any](s, attempt{}, "Alert", activities.AlertInput{Account: account, Reason: "CallStuck", Message: "m", Schedule: in.schedule})
		require.NoError(t, err)
		require.Equal(t, cmp.Or(in.schedule, "of-the-server"), to.reports[len(to.reports)-1].Schedule)
	}
}
