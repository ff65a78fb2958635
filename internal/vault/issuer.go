package vault

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// IssuerView is what is known of a refresh token's issuer.
type IssuerView struct {
	Issuer string // the provider that the token's own tags state; empty where they state none
	Asked  string // the provider that it is to be presented to; empty for none
	// SharedWith is the other provider whose names the account has, as its input states.
	SharedWith string
	// Others are further providers whose tokens are, or were, under the same names.
	Others []string
}

// IssuerDecision is what the fence of issuers decides.
type IssuerDecision int

const (
	Present       IssuerDecision = iota // the provider that is asked has issued it, or may be taken to have
	OfOther                             // another provider has issued it
	OfUnknownHere                       // nothing says whose it is, and the names are not one provider's alone
)

// FenceIssuer decides whether a refresh token may be presented to a provider. One without
// a tag was put there by hand. It is the provider's own where no other has ever had a
// token under these names; where one has, or the account has another's names, the tag
// must say whose it is.
func FenceIssuer(v IssuerView) IssuerDecision {
	switch {
	case v.Asked == "", v.Issuer == v.Asked:
		return Present
	case v.Issuer != "":
		return OfOther
	case v.SharedWith != "", len(v.Others) > 0:
		return OfUnknownHere
	default:
		return Present
	}
}

// checkIssuer refuses a refresh token that FenceIssuer lets nothing present.
func (n Names) checkIssuer(t RefreshToken) error {
	v := IssuerView{Issuer: t.Provider, Asked: n.Provider, SharedWith: n.SharedWith, Others: t.others}
	switch FenceIssuer(v) {
	case OfOther:
		return &Error{Op: "read", Name: n.RefreshToken, Kind: ErrOtherProvider,
			Detail: fmt.Sprintf("generation %d there is of %s, and this is for %s", t.Generation, t.Provider, n.Provider),
			Fix:    fmt.Sprintf("if the account has moved to %s, end what refreshes it at %s: %s; if not, store its refresh token of %[2]s there again: %[4]s", t.Provider, n.Provider, n.Command("stop"), n.Command("authorize"))}
	case OfUnknownHere:
		return &Error{Op: "read", Name: n.RefreshToken, Kind: errUnknownIssuer,
			Detail: fmt.Sprintf("version %s has no tag that says whose it is, and %s has tokens under this name as well", t.Version, cmp.Or(strings.Join(v.Others, ", "), n.SharedWith)),
			Fix:    fmt.Sprintf("if it is %s's, say so: az keyvault secret set-attributes --vault-name VAULT --name %s --version %s --tags provider=%[1]s", n.Provider, n.RefreshToken, t.Version)}
	}
	return nil
}

// otherProvider reports whether a token's issuer is known and not the names'.
func (n Names) otherProvider(issuer string) bool {
	return FenceIssuer(IssuerView{Issuer: issuer, Asked: n.Provider}) == OfOther
}

// unknownIssuer is the kind of error for a token whose provider nothing states. It is
// treated as another provider's.
type unknownIssuer struct{}

var errUnknownIssuer error = unknownIssuer{}

func (unknownIssuer) Error() string        { return "token of an unknown provider" }
func (unknownIssuer) Is(target error) bool { return target == ErrOtherProvider }

// others are the providers other than the given one that a listing's tags name as issuers.
func (o order) others(than string) []string {
	var names []string
	for _, v := range o.versions {
		byProgram := fingerprintOf(v.Properties, tagFingerprint)
		if byProgram == "" {
			continue // an owner's own tag may have the same name
		}
		if issuer := issuerOf(v.Properties, byProgram, v.tagged); issuer != "" && issuer != than {
			names = append(names, issuer)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// mayPresent reports whether a token that was read from among a listing's versions may be
// presented.
func (n Names) mayPresent(t RefreshToken, o order) bool {
	t.others = o.others(n.Provider)
	return n.checkIssuer(t) == nil
}
