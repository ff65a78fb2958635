package keyvault

import (
	"context"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

var _ vault.Secrets = (*Client)(nil)

// recoveryPoll is how often a recovering name is tried.
const recoveryPoll = 300 * time.Millisecond

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
		f := c.explained(ctx, name, c.diagnose(ctx, err))
		f.creates = true
		return vault.Properties{}, c.failAs("set", name, f)
	}
	return properties(answer.ID, answer.ContentType, answer.Attributes, answer.Tags), nil
}

// SetTags implements vault.Secrets.
func (c *Client) SetTags(ctx context.Context, name, version string, tags map[string]string) error {
	return c.change(ctx, "tag", name, version, azsecrets.UpdateSecretPropertiesParameters{Tags: pointers(tags)})
}

// DisableVersion implements vault.Secrets.
func (c *Client) DisableVersion(ctx context.Context, name, version string) error {
	disabled := &azsecrets.SecretAttributes{Enabled: to.Ptr(false)}
	return c.change(ctx, "disable", name, version, azsecrets.UpdateSecretPropertiesParameters{SecretAttributes: disabled})
}

func (c *Client) update(ctx context.Context, name, version string, p azsecrets.UpdateSecretPropertiesParameters) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := c.secrets.UpdateSecretProperties(ctx, name, version, p, nil)
	return err
}

// change is update with its error explained.
func (c *Client) change(ctx context.Context, op, name, version string, p azsecrets.UpdateSecretPropertiesParameters) error {
	err := c.update(ctx, name, version, p)
	if err == nil {
		return nil
	}
	return c.failAs(op, name, c.explained(ctx, name, c.diagnose(ctx, err)))
}

// explained asks, for a conflict without a reason that is known, whether the name is
// deleted: not every vault says so.
func (c *Client) explained(ctx context.Context, name string, f failure) failure {
	if f.unexplained() {
		f.deleted, _ = c.IsDeleted(ctx, name) // where that fails as well, the conflict is told
	}
	return f
}

// IsDeleted implements vault.Secrets. For a deleted secret that is disabled Key Vault
// answers "disabled" instead of the secret. While a deletion is under way, which
// takes up to half a minute, IsDeleted is false and Set fails as unavailable.
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
	case classify(f).kind == vault.ErrDisabled:
		return true, nil
	}
	return false, c.failAs("get deleted", name, f)
}

// Recover implements vault.Secrets. It waits as long as ctx allows: Key Vault
// recovers in the background, answers reads before it takes writes, and meanwhile
// answers "not found" and then "is being recovered" (Azure/azure-sdk-for-net issue
// 31581). It also waits for a name that is still being deleted, that is not deleted,
// or that another client is recovering; one without versions is vault.ErrNotFound.
func (c *Client) Recover(ctx context.Context, name string) error {
	accepted := false
	for {
		var refused failure
		if !accepted {
			if refused, accepted = c.startRecovery(ctx, name); !accepted && !recovering(refused) {
				return c.failAs("recover", name, refused)
			}
		}
		versions, err := c.Versions(ctx, name)
		switch {
		case err != nil:
			return err
		case len(versions) > 0:
			// The only write that changes nothing but the time of update: what is there.
			same := azsecrets.UpdateSecretPropertiesParameters{ContentType: to.Ptr(versions[0].ContentType)}
			if err := c.update(ctx, name, versions[0].Version, same); err == nil || !recovering(c.diagnose(ctx, err)) {
				return c.fail(ctx, "recover", name, err)
			}
		case refused.notFound():
			return c.failAs("recover", name, refused)
		}
		select {
		case <-ctx.Done():
			return c.fail(ctx, "recover", name, ctx.Err())
		case <-time.After(recoveryPoll):
		}
	}
}

func (c *Client) startRecovery(ctx context.Context, name string) (refused failure, accepted bool) {
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := c.secrets.RecoverDeletedSecret(callCtx, name, nil); err != nil {
		return c.diagnose(ctx, err), false
	}
	return failure{}, true
}

// recovering reports whether an answer is that of a name that is being deleted or
// recovered.
func recovering(f failure) bool {
	return f.notFound() || f.class == answered && f.status == http.StatusConflict
}

// fail turns an error of the library into a *vault.Error, and nil into nil.
func (c *Client) fail(ctx context.Context, op, name string, err error) error {
	if err == nil {
		return nil
	}
	return c.failAs(op, name, c.diagnose(ctx, err))
}

func (c *Client) failAs(op, name string, f failure) error {
	found := classify(f)
	return &vault.Error{Op: op, Name: name, Kind: found.kind, Detail: found.detail, Fix: found.fix}
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

// pointers never returns nil: to Key Vault no tags means "leave them", and an empty
// map "remove them".
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
