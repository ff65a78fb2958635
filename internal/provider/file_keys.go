package provider

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// FileKey is a key of the providers file and what it means, for the documentation.
type FileKey struct{ Name, Meaning string }

// FileKeys are the keys of a provider's entry, those of an account's, those of a dead
// answer, and those of secret_names, each in the order of the documentation.
func FileKeys() (entry, account, deadAnswer, secretNames []FileKey) {
	for _, s := range providerKeys() {
		entry = append(entry, s.FileKey)
	}
	return entry, accountKeys(), deadAnswerKeys(), secretNameKeys()
}

// namesOf lists the names of keys.
func namesOf(keys []FileKey) string {
	names := make([]string, 0, len(keys))
	for _, k := range keys {
		names = append(names, k.Name)
	}
	return strings.Join(names, ", ")
}

// setting is a key of a provider's entry, and how it changes the provider.
type setting struct {
	FileKey
	set func(*Provider, node) error
}

func providerKeys() []setting {
	key := func(name string, set func(*Provider, node) error, meaning string) setting {
		return setting{FileKey{name, meaning}, set}
	}
	return []setting{
		key("like", func(*Provider, node) error { return nil }, // see modelFor
			"A built-in provider that a new one is like in all that it does not state"),
		key("title", into(func(p *Provider) *string { return &p.Title }, node.title),
			"Its name in messages"),
		key("auth_url", into(func(p *Provider) *string { return &p.AuthURL }, node.url),
			"Where account owners consent"),
		key("token_url", into(func(p *Provider) *string { return &p.TokenURL }, node.url),
			"Its token endpoint"),
		key("token_urls", into(func(p *Provider) *map[string]string { return &p.TokenURLs }, node.urls),
			"Further token endpoints by name, such as another portal's, of which accounts may choose"),
		key("revoke_url", into(func(p *Provider) *string { return &p.RevokeURL }, node.url),
			"Where a grant is ended (RFC 7009)"),
		key("auth_style", into(func(p *Provider) *AuthStyle { return &p.AuthStyle }, oneOf(AuthHeader, AuthBody, AuthJSON, AuthQuery)),
			"Where the client's id and secret go: `header` (Basic, form-encoded as RFC 6749 section 2.3.1 says; where a provider does not decode that, `body`), `body`, `json` (all of the body is JSON) or `query` "+
				"(in the URL, which proxies and servers log: only where a provider takes nothing else). Never guessed, because a guess sends the token twice"),
		key("rotation", into(func(p *Provider) *Rotation { return &p.Rotation }, oneOf(SingleUse, Sometimes, NoRotation)),
			"What a refresh does to the refresh token: `single-use` replaces it, `sometimes` may, `none` leaves it"),
		key("replay_window", into(func(p *Provider) *duration { return &p.ReplayWindow }, node.duration),
			"How long it repeats its answer to a spent token; 0s where that is not documented"),
		key("replay_ends_on_use", into(func(p *Provider) *bool { return &p.ReplayEndsOnUse }, node.flag),
			"true: the first use of a new token ends that window"),
		key("repeat_pause", into(func(p *Provider) *duration { return &p.RepeatPause }, node.duration),
			"The least time between two requests with one token; at most a quarter of replay_window"),
		key("reuse", into(func(p *Provider) *Reuse { return &p.Reuse }, oneOf(Harmless, Refused, RevokesGrant)),
			"What it does with a spent token after that window: `harmless`, `refused` or `revokes-grant`; unknown without it"),
		key("dead_answers", into(func(p *Provider) *[]DeadAnswer { return &p.DeadAnswers }, node.deadAnswers),
			"A list of its answers to a refresh that mean a dead grant, beside `invalid_grant`, which always does"),
		key("access_token_lifetime", into(func(p *Provider) *duration { return &p.AccessTokenLifetime }, node.positive),
			"How long an access token lives; `expires_in` of an answer outranks it"),
		key("ends_access_token", into(func(p *Provider) *bool { return &p.EndsAccessToken }, node.flag),
			"true: a refresh ends the access token before it, so that readers must read the new one"),
		key("grant_idle", into(func(p *Provider) *duration { return &p.GrantIdle }, node.duration),
			"How long a refresh token lives without a refresh"),
		key("grant_life", into(func(p *Provider) *duration { return &p.GrantLife }, node.duration),
			"How long a grant lives from its consent on, whatever is refreshed"),
		key("grant_ends", into(func(p *Provider) *string { return &p.GrantEnds }, node.text),
			"A clause that says why else a grant may end; it stands in messages about a dead one"),
		key("refresh_lifetime_field", into(func(p *Provider) *string { return &p.RefreshLifetimeField }, node.path),
			"The field of an answer that states `grant_idle` in seconds, or the end as a Unix time, and outranks it"),
		key("grant_lifetime_field", into(func(p *Provider) *string { return &p.GrantLifetimeField }, node.path),
			"The same for `grant_life`"),
		key("scopes", into(func(p *Provider) *[]string { return &p.Scopes }, node.scopes),
			"A list of what a consent asks for unless told otherwise"),
		key("auth_params", into(func(p *Provider) *map[string]string { return &p.AuthParams }, params("response_type", "state", "scope", "code_challenge", "code_challenge_method")),
			"Further parameters of the consent page's URL"),
		key("refresh_params", into(func(p *Provider) *map[string]string { return &p.RefreshParams }, params("grant_type")),
			"Further parameters of every refresh"),
		key("rate_limit_reset_header", into(func(p *Provider) *string { return &p.RateLimitResetHeader }, node.header),
			"The header of a 429 that says when its rate limit starts over, where it is not `RateLimit-Reset`"),
		key("secret_names", into(func(p *Provider) *SecretNames { return &p.SecretNames }, node.secretNames),
			"The names of its default account's secrets. A named account has its name and a hyphen before those of its tokens; the client is the same for all"),
		key("source", into(func(p *Provider) *string { return &p.Source.Page }, node.text),
			"Where all of this comes from"),
		key("source_read", into(func(p *Provider) *string { return &p.Source.Read }, node.day),
			"The day on which that was read, such as 2026-11-26"),
		key("unverified", into(func(p *Provider) *string { return &p.Source.Unverified }, node.text),
			"What no page confirms"),
	}
}

func accountKeys() []FileKey {
	return []FileKey{
		{"token_url", "The account's token endpoint: a name of its provider's `token_urls`, or a URL"},
		{"secret_names", "The names of the account's secrets, as they are; those that are left out are as without it"},
	}
}

func deadAnswerKeys() []FileKey {
	return []FileKey{
		{"status", "The HTTP status: 200 to 299, or 400 to 499 without 408, 410, 425 and 429, which speak for the whole service; any of these without it"},
		{"field", "The field of the JSON answer, with dots between keys; `error` without it"},
		{"value", "What it holds. A number and a truth value of the answer count as their text, so put them in quotes"},
	}
}

func secretNameKeys() []FileKey {
	return []FileKey{
		{"refresh_token", "The refresh token"},
		{"access_token", "The access token"},
		{"credentials", "The client's id and secret in one secret (base64 of id:secret)"},
		{"client_id", "The client's id in the clear, with `client_secret` and without `credentials`"},
		{"client_secret", "The client's secret in the clear"},
	}
}

// into makes a setting's function of the field that it sets and of how that is read.
func into[T any](field func(*Provider) *T, read func(node) (T, error)) func(*Provider, node) error {
	return func(p *Provider, value node) error {
		v, err := read(value)
		if err == nil {
			*field(p) = v
		}
		return err
	}
}

// apply changes p in what the entry states.
func (e entry) apply(p Provider, found *problems) Provider {
	keys := providerKeys()
	for _, f := range e.fields {
		what := fmt.Sprintf("provider %.60q: %s", e.name, shownKey(f.key))
		i := slices.IndexFunc(keys, func(s setting) bool { return s.Name == f.key })
		if i < 0 {
			known, _, _, _ := FileKeys()
			found.add(f.line, "%s is not a key; the keys are %s", what, namesOf(known))
			continue
		}
		found.addAll(f.line, what, keys[i].set(&p, f.value))
	}
	return p
}

var plainKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,60}$`)

// shownKey is a key as it is, or quoted and shortened where it is not plain.
func shownKey(key string) string {
	if plainKey.MatchString(key) {
		return key
	}
	return fmt.Sprintf("%.60q", key)
}
