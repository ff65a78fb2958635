package main

import (
	"bytes"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestACertificateIsToldInTime(t *testing.T) {
	for name, c := range map[string]struct {
		ends  time.Time
		err   error
		level string
		says  string
	}{
		"no certificate":     {},
		"with months left":   {ends: time.Now().Add(60 * 24 * time.Hour)},
		"with weeks left":    {ends: time.Now().Add(20*24*time.Hour + time.Minute), level: "WARN", says: "days=20"},
		"unreadable already": {err: errors.New("cannot be read: no such file or directory"), level: "ERROR", says: "it cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			reportCertificate(func() (time.Time, error) { return c.ends, c.err }, slog.New(slog.NewTextHandler(&out, nil)))
			if c.level == "" {
				require.Empty(t, out.String())
				return
			}
			require.Contains(t, out.String(), "level="+c.level)
			require.Contains(t, out.String(), "AZURE_CLIENT_CERTIFICATE_PATH")
			require.Contains(t, out.String(), c.says)
		})
	}
}
