package protocol

import "math/bits"

// Token is a refresh token, or the access token that was issued beside it. The
// provider issues them in one line, so a token's number is its generation and
// the one before it is its parent.
type Token uint8

const (
	rotations       = 2 // the horizon: how often the provider rotates
	none      Token = 255
)

// Set is a set of tokens.
type Set uint8

func (s *Set) add(t Token)          { *s |= 1 << t }
func (s Set) has(t Token) bool      { return t <= rotations && s&(1<<t) != 0 }
func (s Set) hasAfter(t Token) bool { return s>>(t+1) != 0 }
func (s Set) newest() Token         { return Token(bits.Len8(uint8(s))) - 1 } // none of an empty set

// Secret is one name in the vault. Versions stay; the last one written is current.
type Secret struct {
	Versions Set
	Current  Token
}

func (s *Secret) write(t Token) {
	s.Versions.add(t)
	s.Current = t
}

// State is the system between two effects, and what an observer remembers of its
// past. It is plain and comparable, so that equal states are one.
type State struct {
	// The provider.
	Live   Token // the refresh token in force
	Window bool  // the one before Live is still answered with Live
	Left   ticks // by the clock: until the window ends

	// The vault.
	Refresh Secret
	Access  Secret
	Intents Set  // refresh tokens that carry an intent record
	Policy  bool // it takes tags and refuses new versions

	// Temporal.
	Issued Set // pairs, sealed in the results of finished calls
	Closed Set // those of runs that had ended when the vault was restored
	Runs   [2]Run
	Late   Attempt // one that Temporal has given up and that goes on

	// The observer.
	Stage   Stage
	Faults  uint8   // by the clock: how many there were
	Ending  Ending  // of the last run
	Excused bool    // Live was cut off before it had a durable copy
	Torn    bool    // a writer stopped for good between its first write and its recheck
	Broken  Promise // what the last step broke
}

// Run is a workflow run as Temporal has it.
type Run struct {
	Phase         Phase
	Token         Token // the refresh token that it loaded
	Pair          Token // what its call returned
	EarlierIntent bool  // Token carried the intent record of an earlier run
	Outdated      bool  // call: reset since Token was loaded, by a run of another id
	Retried       bool  // call: not the first attempt; load: an attempt left its own intent record; searchBefore: searched before
	Recorded      Token // by the clock: the refresh token that carries its intent record
	Since         bool  // by the clock: another run has left its record there since this one read it
	Rival         Rival // by the clock
	First         bool  // by the clock: its id is the smaller one
	Race          Race  // observer
	Known         bool  // observer: a successor of Token was durable when it was loaded
	Attempt       Attempt
}

// Rival is the other run, where this one has read its intent record.
type Rival uint8

const (
	noRival Rival = iota
	atWork
	ended // a moment ago, so that its call may be in flight
)

// Race is what an observer knows of a run whose token the other run presents.
type Race uint8

const (
	shared Race = 1 << iota // it does
	told                    // the intent record has told one of the two
)

// Phase is the activity that a run is at.
type Phase uint8

const (
	idle         Phase = iota // no run, or one that has ended
	load                      // LoadSecrets
	searchBefore              // RecoverGrant, for a token with the intent record of an earlier run
	call                      // CallFitbit
	searchAfter               // RecoverGrant, after invalid_grant
	store                     // StoreSecrets
)

// Attempt is one attempt of an activity, in the memory of a worker.
type Attempt struct {
	At    Place
	For   Phase // which activity it is an attempt of
	Token Token // the refresh token that it is about, or is about to put on top
	Pair  Token // the pair that it holds
	Wait  ticks // by the clock: until it begins, or until Temporal notices that the one before is dead
	Known bool  // observer: something newer was there to be found when it searched
}

// Place is the effect that an attempt has next.
type Place uint8

const (
	nowhere Place = iota // no attempt

	readGrant    // LoadSecrets: Vault.Load
	recordIntent // LoadSecrets: Vault.RecordIntent

	checkRun    // Call: which run has loaded the grant
	checkEscrow // Call: what an earlier attempt put into the vault
	send        // Call: provider.Client.Refresh
	complete    // Call: complete
	confirm     // Call: complete, with the pair in escrow

	searchVault     // RecoverGrant: Vault.PromoteSuccessor
	searchHistories // RecoverGrant: the histories of earlier runs

	readRefresh  // Vault.Store: read the refresh token
	writeRefresh // Vault.Store: write it

	// From here on a writer may have something to mend.
	readAccess     // Vault.Store: read the access token
	writeAccess    // Vault.Store: write it
	recheck        // Vault.Store: read all versions of both
	promoteRefresh // put the newest refresh token on top
	recheckAccess  // Vault.Store: read all access tokens again
	promoteAccess  // Vault.Store: put the newest access token on top
)

// Stage says whether faults may still happen.
type Stage uint8

const (
	faulty Stage = iota // anything may fail
	last                // faults have stopped, and the cron's next run is alone
)

// Ending is how the last run ended.
type Ending uint8

const (
	unfinished Ending = iota
	refreshed
	reauthorizationRequired
	beyondHorizon // it was about to present the live token for one more rotation
)

// actor takes a step: the run of that index, or one of these.
type actor uint8

const (
	late  actor = 2 // the attempt that Temporal has given up
	world actor = 3 // the provider and the apps
)

// ready reports whether an attempt is at work.
func (a *Attempt) ready() bool { return a.At != nowhere && a.Wait == 0 }

func (s *State) at(who actor) *Attempt {
	if who == late {
		return &s.Late
	}
	return &s.Runs[who].Attempt
}

// durable reports whether a token is where no crash reaches it.
func (s *State) durable(t Token) bool { return s.Refresh.Versions.has(t) || s.Issued.has(t) }

// remembered reports whether a process holds a pair.
func (s *State) remembered(t Token) bool {
	return s.Late.Pair == t || s.Runs[0].Attempt.Pair == t || s.Runs[1].Attempt.Pair == t
}

// repeated reports whether the provider gives Live once more, for a token that
// the vault still has.
func (s *State) repeated() bool { return s.Window && s.Refresh.Versions.has(s.Live-1) }

// atRest reports whether no attempt is at work.
func (s *State) atRest() bool {
	return s.Runs[0].Phase == idle && s.Runs[1].Phase == idle && s.Late.At == nowhere
}
