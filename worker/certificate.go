package main

import (
	"context"
	"log/slog"
	"time"
)

const (
	// certificateEvery is how often the certificate's file is read; each reading that
	// finds something logs, so that a day's log has one line.
	certificateEvery = 24 * time.Hour
	// certificateNotice is how long before its end a certificate is told: a renewal
	// needs the directory's administrator.
	certificateNotice = 30 * 24 * time.Hour
)

// watchCertificate logs, until stop is called or ctx ends, when the certificate with which
// the worker authenticates to the vault is about to end, or its file cannot be used any
// more. Ends returns zero where there is none.
func watchCertificate(ctx context.Context, ends func() (time.Time, error), log *slog.Logger) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	go func() {
		for {
			reportCertificate(ends, log)
			select {
			case <-ctx.Done():
				return
			case <-time.After(certificateEvery):
			}
		}
	}()
	return stop
}

func reportCertificate(ends func() (time.Time, error), log *slog.Logger) {
	at, err := ends()
	switch left := time.Until(at); {
	case err != nil:
		log.Error("the file in AZURE_CLIENT_CERTIFICATE_PATH cannot be used; a certificate that was read before goes on until it ends", "error", "it "+err.Error())
	case !at.IsZero() && left < certificateNotice:
		log.Warn("the certificate in AZURE_CLIENT_CERTIFICATE_PATH ends soon; register a new one on the application and replace the file, which needs no restart",
			"ends", at.UTC().Format(time.RFC3339), "days", int(left.Hours()/24))
	}
}
