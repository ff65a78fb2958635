package main_test

import (
	"fmt"

	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"google.golang.org/protobuf/proto"

	"tokenkeeper/internal/sim/authserver"
)

// refreshHeld starts a run and waits until the provider has spent the refresh
// token and keeps the answer back; release lets it go.
func (a account) refreshHeld() run {
	a.t.Helper()
	require.NoError(a.t, a.Provider.Inject(authserver.Fault{Endpoint: authserver.Token, User: a.user, Hold: true}))
	r := a.refresh()
	a.held()
	return r
}

func (a account) release() {
	a.t.Helper()
	require.Equal(a.t, 1, a.Provider.Release(a.user), "requests held")
}

// retries waits until an activity of the run has failed often enough to be in
// the given attempt.
func (r run) retries(activity string, attempt int32) {
	r.t.Helper()
	r.eventually(fmt.Sprintf("%s is in attempt %d", activity, attempt), func() bool { return r.pending(activity).GetAttempt() >= attempt })
}

// recorded waits until the history has an event of a type.
func (r run) recorded(kind enumspb.EventType) {
	r.t.Helper()
	r.eventually(kind.String()+" is recorded", func() bool {
		for _, e := range r.history() {
			if e.GetEventType() == kind {
				return true
			}
		}
		return false
	})
}

// holdsNoSecret asserts that whatever the history holds, it holds sealed.
func (r run) holdsNoSecret() {
	r.t.Helper()
	for _, e := range r.history() {
		raw, err := proto.Marshal(e)
		require.NoError(r.t, err)
		if r.secretIn(string(raw)) {
			r.t.Fatalf("event %d (%s) holds a secret in the clear", e.GetEventId(), e.GetEventType())
		}
	}
}
