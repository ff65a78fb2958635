package main

import (
	"context"
	"log/slog"
	"time"

	"go.temporal.io/sdk/client"

	"tokenkeeper/workflows"
)

// OverdueMonitor is a monitor that waits for less than ten minutes.
type OverdueMonitor struct{ *overdueMonitor }

func NewOverdueMonitor(c client.Client, has workflows.Attributes, namespace, taskQueue string, after time.Duration) OverdueMonitor {
	return OverdueMonitor{&overdueMonitor{temporal: c, attributes: has, namespace: namespace, taskQueue: taskQueue, after: after, log: slog.New(slog.DiscardHandler)}}
}

func (m OverdueMonitor) Check(ctx context.Context) { m.check(ctx) }

// PartOf is a worker's part of the pace of its task queue.
var PartOf = partOf
