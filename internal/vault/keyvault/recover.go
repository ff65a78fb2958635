package keyvault

import (
	"context"
	"net/http"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/to"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"tokenkeeper/internal/vault"
)

// recoveryPoll is how often a recovering name is tried.
const recoveryPoll = 300 * time.Millisecond

// Recover implements vault.Secrets. It waits as long as ctx allows: Key Vault
// recovers behind the caller's back, answers reads before it takes writes, and
// meanwhile says "not found" and then "is being recovered" (Azure/azure-sdk-for-net
// issue 31581). A name that is still being deleted, that is not deleted, or that
// someone else is recovering, is waited for as well; one that has no versions at
// all is vault.ErrNotFound.
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
		if err != nil {
			return err
		}
		if len(versions) == 0 && refused.notFound() {
			return c.failAs("recover", name, refused)
		}
		if len(versions) > 0 {
			last, err := c.tryWrite(ctx, name, versions[0])
			if err == nil {
				return nil
			}
			if !recovering(last) {
				return c.failAs("recover", name, last)
			}
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

// tryWrite writes to one version what it already holds: the only write that
// proves writability and leaves no trace but the time of update.
func (c *Client) tryWrite(ctx context.Context, name string, p vault.Properties) (failure, error) {
	callCtx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	same := azsecrets.UpdateSecretPropertiesParameters{ContentType: to.Ptr(p.ContentType)}
	if _, err := c.secrets.UpdateSecretProperties(callCtx, name, p.Version, same, nil); err != nil {
		return c.diagnose(ctx, err), err
	}
	return failure{}, nil
}

// recovering reports whether an answer is one that a name gives on its way out
// or back.
func recovering(f failure) bool {
	return f.notFound() || f.class == answered && f.status == http.StatusConflict
}
