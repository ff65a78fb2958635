package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tokenkeeper/internal/webhook"
)

// checkWebhooks sends each receiver of alerts a test event.
func (d *doctor) checkWebhooks(ctx context.Context, f *findings) {
	if d.configErr != nil {
		f.skip("receivers", configurationFirst)
		return
	}
	receivers, err := webhook.Load(d.starter.WebhooksFile)
	switch {
	case err != nil:
		f.wrong("receivers", err)
		return
	case len(receivers) == 0:
		f.skip("receivers", "none; alerts are log lines and metrics only. TOKENKEEPER_WEBHOOKS names a file of receivers")
		return
	}
	sender := webhook.New(receivers, d.starter.TaskQueue)
	now := time.Now()
	for _, name := range sender.Names() {
		if err := sender.Send(ctx, name, webhook.Test(fmt.Sprintf("doctor-%d-%s", now.UnixNano(), name), now)); err != nil {
			detail, fix, _ := strings.Cut(err.Error(), "; ")
			f.add(name, problem, detail, fix)
			continue
		}
		f.ok(name, "took a test event")
	}
}
