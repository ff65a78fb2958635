package main

import (
	"context"
	"sync"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/workflows"
)

// startAttributes are the search attributes that a start may give: those that the namespace
// has, of the right type. Each run of a cron begins with those of its start, so that the
// runs that wait for their time can be listed by account and provider. A namespace that
// lacks one refuses the start, so that one which cannot be asked counts as having none.
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

// askOnceForAttributes asks the namespace when it is first called.
func (app *temporalApp) askOnceForAttributes() func(context.Context) startAttributes {
	var once sync.Once
	var has startAttributes
	return func(ctx context.Context) startAttributes {
		once.Do(func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dialTimeout)
			defer cancel()
			listed, err := app.temporal.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: app.namespace})
			if err != nil {
				return
			}
			is := func(key temporal.SearchAttributeKey) bool {
				return listed.GetCustomAttributes()[key.GetName()] == enumspb.INDEXED_VALUE_TYPE_KEYWORD
			}
			has = startAttributes{is(workflows.TokenAccount), is(workflows.TokenProvider)}
		})
		return has
	}
}
