package activities

import (
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	failurepb "go.temporal.io/api/failure/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
)

func TestTheCauseOfAnAlert(t *testing.T) {
	pending := func(name string, change func(*workflowpb.PendingActivityInfo)) *workflowpb.PendingActivityInfo {
		p := &workflowpb.PendingActivityInfo{ActivityId: "11", ActivityType: &commonpb.ActivityType{Name: name}, Attempt: 7, State: enumspb.PENDING_ACTIVITY_STATE_SCHEDULED}
		change(p)
		return p
	}
	failed := func(p *workflowpb.PendingActivityInfo) {
		p.LastFailure = &failurepb.Failure{Message: "vault: set RefreshToken: access denied."}
	}
	const unpause = "temporal activity unpause --workflow-id fitbit-token-refresh --activity-id 11."
	for _, c := range []struct {
		name    string
		pending []*workflowpb.PendingActivityInfo
		want    string
	}{
		{"nothing is pending", nil, ""},
		{"only the alert is", []*workflowpb.PendingActivityInfo{pending("Alert", failed)}, ""},
		{"it has failed", []*workflowpb.PendingActivityInfo{pending("StoreSecrets", failed), pending("Alert", failed)},
			"The last failure of StoreSecrets, before attempt 7: vault: set RefreshToken: access denied."},
		{"it is paused", []*workflowpb.PendingActivityInfo{pending("CallFitbit", func(p *workflowpb.PendingActivityInfo) { p.Paused = true })},
			"CallFitbit is paused; let it go on: " + unpause},
		{"it is paused and has failed", []*workflowpb.PendingActivityInfo{pending("CallFitbit", func(p *workflowpb.PendingActivityInfo) { p.Paused = true; failed(p) })},
			"CallFitbit is paused; let it go on: " + unpause + " The last failure of CallFitbit, before attempt 7: vault: set RefreshToken: access denied."},
		{"no worker", []*workflowpb.PendingActivityInfo{pending("LoadSecrets", func(*workflowpb.PendingActivityInfo) {})},
			"No worker has taken LoadSecrets; see that workers poll its task queue."},
		{"it is at it", []*workflowpb.PendingActivityInfo{pending("LoadSecrets", func(p *workflowpb.PendingActivityInfo) { p.State = enumspb.PENDING_ACTIVITY_STATE_STARTED })},
			"LoadSecrets is at attempt 7, which has not ended."},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, causeOf("fitbit-token-refresh", c.pending)) })
	}
}
