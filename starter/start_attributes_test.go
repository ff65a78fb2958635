package main

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"

	"tokenkeeper/internal/testenv/temporal"
)

// unansweredClient is Temporal whose operator's service gives some errors first.
type unansweredClient struct {
	client.Client
	errs *[]error
}

type unansweredOperator struct {
	operatorservice.OperatorServiceClient
	errs *[]error
}

func (c unansweredClient) OperatorService() operatorservice.OperatorServiceClient {
	return unansweredOperator{c.Client.OperatorService(), c.errs}
}

func (o unansweredOperator) ListSearchAttributes(ctx context.Context, r *operatorservice.ListSearchAttributesRequest, options ...grpc.CallOption) (*operatorservice.ListSearchAttributesResponse, error) {
	if len(*o.errs) > 0 {
		err := (*o.errs)[0]
		*o.errs = (*o.errs)[1:]
		return nil, err
	}
	return o.OperatorServiceClient.ListSearchAttributes(ctx, r, options...)
}

// A hundred thousand crons would be started without them, and cannot be given them later.
func TestNoCronIsStartedWithoutSearchAttributesForWantOfAnAnswer(t *testing.T) {
	var out quietWriter
	app := appIn(t, "attributes", &out)
	_, err := app.temporal.OperatorService().AddSearchAttributes(t.Context(), &operatorservice.AddSearchAttributesRequest{Namespace: app.namespace, SearchAttributes: temporal.SearchAttributes()})
	require.NoError(t, err)
	want := startAttributes{true, true}
	require.Eventually(t, func() bool {
		has, err := app.askOnceForAttributes()(t.Context())
		return err == nil && has == want
	}, 2*time.Minute, 20*time.Millisecond)
	away := serviceerror.NewUnavailable("away")
	errs := []error{away}
	app.temporal = unansweredClient{app.temporal, &errs}
	app.attributes = app.askOnceForAttributes()
	has, err := app.attributes(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, has, "it is asked again")

	errs = []error{away, away, away, away}
	app.attributes = app.askOnceForAttributes()
	account, err := newTarget(app.providers, "fitbit", "will", "")
	require.NoError(t, err)
	_, err = app.startCron(t.Context(), account, "0 0 1 1 *", false)
	require.ErrorContains(t, err, "ask which search attributes the namespace attributes has: away")
	require.True(t, meetsAll(err))
	running, err := app.running(t.Context(), account.id)
	require.NoError(t, err)
	require.Empty(t, running)
	has, err = app.attributes(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, has, "a failure is not remembered")

	errs = []error{serviceerror.NewPermissionDenied("no role", "")}
	app.attributes = app.askOnceForAttributes()
	has, err = app.attributes(t.Context())
	require.NoError(t, err)
	require.Equal(t, startAttributes{}, has, "a namespace that cannot be asked has them not")
}
