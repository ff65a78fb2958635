package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"tokenkeeper/internal/token"
)

// The headers of a signed message (Standard Webhooks 1.0, "Webhook Headers").
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
)

const (
	secretPrefix = "whsec_"
	// The specification's bounds of a symmetric secret, in bytes.
	minKey, maxKey = 24, 64
)

// checkSecret says what is wrong with a signing secret, without showing it.
func checkSecret(secret token.Secret) error {
	_, err := signingKey(secret)
	return err
}

func signingKey(secret token.Secret) ([]byte, error) {
	encoded, ok := strings.CutPrefix(secret.Reveal(), secretPrefix)
	if !ok {
		return nil, errors.New(`does not begin with "whsec_"; write it as the receiver shows it, or make one: echo whsec_$(openssl rand -base64 32)`)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return nil, errors.New(`is not base64 after "whsec_"; write it as the receiver shows it`)
	case len(key) < minKey || len(key) > maxKey:
		return nil, fmt.Errorf("has %d bytes; Standard Webhooks wants %d to %d", len(key), minKey, maxKey)
	}
	return key, nil
}

// sign sets the headers of a message that is sent at a time. A receiver refuses one whose
// time is minutes away from its own clock.
func sign(header http.Header, secret token.Secret, id string, at time.Time, body []byte) error {
	key, err := signingKey(secret)
	if err != nil {
		return fmt.Errorf("the signing secret %w", err)
	}
	timestamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	header.Set(headerID, id)
	header.Set(headerTimestamp, timestamp)
	header.Set(headerSignature, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	return nil
}
