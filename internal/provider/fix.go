package provider

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"tokenkeeper/internal/token"
)

// hint is the Fix of a refused refresh; empty where only waiting helps. Where the grant
// may be dead it says what to do about that, should the answer go on.
func hint(p Provider, a Answer, kind Kind, said reason) string {
	switch kind {
	case InvalidGrant:
		s := consentHint(p)
		if p.GrantEnds != "" {
			s += "; see first that it will last: " + p.GrantEnds
		}
		if said.dead { // the provider's own words may mean something else as well
			s = withTokenURLs(p, s)
		}
		return s
	case InvalidClient:
		return fmt.Sprintf("check the client id and secret in the vault's %s against the app's registration at %s", clientSecrets(p), p.Title)
	case RequestRejected:
		if said.word == "invalid_request" {
			return withTokenURLs(p, fmt.Sprintf("%s, or check token_url and the entry of %s in the providers file", consentHint(p), p.Name))
		}
		return fmt.Sprintf("check scopes, refresh_params and auth_style of %s in the providers file, or %s", p.Name, consentHint(p))
	case ProviderRetired:
		return retiredHint(p)
	case Malformed: // an error in an answer of success
		return consentHint(p) + fmt.Sprintf(", or list the answer in dead_answers of %s in the providers file", p.Name)
	case Unexpected:
		return unexpectedHint(p, a, said)
	}
	return ""
}

func unexpectedHint(p Provider, a Answer, said reason) string {
	switch {
	case a.Status >= 300 && a.Status < 400:
		return movedHint("token_url", p, a)
	case said.word == "invalid_token" || said.word == "expired_token":
		// RFC 6750 section 3.1: these two codes are for an access token. A refresh
		// presents none, so they say nothing about the grant; Fitbit's gateway may
		// send them in passing, so the refresh is retried.
		return fmt.Sprintf("check that token_url of %s is its token endpoint, because the answer speaks of an access token, which a refresh does not send; or %s", p.Name, consentHint(p))
	case a.Status == http.StatusNotFound || a.Status == http.StatusMethodNotAllowed:
		return withTokenURLs(p, fmt.Sprintf("check that token_url of %s is its token endpoint, or %s", p.Name, consentHint(p)))
	}
	return fmt.Sprintf("%s, or check that token_url of %s is its token endpoint and that nothing between refuses the worker", consentHint(p), p.Name)
}

func consentHint(p Provider) string {
	return fmt.Sprintf("have the account owner consent again at %s (%s)", p.Title, consentCommand(p))
}

func consentCommand(p Provider) string { return cmp.Or(p.ConsentCommand, "starter authorize") }

// withTokenURLs puts before a fix that the provider has further token endpoints, of which
// the client may need one: an app of another portal is refused by all but its own.
func withTokenURLs(p Provider, fix string) string {
	const most = 5
	var others []string
	for _, name := range slices.Sorted(maps.Keys(p.TokenURLs)) {
		if p.TokenURLs[name] != p.TokenURL && len(others) < most {
			others = append(others, fmt.Sprintf("%s (%s)", name, p.TokenURLs[name]))
		}
	}
	if len(others) == 0 {
		return fix
	}
	return fmt.Sprintf("%s has further token endpoints, which other apps need: %s; choose one for the account in the providers file (accounts: %s/ACCOUNT: {token_url: NAME}), or else %s",
		p.Title, strings.Join(others, ", "), p.Name, fix)
}

// clientSecrets names the secrets of the vault that hold the client.
func clientSecrets(p Provider) string {
	if s := p.SecretNames; s.ClientID != "" {
		return s.ClientID + " and " + s.ClientSecret
	}
	name := p.CredentialsName()
	if p.SecretNames.Credentials != "" {
		name = p.SecretNames.Credentials
	}
	return name + " (base64 of client_id:client_secret)"
}

// headerHint says what the Authorization header does to a client whose id or secret its
// encoding changes; empty for others, and where the client is in the body.
func headerHint(p Provider, cl token.Client) string {
	id, secret := cl.ID, cl.Secret.Reveal()
	if p.AuthStyle != AuthHeader || secret == "" || url.QueryEscape(id) == id && url.QueryEscape(secret) == secret {
		return ""
	}
	return fmt.Sprintf("; this client has characters that the Basic header form-encodes (RFC 6749 section 2.3.1), which some providers do not decode: if they are right, state auth_style: body for %s in the providers file", p.Name)
}

func retiredHint(p Provider) string {
	s := fmt.Sprintf("%s has ended this API", p.Title)
	if p.Status.Since != "" {
		s += " in " + p.Status.Since
	}
	if p.Status.Successor == "" {
		return s + fmt.Sprintf("; look up its successor and correct token_url of %s in the providers file", p.Name)
	}
	return s + fmt.Sprintf("; grants do not move, so the account owner must consent anew at its successor, provider %s", p.Status.Successor)
}

// hostName is a host with or without a port, of which nothing can reach a terminal as
// more than text.
var hostName = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]{0,98}[A-Za-z0-9])?(:[0-9]{1,5})?$`)

// movedHint is the Fix of a redirect, which no request follows: key is the setting of the
// endpoint. Of the address only the host is named, because the rest may echo a token.
func movedHint(key string, p Provider, a Answer) string {
	correct := fmt.Sprintf("correct %s of %s in the providers file", key, p.Name)
	to, err := url.Parse(a.Header.Get("Location"))
	switch {
	case err != nil || a.Header.Get("Location") == "":
		return "redirects are not followed with a token; " + correct
	case to.Host == "":
		return "the endpoint has moved to another path of its host; " + correct
	case !hostName.MatchString(to.Host) || harmlessHost(to.Host, a.Sent) == "":
		return "the endpoint has moved to another host; " + correct
	}
	return fmt.Sprintf("the endpoint has moved to %s; %s", to.Host, correct)
}

// harmlessHost returns the host, or nothing where it holds a secret of the request. Hosts
// are alike in capitals and in small letters.
func harmlessHost(host string, sent []token.Secret) string {
	secrets := make([]string, 0, len(sent))
	for _, secret := range sent {
		secrets = append(secrets, strings.ToLower(secret.Reveal()))
	}
	return harmless(strings.ToLower(host), secrets)
}

// offlineScope is the scope without which the provider issues no refresh token, as far as
// the names in its entry tell; empty for none.
func offlineScope(p Provider) string {
	for _, scope := range append(slices.Clone(p.Scopes), p.Dialect.splitScopes(p.RefreshParams["scope"])...) {
		if strings.Contains(scope, "offline") || scope == "refresh_token" {
			return scope
		}
	}
	return ""
}

// malformedHint is the Fix of a refresh whose answer of success is not usable.
func malformedHint(p Provider, problem string) string {
	scope := offlineScope(p)
	if problem != noRefreshToken || scope == "" {
		return ""
	}
	s := fmt.Sprintf("%s issues refresh tokens for the scope %s alone; if it goes on, have the account owner consent again with it (%s)", p.Title, scope, consentCommand(p))
	if p.RefreshParams["scope"] != "" {
		s += fmt.Sprintf(", and see that refresh_params of %s asks for it", p.Name)
	}
	return s
}

// exchangeHint is the Fix of a failed exchange of a consent to these scopes.
func exchangeHint(p Provider, asked []string, f *Failure) string {
	switch {
	case f.Kind == InvalidGrant:
		return "the code is spent or too old, or belongs to another client or redirect URI; have the account owner consent again"
	case f.Kind == RequestRejected:
		return withTokenURLs(p, fmt.Sprintf("check that the redirect URI is registered with the app at %s, letter by letter", p.Title))
	case !f.Kind.Retryable(), f.Status >= 300 && f.Status < 400:
		return f.Fix
	case f.Detail != noRefreshToken:
		return "a code is good for one use and some seconds or minutes; have the account owner consent again"
	}
	if len(asked) == 0 {
		asked = p.Scopes
	}
	scope := offlineScope(p)
	switch {
	case scope != "" && !slices.Contains(asked, scope):
		return fmt.Sprintf("the consent was not asked for the scope %s, without which %s gives no refresh token; ask for it as well (--scopes), or for the provider's own scopes (without --scopes)", scope, p.Title)
	case p.Rotation == NoRotation:
		return fmt.Sprintf("%s gives a refresh token for the first consent only; have the account owner remove the app's access there and consent again", p.Title)
	case scope != "":
		return fmt.Sprintf("the scope %s was asked for; see that the app may have it and that the account owner did not decline it at %s", scope, p.Title)
	case len(p.Scopes) == 0:
		return "ask for the scope that stands for offline access at this provider"
	default:
		return fmt.Sprintf("ask for the scope that stands for offline access; the defaults of %s are %s", p.Name, strings.Join(p.Scopes, " "))
	}
}

func removeAccessHint(p Provider) string {
	return "have the account owner remove the app's access at " + p.Title
}
