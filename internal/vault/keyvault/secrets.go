package keyvault

import (
	"context"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

var _ vault.Secrets = (*Client)(nil)

// Get implements vault.Secrets.
func (c *Client) Get(ctx context.Context, name, version string) (vault.Secret, error) {
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := c.secrets.GetSecret(callCtx, name, version, nil)
	if err != nil {
		return vault.Secret{}, c.fail(ctx, "get", name, err)
	}
	return vault.Secret{
		Properties: properties(answer.ID, answer.ContentType, answer.Attributes, answer.Tags),
		Value:      token.NewSecret(deref(answer.Value)),
	}, nil
}

// Set implements vault.Secrets. After vault.ErrUnavailable the version may exist.
func (c *Client) Set(ctx context.Context, name string, value token.Secret, p vault.Properties) (vault.Properties, error) {
	callCtx, cancel := context.WithTimeout(onlySurelyUndone(ctx), callTimeout)
	defer cancel()
	parameters := azsecrets.SetSecretParameters{
		Value:            to.Ptr(value.Reveal()),
		SecretAttributes: &azsecrets.SecretAttributes{Enabled: to.Ptr(true)},
		Tags:             pointers(p.Tags),
	}
	if p.ContentType != "" {
		parameters.ContentType = to.Ptr(p.ContentType)
	}
	if !p.Expires.IsZero() {
		parameters.SecretAttributes.Expires = to.Ptr(p.Expires)
	}
	answer, err := c.secrets.SetSecret(callCtx, name, parameters, nil)
	if err != nil {
		return vault.Properties{}, c.fail(ctx, "set", name, err)
	}
	return properties(answer.ID, answer.ContentType, answer.Attributes, answer.Tags), nil
}

// SetTags implements vault.Secrets.
func (c *Client) SetTags(ctx context.Context, name, version string, tags map[string]string) error {
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	parameters := azsecrets.UpdateSecretPropertiesParameters{Tags: pointers(tags)}
	if _, err := c.secrets.UpdateSecretProperties(callCtx, name, version, parameters, nil); err != nil {
		return c.fail(ctx, "tag", name, err)
	}
	return nil
}

// DisableVersion implements vault.Secrets.
func (c *Client) DisableVersion(ctx context.Context, name, version string) error {
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	parameters := azsecrets.UpdateSecretPropertiesParameters{SecretAttributes: &azsecrets.SecretAttributes{Enabled: to.Ptr(false)}}
	if _, err := c.secrets.UpdateSecretProperties(callCtx, name, version, parameters, nil); err != nil {
		return c.fail(ctx, "disable", name, err)
	}
	return nil
}

// Versions implements vault.Secrets. Each page is a call with its own time limit.
func (c *Client) Versions(ctx context.Context, name string) ([]vault.Properties, error) {
	var all []vault.Properties
	for pager := c.secrets.NewListSecretPropertiesVersionsPager(name, nil); pager.More(); {
		page, err := nextPage(ctx, pager.NextPage)
		if err != nil {
			f := c.diagnose(ctx, err)
			if len(all) == 0 && f.notFound() {
				return nil, nil // Lowkey Vault; Key Vault itself lists nothing
			}
			return nil, c.failAs("list", name, f)
		}
		for _, v := range page.Value {
			all = append(all, properties(v.ID, v.ContentType, v.Attributes, v.Tags))
		}
	}
	return all, nil
}

func nextPage[T any](ctx context.Context, next func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return next(ctx)
}

// IsDeleted implements vault.Secrets. Key Vault does not show a disabled secret
// among the deleted: it says that it is disabled, instead of "not found". While
// a deletion is under way, which takes up to half a minute, the answer is false
// and Set fails as unavailable.
func (c *Client) IsDeleted(ctx context.Context, name string) (bool, error) {
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.secrets.GetDeletedSecret(callCtx, name, nil)
	if err == nil {
		return true, nil
	}
	f := c.diagnose(ctx, err)
	switch {
	case f.notFound():
		return false, nil
	case judge(f).kind == vault.ErrDisabled:
		return true, nil
	}
	return false, c.failAs("get deleted", name, f)
}

func properties(id *azsecrets.ID, contentType *string, a *azsecrets.SecretAttributes, tags map[string]*string) vault.Properties {
	p := vault.Properties{ContentType: deref(contentType)}
	if id != nil {
		p.Version = id.Version()
	}
	if len(tags) > 0 {
		p.Tags = make(map[string]string, len(tags))
		for key, value := range tags {
			p.Tags[key] = deref(value)
		}
	}
	if a != nil {
		p.Expires = deref(a.Expires)
		p.Created = deref(a.Created)
		p.Enabled = deref(a.Enabled)
	}
	return p
}

// pointers never returns nil: to Key Vault no tags means "leave them", and an
// empty map "remove them".
func pointers(tags map[string]string) map[string]*string {
	out := make(map[string]*string, len(tags))
	for key, value := range tags {
		out[key] = to.Ptr(value)
	}
	return out
}

func deref[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}
