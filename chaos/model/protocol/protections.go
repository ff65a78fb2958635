package protocol

// Protections is a set of what stands between a fault and a lost token. Each can
// be taken out of the model; the product has no switch for any. [Catalogue]
// describes them.
type Protections uint16

const (
	intentRecord Protections = 1 << iota
	ownIntent
	keptIntent
	allVersions
	checkBeforeRetry
	checkOrWait
	confirmedCompletion
	escrow
	storedBeforeUse
	refreshTokenFirst
	fence
	recheckAfterWrites
	disconnectedStore
	vaultSearch
	historySearch

	// All is the protocol as the product has it.
	All Protections = 1<<iota - 1
)

func (p Protections) has(one Protections) bool { return p&one != 0 }

// Protection describes one of them.
type Protection struct {
	one Protections
	// Replay is the kind of provider whose tokens the rule saves.
	Replay Replay
	Name   string
	File   string // of the product, where it is
	Rule   string // what the product does, in a sentence
	// Accepted is how far the product goes where it does less than the rule; empty
	// where it does all of it. The page says what that may cost.
	Accepted string
}

// Removed is the model of the protection's kind of provider that lacks nothing
// but the protection.
func (p Protection) Removed() Model {
	return Model{Protections: All &^ p.one, Replay: p.Replay}
}

// Catalogue lists the protections in the order in which a refresh needs them.
func Catalogue() []Protection {
	return []Protection{
		{intentRecord, Never, "Intent record", "activities/load.go",
			"Before a run spends a refresh token it records that intent on the token's version in the vault. A run that finds such a record searches for a successor of the token before it presents it.", ""},
		{ownIntent, Never, "Own intent record", "activities/load.go",
			"A further attempt of the load treats a record of its own run as another run's: the attempt before may have written it over another's, and died.", ""},
		{keptIntent, Never, "Kept intent record", "internal/vault/load.go",
			"The record of a token counts on whichever of its versions it is; a late writer that writes the token again does not erase it.",
			"only the record on the version that is loaded counts"},
		{allVersions, Never, "All versions at load", "internal/vault/load.go",
			"A load takes the newest refresh token of all versions, which need not be the current one.",
			"all versions are read only where the access token is newer than the current refresh token, or absent, or where either was stored by hand; a listing takes a call for every 25 versions, and an account has four more each day"},
		{checkBeforeRetry, Never, "Check before a retry", "activities/call.go",
			"A further attempt of the call first checks whether the one before has put its pair into the vault.", ""},
		{checkOrWait, Never, "Check or wait", "activities/call.go",
			"Where a provider has no replay window to lose, an attempt that cannot check does not present the token either.", ""},
		{confirmedCompletion, Never, "Confirmed completion", "activities/handover.go",
			"The call completes itself and waits for Temporal's acknowledgement, instead of returning the pair to an SDK that may drop it.", ""},
		{escrow, Never, "Escrow", "activities/handover.go",
			"A pair that Temporal does not acknowledge, or no longer waits for, goes into the vault at once.", ""},
		{storedBeforeUse, Lasting, "Stored before use", "workflows/refresh.go",
			"No new token is used before it is stored: the first use ends the replay.", ""},
		{refreshTokenFirst, Lasting, "Refresh token first", "internal/vault/store.go",
			"The refresh token is written before the access token, which an app uses as soon as it sees it.", ""},
		{fence, Never, "Fence", "internal/vault/fence.go",
			"A token that is older than what the vault holds is not written.", ""},
		{recheckAfterWrites, Never, "Recheck", "internal/vault/store.go",
			"After its last write a writer reads all versions and puts the newest on top, because the vault has no compare-and-swap.",
			"a writer reads all versions only where the current refresh token or the access token shows that a newer one was there"},
		{disconnectedStore, Never, "Disconnected store", "workflows/steps.go",
			"Cancelling a run does not stop it from storing its pair.", ""},
		{vaultSearch, Never, "Vault search", "internal/vault/promote.go",
			"After invalid_grant a run searches the vault's versions for a newer refresh token.", ""},
		{historySearch, Never, "History search", "activities/recover.go",
			"A run searches the histories of earlier runs for a pair that was issued and not stored.", ""},
	}
}
