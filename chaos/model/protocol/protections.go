package protocol

// Protections is a set of what stands between a fault and a lost token. Each can
// be taken out of the model; the product has no switch for any. [Catalogue]
// describes them.
type Protections uint32

const (
	intentRecord Protections = 1 << iota
	earlierIntents
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
	ownGrant
	heartbeats
	presentedAtOnce
	boundedWaits
	grace
	temporalFirst
	writeProof
	secondLook
	oneWaits
	inDoubt
	peek

	// All is the protocol as the product has it.
	All Protections = 1<<iota - 1
)

func (p Protections) has(one Protections) bool { return p&one != 0 }

// Protection describes one of them.
type Protection struct {
	one Protections
	// At is the model of the provider, and of what else happens, that the rule is
	// for.
	At   Model
	Name string
	File string // of the product, where it is
	Rule string // what the product does, in a sentence
	// Accepted is how far the product goes where it does less than the rule; empty
	// where it does all of it. The page says what that may cost.
	Accepted string
}

// Removed is the model that lacks nothing but the protection.
func (p Protection) Removed() Model {
	m := p.At
	m.Protections = All &^ p.one
	return m
}

// What the protections are for.
var (
	never    = Model{Replay: Never}
	lasting  = Model{Replay: Lasting}
	restored = Model{Replay: Never, Setting: Restored, Alone: true}
	refusing = Model{Replay: Never, Setting: Refusing, Alone: true}
)

func byTheClock(r Replay, faults uint8) Model {
	return Model{Replay: r, Setting: Clocked, Faults: faults, Alone: r != Never}
}

// Catalogue lists the protections in the order in which a refresh needs them: those
// that hold in any order of events, then those by the clock, then those of a vault
// that is not as it was.
func Catalogue() []Protection {
	return []Protection{
		{intentRecord, never, "Intent record", "activities/load.go",
			"Before a run spends a refresh token it records that intent on the token's version in the vault. A run that finds such a record searches for a successor of the token before it presents it.", ""},
		{earlierIntents, never, "Earlier intent records", "internal/vault/tags.go",
			"A run that leaves its intent record keeps those of earlier runs beside it, where a further attempt of its load finds them.", ""},
		{keptIntent, never, "Kept intent record", "internal/vault/load.go",
			"The record of a token counts on whichever of its versions it is; a late writer that writes the token again does not erase it.",
			"only the record on the version that is loaded counts"},
		{allVersions, never, "All versions at load", "internal/vault/load.go",
			"A load takes the newest refresh token of all versions, which need not be the current one.",
			"all versions are read only where the access token is newer than the current refresh token, or absent, or where either was stored by hand; a listing takes a call for every 25 versions, and an account has four more each day"},
		{checkBeforeRetry, never, "Check before a retry", "activities/call.go",
			"A further attempt of the call first checks whether the one before has put its pair into the vault.", ""},
		{checkOrWait, never, "Check or wait", "activities/call.go",
			"Where a provider has no replay window to lose, an attempt that cannot check does not present the token either.", ""},
		{confirmedCompletion, never, "Confirmed completion", "activities/handover.go",
			"The call completes itself and waits for Temporal's acknowledgement, instead of returning the pair to an SDK that may drop it.", ""},
		{escrow, never, "Escrow", "activities/handover.go",
			"A pair that Temporal does not acknowledge, or no longer waits for, goes into the vault at once.", ""},
		{storedBeforeUse, lasting, "Stored before use", "workflows/refresh.go",
			"No new token is used before it is stored: the first use ends the replay.", ""},
		{refreshTokenFirst, lasting, "Refresh token first", "internal/vault/store.go",
			"The refresh token is written before the access token, which an app uses as soon as it sees it.", ""},
		{fence, never, "Fence", "internal/vault/fence.go",
			"A token that is older than what the vault holds is not written.", ""},
		{recheckAfterWrites, never, "Recheck", "internal/vault/store.go",
			"After its last write a writer reads all versions and puts the newest on top, because the vault has no compare-and-swap.",
			"a writer reads all versions only where the current refresh token or the access token shows that a newer one was there"},
		{disconnectedStore, never, "Disconnected store", "workflows/steps.go",
			"Cancelling a run does not stop it from storing its pair.", ""},
		{vaultSearch, never, "Vault search", "internal/vault/promote.go",
			"After invalid_grant a run searches the vault's versions for a newer refresh token.", ""},
		{historySearch, never, "History search", "activities/recover.go",
			"A run searches the histories of earlier runs for a pair that was issued and not stored.", ""},
		{ownGrant, never, "Own grant", "activities/call.go",
			"A call presents a refresh token only in the run that has loaded it. After a reset the run has another id, and loads again.", ""},
		{heartbeats, byTheClock(Brief, 2), "Heartbeats", "activities/beat.go",
			"An attempt whose worker is silent is given up within seconds, whatever it is at.", ""},
		{presentedAtOnce, byTheClock(Brief, 1), "Presented at once", "workflows/window.go",
			"Inside the replay window a run waits for no other run before it presents the token.", ""},
		{peek, byTheClock(Brief, 1), "Peek before the turn", "workflows/load.go",
			"Only a run that follows a green one waits for its turn at the vault unseen; any other looks first whether the replay window is open, and then waits for no turn.", ""},
		{boundedWaits, byTheClock(Brief, 1), "Bounded waits", "internal/window/window.go",
			"Inside the replay window a pause is at most half of what is left, also one that the provider asks for.", ""},
		{grace, byTheClock(Brief, 1), "Grace", "workflows/hold.go",
			"Inside the replay window a cancelled run goes on, in its load and its search as in its call.", ""},
		{secondLook, byTheClock(Never, 0), "Second look", "workflows/search.go",
			"A run that has read another run's intent record does not present the token for as long as that run may.", ""},
		{oneWaits, byTheClock(Never, 1), "One of two waits", "workflows/search.go",
			"Of two runs that search and have each other on the record, the one with the smaller id goes on.", ""},
		{inDoubt, byTheClock(Never, 2), "In doubt", "activities/call.go",
			"A further attempt of the call does not present the token where another run has loaded it since; the run loads it again.", ""},
		{temporalFirst, restored, "Temporal first", "activities/known.go",
			"Where Temporal knows a newer generation than the vault shows, a run searches before it presents what the vault has.", ""},
		{writeProof, refusing, "Proven write", "internal/vault/proof.go",
			"A run spends nothing before the vault has taken the kind of write that will follow, a new version.",
			"a worker proves it once, and again after a refusal"},
	}
}
