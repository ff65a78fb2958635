package provider

import "errors"

// entry is what the file says of one provider.
type entry struct {
	name   string
	line   int
	fields []field
}

// field is one stated key of an entry, not yet understood.
type field struct {
	key   string
	line  int
	value node
}

// apply changes p in what the entry states.
func (e entry) apply(p Provider, found *problems) Provider {
	for _, f := range e.fields {
		if err := f.set(&p); err != nil {
			found.add(f.line, "provider %q: %s %v", e.name, f.key, err)
		}
	}
	return p
}

func (f field) set(p *Provider) (err error) {
	switch f.key {
	case "title":
		p.Title, err = f.value.text()
	case "auth_url":
		p.AuthURL, err = f.value.url()
	case "token_url":
		p.TokenURL, err = f.value.url()
	case "revoke_url":
		p.RevokeURL, err = f.value.url()
	case "introspect_url":
		p.IntrospectURL, err = f.value.url()
	case "auth_style":
		p.AuthStyle, err = oneOf(f.value, AuthHeader, AuthBody)
	case "rotation":
		p.Rotation, err = oneOf(f.value, SingleUse, Sometimes, NoRotation)
	case "replay_window":
		p.ReplayWindow, err = f.value.duration(0)
	case "access_token_lifetime":
		p.AccessTokenLifetime, err = f.value.duration(1)
	case "scopes":
		p.Scopes, err = f.value.texts()
	case "auth_params":
		p.AuthParams, err = f.value.params("response_type", "state", "scope", "code_challenge", "code_challenge_method")
	case "refresh_params":
		p.RefreshParams, err = f.value.params("grant_type")
	case "rate_limit_reset_header":
		p.RateLimitResetHeader, err = f.value.text()
	default:
		return errors.New("is not a key; the keys are title, auth_url, token_url, revoke_url, introspect_url, auth_style, " +
			"rotation, replay_window, access_token_lifetime, scopes, auth_params, refresh_params, rate_limit_reset_header")
	}
	return err
}
