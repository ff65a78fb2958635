package main

import (
	"context"

	"go.temporal.io/sdk/client"
)

// lateClient is Temporal where something happens at the worst moment: just before a Schedule
// is paused, or between an update's last look at it and the update.
type lateClient struct {
	client.Client
	pauses, updates func() // nil for nothing
}

type lateSchedules struct {
	client.ScheduleClient
	lateClient
}

type lateHandle struct {
	client.ScheduleHandle
	lateClient
}

func (c lateClient) ScheduleClient() client.ScheduleClient {
	return lateSchedules{c.Client.ScheduleClient(), c}
}

func (c lateSchedules) GetHandle(ctx context.Context, id string) client.ScheduleHandle {
	return lateHandle{c.ScheduleClient.GetHandle(ctx, id), c.lateClient}
}

func (h lateHandle) Pause(ctx context.Context, options client.SchedulePauseOptions) error {
	if h.pauses != nil {
		h.pauses()
	}
	return h.ScheduleHandle.Pause(ctx, options)
}

func (h lateHandle) Update(ctx context.Context, options client.ScheduleUpdateOptions) error {
	decide := options.DoUpdate
	options.DoUpdate = func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
		update, err := decide(in)
		if h.updates != nil {
			h.updates()
		}
		return update, err
	}
	return h.ScheduleHandle.Update(ctx, options)
}
