package activities_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/converter"

	"tokenkeeper/activities"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

var sealedNames = vault.Names{RefreshToken: "will-RefreshToken", AccessToken: "will-AccessToken"}

func given(t *testing.T, messages ...any) *historypb.HistoryEvent {
	t.Helper()
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(messages...)
	require.NoError(t, err)
	return &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{
		ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{Input: payloads}}}
}

func returned(t *testing.T, message any) *historypb.HistoryEvent {
	t.Helper()
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(message)
	require.NoError(t, err)
	return &historypb.HistoryEvent{Attributes: &historypb.HistoryEvent_ActivityTaskCompletedEventAttributes{
		ActivityTaskCompletedEventAttributes: &historypb.ActivityTaskCompletedEventAttributes{Result: payloads}}}
}

func TestEveryEnvelopeOfAHistoryIsFoundOnce(t *testing.T) {
	ring := seal.New(vault.NewKeysets(&memvault.Vault{}))
	_, err := ring.Create(t.Context())
	require.NoError(t, err)
	account := token.Account{Provider: "fitbit", Name: "will"}
	sealedAs := func(kind string, p token.Provenance) token.Sealed {
		envelope, err := ring.Seal(t.Context(), seal.Binding{Kind: kind, Account: account, Provenance: p, Names: []string{"will-RefreshToken", "will-AccessToken"}}, []byte("fake"))
		require.NoError(t, err)
		return envelope
	}
	spent := token.Provenance{Generation: 1, Fingerprint: "f1", Consent: "f1"}
	issued := token.Provenance{Generation: 2, Fingerprint: "f2", Parent: "f1", Consent: "f1"}
	loaded := activities.LoadResult{Account: account, Provenance: spent, ReplayWindow: 2 * time.Minute, Grant: sealedAs("grant", spent)}
	pair := activities.RefreshResult{Account: account, Provenance: issued, Rotated: true, Pair: sealedAs("pair", issued)}

	all := activities.Envelopes([]*historypb.HistoryEvent{
		returned(t, loaded), given(t, loaded), given(t, activities.RecoverInput{LoadResult: loaded}),
		returned(t, pair), given(t, pair), returned(t, activities.RecoverResult{Account: account, Called: &pair}),
		{}, given(t, "words"), given(t, map[string]any{"pair": 7, "grant": "no envelope"}),
		given(t, map[string]any{"pair": strings.Repeat("A", 400), "account": "no account"}),
		{Attributes: &historypb.HistoryEvent_ActivityTaskScheduledEventAttributes{ActivityTaskScheduledEventAttributes: &historypb.ActivityTaskScheduledEventAttributes{
			Input: &commonpb.Payloads{Payloads: []*commonpb.Payload{{Data: []byte("\xff no JSON")}}}}}},
	})
	require.Len(t, all, 2)
	report, err := ring.Inspect(t.Context())
	require.NoError(t, err)
	for i, kind := range []string{"grant", "pair"} {
		require.Equal(t, kind, all[i].Kind)
		require.Equal(t, account, all[i].Account)
		require.Equal(t, report.Primary, all[i].Key)
		require.NoError(t, all[i].Check(t.Context(), ring, sealedNames))
		require.ErrorIs(t, all[i].Check(t.Context(), ring, vault.Names{RefreshToken: "RefreshToken"}), seal.ErrTampered)
	}
	require.EqualValues(t, 2, all[1].Generation)

	require.True(t, all[1].IsAhead(vault.RefreshToken{Provenance: spent}), "the vault lacks it")
	require.False(t, all[1].IsAhead(vault.RefreshToken{Provenance: issued}), "the vault has it")
	require.False(t, all[0].IsAhead(vault.RefreshToken{}), "a grant is in the vault")
}
