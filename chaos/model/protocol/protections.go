package protocol

// Protections are what stands between a fault and a lost token. Each can be taken
// out of the model; the product has no switch for any. [Catalogue] tells them.
type Protections struct {
	ConfirmedCompletion bool
	Escrow              bool
	StoredBeforeUse     bool
	RefreshTokenFirst   bool
	DisconnectedStore   bool
	Fence               bool
	LastLook            bool
	LookBeneath         bool
	IntentRecord        bool
	OwnIntent           bool
	KeptIntent          bool
	LookBeforeRetry     bool
	LookOrWait          bool
	VaultRung           bool
	HistoryRung         bool
}

// Protection describes one of them.
type Protection struct {
	Name string
	Rule string // what the product does, in a sentence
	File string // where it does it
	// Accepted is how far the product goes where it does less than the rule; empty
	// where it does all of it. The page says what that may cost.
	Accepted string
	// Replay is the kind of provider whose tokens the rule saves.
	Replay Replay

	field func(*Protections) *bool
}

// All are all of them.
func All() Protections {
	var all Protections
	for _, p := range Catalogue() {
		*p.field(&all) = true
	}
	return all
}

// Removed is the model of the protection's kind of provider that lacks nothing
// but the protection.
func (p Protection) Removed() Model {
	rest := All()
	*p.field(&rest) = false
	return Model{Protections: rest, Replay: p.Replay}
}

// Catalogue lists the protections in the order in which a refresh needs them.
func Catalogue() []Protection {
	return []Protection{
		{
			Name: "Intent record",
			Rule: "Before a run spends a refresh token it writes onto it in the vault that it is about to. A run that finds such a record looks for what came of the token before it presents it.",
			File: "activities/load.go", Replay: Never,
			field: func(p *Protections) *bool { return &p.IntentRecord },
		},
		{
			Name: "Own intent record",
			Rule: "A further attempt of the load takes a record of its own run for somebody else's: the attempt before may have written it over another's, and did not live to tell.",
			File: "activities/load.go", Replay: Never,
			field: func(p *Protections) *bool { return &p.OwnIntent },
		},
		{
			Name: "Kept intent record",
			Rule: "The record of a token counts on whichever of its versions it stands; a late writer that writes the token again does not wipe it out.",
			File: "internal/vault/load.go", Replay: Never,
			Accepted: "only the record on the version that is loaded counts",
			field:    func(p *Protections) *bool { return &p.KeptIntent },
		},
		{
			Name: "Look beneath",
			Rule: "A load takes the newest refresh token of all versions, which need not be the current one.",
			File: "internal/vault/load.go", Replay: Never,
			Accepted: "all versions are looked at only where the access token is newer than the current refresh token, or absent, or where either was put there by hand; a listing takes a call for every 25 versions, and an account has four more each day",
			field:    func(p *Protections) *bool { return &p.LookBeneath },
		},
		{
			Name: "Look before another attempt",
			Rule: "A further attempt of the call first looks whether the one before has put its pair into the vault.",
			File: "activities/call.go", Replay: Never,
			field: func(p *Protections) *bool { return &p.LookBeforeRetry },
		},
		{
			Name: "Look or wait",
			Rule: "Where a provider has no replay window to lose, an attempt that cannot look does not present the token either.",
			File: "activities/call.go", Replay: Never,
			field: func(p *Protections) *bool { return &p.LookOrWait },
		},
		{
			Name: "Confirmed completion",
			Rule: "The call completes itself and waits for Temporal's word, instead of returning the pair to an SDK that may drop it.",
			File: "activities/handover.go", Replay: Never,
			field: func(p *Protections) *bool { return &p.ConfirmedCompletion },
		},
		{
			Name: "Escrow",
			Rule: "A pair for which Temporal has no word, or that it no longer waits for, goes into the vault at once.",
			File: "activities/handover.go", Replay: Never,
			field: func(p *Protections) *bool { return &p.Escrow },
		},
		{
			Name: "Stored before use",
			Rule: "Nobody uses a new token before it is stored: the first use ends the replay.",
			File: "workflows/refresh.go", Replay: Lasting,
			field: func(p *Protections) *bool { return &p.StoredBeforeUse },
		},
		{
			Name: "Refresh token first",
			Rule: "The refresh token is written before the access token, which an app uses as soon as it sees it.",
			File: "internal/vault/store.go", Replay: Lasting,
			field: func(p *Protections) *bool { return &p.RefreshTokenFirst },
		},
		{
			Name: "Fence",
			Rule: "A token that is older than what the vault holds is not written.",
			File: "internal/vault/fence.go", Replay: Never,
			field: func(p *Protections) *bool { return &p.Fence },
		},
		{
			Name: "Last look",
			Rule: "After its last write a writer looks at all versions and puts the newest on top, for the vault has no compare-and-swap.",
			File: "internal/vault/store.go", Replay: Never,
			Accepted: "a writer looks at all versions only where the current refresh token or the access token shows that a newer one was there",
			field:    func(p *Protections) *bool { return &p.LastLook },
		},
		{
			Name: "Disconnected store",
			Rule: "Cancelling a run does not stop it from storing its pair.",
			File: "workflows/steps.go", Replay: Never,
			field: func(p *Protections) *bool { return &p.DisconnectedStore },
		},
		{
			Name: "Rung of the vault",
			Rule: "After invalid_grant a run looks for a newer refresh token among the vault's versions.",
			File: "internal/vault/advance.go", Replay: Never,
			field: func(p *Protections) *bool { return &p.VaultRung },
		},
		{
			Name: "Rung of the histories",
			Rule: "A run looks for a pair that was issued but not stored in the histories of earlier runs.",
			File: "activities/recover.go", Replay: Never,
			field: func(p *Protections) *bool { return &p.HistoryRung },
		},
	}
}
