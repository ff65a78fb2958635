package activities

import (
	"bytes"
	"context"
	"encoding/json"

	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"

	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// Envelope is a sealed content in a run's history.
type Envelope struct {
	Kind       string // "grant" or "pair"
	Account    token.Account
	Generation token.Generation
	Key        seal.KeyID

	sealed     token.Sealed
	provenance token.Provenance
	issued     RefreshResult // zero for a grant
}

// Envelopes are those of a run's events: what its activities were given and returned. The
// same envelope is there once.
func Envelopes(events []*historypb.HistoryEvent) (all []Envelope) {
	seen := map[string]bool{}
	for _, event := range events {
		for _, payloads := range []*commonpb.Payloads{
			event.GetActivityTaskScheduledEventAttributes().GetInput(),
			event.GetActivityTaskCompletedEventAttributes().GetResult(),
		} {
			for _, payload := range payloads.GetPayloads() {
				var content any
				decoder := json.NewDecoder(bytes.NewReader(payload.GetData()))
				decoder.UseNumber()
				if decoder.Decode(&content) != nil {
					continue
				}
				for _, e := range envelopesIn(content) {
					if !seen[string(e.sealed)] {
						seen[string(e.sealed)] = true
						all = append(all, e)
					}
				}
			}
		}
	}
	return all
}

// envelopesIn finds a grant's or a pair's envelope at any depth: which of an activity's
// messages carries one is not this function's to know.
func envelopesIn(content any) (all []Envelope) {
	switch c := content.(type) {
	case []any:
		for _, inside := range c {
			all = append(all, envelopesIn(inside)...)
		}
	case map[string]any:
		if e, ok := envelopeOf(c); ok {
			all = append(all, e)
		}
		for _, inside := range c {
			all = append(all, envelopesIn(inside)...)
		}
	}
	return all
}

func envelopeOf(message map[string]any) (e Envelope, ok bool) {
	_, isGrant := message[grantKind].(string)
	_, isPair := message[pairKind].(string)
	if !isGrant && !isPair {
		return Envelope{}, false
	}
	text, err := json.Marshal(message)
	if err != nil {
		return Envelope{}, false
	}
	if isPair {
		if json.Unmarshal(text, &e.issued) != nil {
			return Envelope{}, false
		}
		e.Kind, e.Account, e.provenance, e.sealed = pairKind, e.issued.Account, e.issued.Provenance, e.issued.Pair
	} else {
		var loaded LoadResult
		if json.Unmarshal(text, &loaded) != nil {
			return Envelope{}, false
		}
		e.Kind, e.Account, e.provenance, e.sealed = grantKind, loaded.Account, loaded.Provenance, loaded.Grant
	}
	e.Generation = e.provenance.Generation
	e.Key, ok = seal.KeyOf(e.sealed)
	return e, ok
}

// IsAhead reports whether the envelope holds a pair that the vault lacks, so that a
// recovery of its account needs it: one that comes after the refresh token that the vault
// holds.
func (e Envelope) IsAhead(held vault.RefreshToken) bool {
	return e.Kind == pairKind && Descends(e.issued, LoadResult{
		Account: e.Account, Provenance: held.Provenance, UserID: held.UserID, ObtainedAt: held.ObtainedAt,
	})
}

// Check proves that the envelope opens as what its history says that it is, and shows
// nothing of its content.
func (e Envelope) Check(ctx context.Context, keyring *seal.Keyring, n vault.Names) error {
	content, err := keyring.Open(ctx, binding(e.Kind, e.Account, e.provenance, n), e.sealed)
	clear(content)
	return err
}
