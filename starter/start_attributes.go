package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/temporal"
	"google.golang.org/grpc/codes"

	"tokenkeeper/workflows"
)

// startAttributes are the search attributes that a start may give: those that the namespace
// has, of the right type. Each run of a cron begins with those of its start, so that the
// runs that wait for their time can be listed by account and provider. A namespace that
// lacks one refuses the start, so that one which does not let itself be asked counts as
// having none.
type startAttributes struct{ account, provider bool }

// of is what the start of an account's cron carries.
func (a startAttributes) of(t target) temporal.SearchAttributes {
	var updates []temporal.SearchAttributeUpdate
	if a.account {
		updates = append(updates, workflows.TokenAccount.ValueSet(t.Account.Name))
	}
	if a.provider {
		updates = append(updates, workflows.TokenProvider.ValueSet(t.Account.Provider))
	}
	return temporal.NewSearchAttributes(updates...)
}

// askOnceForAttributes asks the namespace when it is first called, and again where it gave no
// answer: a cron that was started without them cannot be given them later.
func (app *temporalApp) askOnceForAttributes() func(context.Context) (startAttributes, error) {
	var mu sync.Mutex
	var known bool
	var has startAttributes
	return func(ctx context.Context) (startAttributes, error) {
		mu.Lock()
		defer mu.Unlock()
		if known {
			return has, nil
		}
		listed, err := app.listAttributes(ctx)
		switch grpcCode(err) {
		case codes.OK:
		case codes.PermissionDenied, codes.Unimplemented:
			listed, err = nil, nil
		}
		if err != nil {
			return has, fmt.Errorf("ask which search attributes the namespace %s has: %w", app.namespace, err)
		}
		is := func(key temporal.SearchAttributeKey) bool {
			return listed.GetCustomAttributes()[key.GetName()] == enumspb.INDEXED_VALUE_TYPE_KEYWORD
		}
		known, has = true, startAttributes{is(workflows.TokenAccount), is(workflows.TokenProvider)}
		return has, nil
	}
}

// listAttributes asks a few times: the SDK does not retry what is asked of the operator's
// service.
func (app *temporalApp) listAttributes(ctx context.Context) (listed *operatorservice.ListSearchAttributesResponse, err error) {
	const tries, pause = 4, 500 * time.Millisecond
	for try := range tries {
		if try > 0 {
			select {
			case <-time.After(pause << try):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		asking, cancel := context.WithTimeout(ctx, dialTimeout)
		listed, err = app.temporal.OperatorService().ListSearchAttributes(asking, &operatorservice.ListSearchAttributesRequest{Namespace: app.namespace})
		cancel()
		switch grpcCode(err) {
		case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted, codes.Internal:
		default:
			return listed, err
		}
	}
	return nil, err
}
