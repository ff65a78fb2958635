package provider

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// setting is a key of a provider's entry, and how it changes the provider.
type setting struct {
	key string
	set func(*Provider, node) error
}

// providerKeys are the keys of a provider's entry, in the order of the documentation.
func providerKeys() []setting {
	return []setting{
		{"like", func(*Provider, node) error { return nil }}, // see modelFor
		{"title", into(func(p *Provider) *string { return &p.Title }, node.title)},
		{"auth_url", into(func(p *Provider) *string { return &p.AuthURL }, node.url)},
		{"token_url", into(func(p *Provider) *string { return &p.TokenURL }, node.url)},
		{"token_urls", into(func(p *Provider) *map[string]string { return &p.TokenURLs }, node.urls)},
		{"revoke_url", into(func(p *Provider) *string { return &p.RevokeURL }, node.url)},
		{"auth_style", into(func(p *Provider) *AuthStyle { return &p.AuthStyle }, oneOf(AuthHeader, AuthBody, AuthJSON, AuthQuery))},
		{"rotation", into(func(p *Provider) *Rotation { return &p.Rotation }, oneOf(SingleUse, Sometimes, NoRotation))},
		{"replay_window", into(func(p *Provider) *duration { return &p.ReplayWindow }, node.duration)},
		{"replay_ends_on_use", into(func(p *Provider) *bool { return &p.ReplayEndsOnUse }, node.flag)},
		{"repeat_pause", into(func(p *Provider) *duration { return &p.RepeatPause }, node.duration)},
		{"reuse", into(func(p *Provider) *Reuse { return &p.Reuse }, oneOf(Harmless, Refused, RevokesGrant))},
		{"dead_answers", into(func(p *Provider) *[]DeadAnswer { return &p.DeadAnswers }, node.deadAnswers)},
		{"access_token_lifetime", into(func(p *Provider) *duration { return &p.AccessTokenLifetime }, node.positive)},
		{"ends_access_token", into(func(p *Provider) *bool { return &p.EndsAccessToken }, node.flag)},
		{"grant_idle", into(func(p *Provider) *duration { return &p.GrantIdle }, node.duration)},
		{"grant_life", into(func(p *Provider) *duration { return &p.GrantLife }, node.duration)},
		{"grant_ends", into(func(p *Provider) *string { return &p.GrantEnds }, node.text)},
		{"refresh_lifetime_field", into(func(p *Provider) *string { return &p.RefreshLifetimeField }, node.path)},
		{"grant_lifetime_field", into(func(p *Provider) *string { return &p.GrantLifetimeField }, node.path)},
		{"scopes", into(func(p *Provider) *[]string { return &p.Scopes }, node.scopes)},
		{"auth_params", into(func(p *Provider) *map[string]string { return &p.AuthParams }, params("response_type", "state", "scope", "code_challenge", "code_challenge_method"))},
		{"refresh_params", into(func(p *Provider) *map[string]string { return &p.RefreshParams }, params("grant_type"))},
		{"rate_limit_reset_header", into(func(p *Provider) *string { return &p.RateLimitResetHeader }, node.header)},
		{"secret_names", into(func(p *Provider) *SecretNames { return &p.SecretNames }, node.secretNames)},
		{"source", into(func(p *Provider) *string { return &p.Source.Page }, node.text)},
		{"source_read", into(func(p *Provider) *string { return &p.Source.Read }, node.day)},
		{"unverified", into(func(p *Provider) *string { return &p.Source.Unverified }, node.text)},
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
		i := slices.IndexFunc(keys, func(s setting) bool { return s.key == f.key })
		if i < 0 {
			var names []string
			for _, s := range keys {
				names = append(names, s.key)
			}
			found.add(f.line, "%s is not a key; the keys are %s", what, strings.Join(names, ", "))
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
