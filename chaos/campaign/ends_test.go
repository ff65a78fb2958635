package campaign

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	failurepb "go.temporal.io/api/failure/v1"
	historypb "go.temporal.io/api/history/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"tokenkeeper/activities"
	"tokenkeeper/workflows"
)

func TestAnOperatorsHandExplainsTheseEnds(t *testing.T) {
	for end, want := range map[ending]bool{
		{how: completed}: true, {how: cancelled}: true, {how: terminated}: true, {how: stillOpen}: false,
		{how: workflows.ReauthorizationRequired}: true, // judged by what was lost

		{how: workflows.Unexplained}:                       false,
		{how: workflows.Unexplained, byHand: true}:         true,
		{how: activities.UnexpectedResult}:                 false,
		{how: activities.UnexpectedResult, byHand: true}:   true,
		{how: activities.GenerationConflict, byHand: true}: false,
		{how: "VaultRefused", byHand: true}:                false,
	} {
		require.Equal(t, want, end.explained(), end)
	}
}

func TestAFailedRunsHistorySaysHowItEnded(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	started := &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionStartedEventAttributes{
		WorkflowExecutionStartedEventAttributes: &historypb.WorkflowExecutionStartedEventAttributes{}}}
	scheduled := func(activity string) *historypb.HistoryEvent {
		return &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{
			ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{ActivityType: &commonpb.ActivityType{Name: activity}}}}
	}
	completedBy := func(who string) *historypb.HistoryEvent {
		return &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_ActivityTaskCompletedEventAttributes{
			ActivityTaskCompletedEventAttributes: &historypb.ActivityTaskCompletedEventAttributes{Identity: who}}}
	}
	failedBy := func(who string) *historypb.HistoryEvent {
		return &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_ActivityTaskFailedEventAttributes{
			ActivityTaskFailedEventAttributes: &historypb.ActivityTaskFailedEventAttributes{Identity: who}}}
	}
	failedAs := func(kinds ...string) *historypb.HistoryEvent {
		var failure *failurepb.Failure
		for _, kind := range kinds {
			failure = &failurepb.Failure{Cause: failure, FailureInfo: &failurepb.Failure_ApplicationFailureInfo{
				ApplicationFailureInfo: &failurepb.ApplicationFailureInfo{Type: kind}}}
		}
		return &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_WorkflowExecutionFailedEventAttributes{
			WorkflowExecutionFailedEventAttributes: &historypb.WorkflowExecutionFailedEventAttributes{Failure: failure}}}
	}
	const worker = "7@host"
	for _, tc := range []struct {
		name   string
		events []*historypb.HistoryEvent // a second apart
		how    string
		looked time.Duration
		byHand bool
	}{
		{"it fails at once", []*historypb.HistoryEvent{started, failedAs("InvalidInput")}, "InvalidInput", 0, false},
		{"it looks twice", []*historypb.HistoryEvent{started, scheduled(loadSecrets), completedBy(worker), scheduled("CallFitbit"), failedBy(worker), scheduled(loadSecrets), completedBy(worker), failedAs(workflows.ReauthorizationRequired)},
			workflows.ReauthorizationRequired, 5 * time.Second, false},
		{"an activity is failed by hand", []*historypb.HistoryEvent{started, scheduled(loadSecrets), failedBy(identity), failedAs("")}, workflows.Unexplained, time.Second, true},
		{"one is completed by hand", []*historypb.HistoryEvent{started, scheduled(loadSecrets), completedBy(identity), failedAs(activities.UnexpectedResult)}, activities.UnexpectedResult, time.Second, true},
		{"the type is the cause's", []*historypb.HistoryEvent{started, failedAs("VaultRefused", "")}, "VaultRefused", 0, false},
		{"no type at all", []*historypb.HistoryEvent{started, scheduled(loadSecrets), failedBy(worker), failedAs("", "")}, workflows.Unexplained, time.Second, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var e ending
			for i, event := range tc.events {
				event.EventTime = timestamppb.New(start.Add(time.Duration(i) * time.Second))
				e.read(event)
			}
			require.Equal(t, ending{tc.how, start.Add(tc.looked), start.Add(time.Duration(len(tc.events)-1) * time.Second), tc.byHand}, e)
		})
	}
}

func TestARunMayAskForAConsentOnlyWhereATokenWasLost(t *testing.T) {
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	at := func(seconds int) time.Time { return start.Add(time.Duration(seconds) * time.Second) }
	lost := Loss{Account: "one", committed: at(10), consented: at(60)}
	never := lost
	never.consented = time.Time{}
	for _, tc := range []struct {
		name          string
		looked, ended int
		losses        []Loss
		want          bool
	}{
		{"nothing is lost", 20, 30, nil, false},
		{"it is lost", 20, 30, []Loss{lost}, true},
		{"lost after it had looked", 5, 30, []Loss{lost}, true},
		{"lost after its end", 5, 9, []Loss{lost}, false},
		{"it ends after the consent, which it has not read", 59, 70, []Loss{lost}, true},
		{"it has read the consent", 61, 70, []Loss{lost}, false},
		{"no consent was given", 100, 110, []Loss{never}, true},
		{"one of many", 20, 30, []Loss{{Account: "one", committed: at(1), consented: at(2)}, lost}, true},
		{"another account's", 20, 30, []Loss{{Account: "two", committed: at(10)}}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			unfounded := falseAlarms([]alarm{{"one", "run", at(tc.looked), at(tc.ended)}}, tc.losses)
			require.Equal(t, tc.want, len(unfounded) == 0)
		})
	}
}
