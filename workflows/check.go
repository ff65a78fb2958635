package workflows

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// An operator can complete any activity with anything, and so can another program on
// the task queue. The checks compare a result with what was asked for. They return what
// is wrong as the end of a sentence, or nothing.

func checkGrant(l activities.LoadResult, account token.Account) string {
	switch {
	case l.Account != account:
		return "is of another account"
	case l.CallActivity != provider.Provider{Name: account.Provider}.ActivityType():
		return "names another provider's activity"
	case l.RefreshTokenVersion == "":
		return "names no version of the refresh token"
	case l.ReplayWindow < 0 || l.RepeatPause < 0 || l.AlivePeriod < 0:
		return "has a time below zero"
	case l.AlivePeriod > provider.LongestAlive:
		return fmt.Sprintf("leaves the grant for longer than %s", provider.LongestAlive)
	case !areWords(l.UserID, l.RefreshTokenVersion, l.ProviderTitle, l.RunID),
		slices.ContainsFunc(l.MayHaveSpent, func(i vault.Intent) bool { return !activities.IsWord(i.RunID) }):
		return unprintable
	}
	return activities.CheckProvenance(l.Provenance)
}

const unprintable = "has words that are too long or cannot be printed"

func areWords(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return !activities.IsWord(text) })
}

func checkLoaded(l activities.LoadResult, account token.Account, peek bool) string {
	if problem := checkGrant(l, account); problem != "" {
		return problem
	}
	switch {
	case l.RunID == "":
		return "names no run"
	case l.Waits && !peek:
		return "leaves out the grant"
	case len(l.Grant) == 0 && !l.Waits:
		return "has no sealed grant"
	}
	return ""
}

func checkIssued(r activities.RefreshResult, l activities.LoadResult) string {
	want := l.Provenance
	if r.Rotated {
		want = want.Next(r.Provenance.Fingerprint)
	}
	switch {
	case r.Account != l.Account:
		return "is of another account"
	case r.Provenance != want:
		return fmt.Sprintf("does not follow generation %d", l.Provenance.Generation)
	case r.Rotated && (want.Fingerprint == "" || want.Fingerprint == l.Provenance.Fingerprint):
		return "has no new refresh token"
	case len(r.Pair) == 0:
		return "has no sealed pair"
	}
	return activities.CheckProvenance(r.Provenance)
}

func checkStored(s activities.StoreResult) string {
	switch {
	case s.RefreshTokenVersion == "":
		return "names no version of the refresh token"
	case s.AccessTokenVersion == "" && !s.Superseded:
		return "names no version of the access token"
	case !areWords(s.RefreshTokenVersion, s.AccessTokenVersion):
		return unprintable
	}
	return ""
}

// checkRecovery demands that each run on the intent record, this one left aside, was
// read or is named as gone: otherwise nothing found would prove nothing.
func checkRecovery(r activities.RecoverResult, l activities.LoadResult, self string) string {
	switch {
	case r.Account != l.Account:
		return "is of another account"
	case !areWords(append([]string{r.FoundIn}, r.Gone...)...):
		return unprintable
	case r.Generation < 0 || r.Generation > activities.MaxGeneration:
		return fmt.Sprintf("names a generation above %d", activities.MaxGeneration)
	}
	switch r.Found {
	case activities.FoundInVault:
		return ""
	case activities.FoundInHistory:
		return checkFound(r, l)
	case "":
	default:
		return "was found nowhere that is known"
	}
	for _, i := range l.MayHaveSpent {
		read := slices.ContainsFunc(r.Callers, func(c activities.Caller) bool { return c.RunID == i.RunID })
		if i.RunID != self && !read && !slices.Contains(r.Gone, i.RunID) {
			return fmt.Sprintf("says nothing of run %.40q", i.RunID)
		}
	}
	return ""
}

func checkFound(r activities.RecoverResult, l activities.LoadResult) string {
	if r.Called == nil || r.Stored == nil {
		return "has no pair"
	}
	switch {
	case r.Called.Account != l.Account:
		return "is of another account"
	case !activities.Descends(*r.Called, l):
		return fmt.Sprintf("does not descend from generation %d", l.Provenance.Generation)
	}
	return cmp.Or(checkStored(*r.Stored), activities.CheckProvenance(r.Called.Provenance))
}

// unexpected is the failure of a run whose activity returned what was not asked for;
// nil without a problem.
func unexpected(activity string, account token.Account, problem string) error {
	if problem == "" {
		return nil
	}
	return temporal.NewNonRetryableApplicationError(
		fmt.Sprintf("%s of %s: the result %s; it was completed by hand or by another program; the next run starts over", activity, account, problem),
		activities.UnexpectedResult, nil)
}

// unreadable reports whether an error means a result of another form than was asked for.
func unreadable(err error) bool {
	return slices.ContainsFunc([]error{converter.ErrUnableToDecode, converter.ErrEncodingIsNotSupported, converter.ErrMetadataIsNotSet},
		func(kind error) bool { return errors.Is(err, kind) })
}

// checked is an activity's error, or the failure that its result deserves. A result
// that cannot be decoded must not stop the run's code, only end the run.
func checked(activity string, account token.Account, err error, check func() string) error {
	switch {
	case err == nil:
		return unexpected(activity, account, check())
	case unreadable(err):
		return unexpected(activity, account, "is of another form")
	}
	return err
}
