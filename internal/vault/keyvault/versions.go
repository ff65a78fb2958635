package keyvault

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"

	"tokenkeeper/internal/vault"
)

// A page of a listing that fails is asked for pageTries times in all, each time with the
// library's own retries.
const (
	pageTries = 3
	pagePause = time.Second
	// maxEmptyPages in a row is more than the service sends, which may send some.
	maxEmptyPages = 100
)

// Versions implements vault.Secrets. Each page is a call with its own time limit, and one
// that fails is asked for again, so that the listing of thousands does not start over.
func (c *Client) Versions(ctx context.Context, name string) ([]vault.Properties, error) {
	var (
		all    []vault.Properties
		next   string // the link to the page at hand
		failed int    // how often that page has failed
		empty  int    // how many pages in a row were
	)
	for pager := c.secrets.NewListSecretPropertiesVersionsPager(name, nil); pager.More(); {
		page, err := c.nextPage(ctx, pager)
		if err == nil {
			empty++
			if next = deref(page.NextLink); len(page.Value) > 0 {
				failed, empty = 0, 0
			}
			if empty > maxEmptyPages {
				return nil, &vault.Error{Op: "list", Name: name, Kind: vault.ErrUnavailable, Detail: fmt.Sprintf("%s sends empty pages without end", c.host)}
			}
			for _, v := range page.Value {
				all = append(all, properties(v.ID, v.ContentType, v.Attributes, v.Tags))
			}
			continue
		}
		f := c.diagnose(ctx, err)
		if len(all) == 0 && f.notFound() {
			return nil, nil // Lowkey Vault's answer; Key Vault lists nothing
		}
		failed++
		failure := c.failAs("list", name, f)
		if next == "" || failed == pageTries || !vault.Retryable(failure) {
			return nil, afterReading(failure, len(all))
		}
		select {
		case <-ctx.Done():
			return nil, afterReading(failure, len(all))
		case <-time.After(pagePause):
		}
		if pager, err = c.pagerFrom(name, next); err != nil {
			return nil, afterReading(failure, len(all))
		}
	}
	return all, nil
}

func (c *Client) nextPage(ctx context.Context, pager *versionsPager) (azsecrets.ListSecretPropertiesVersionsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return pager.NextPage(ctx)
}

type versionsPager = runtime.Pager[azsecrets.ListSecretPropertiesVersionsResponse]

// pagerFrom is a pager at the given link: one that has failed gives no more pages. Its
// first page is empty.
func (c *Client) pagerFrom(name, link string) (*versionsPager, error) {
	before, err := json.Marshal(map[string]any{"value": []any{}, "nextLink": link})
	if err != nil {
		return nil, err
	}
	pager := c.secrets.NewListSecretPropertiesVersionsPager(name, nil)
	return pager, json.Unmarshal(before, pager)
}

// afterReading adds to the error of a listing that broke off how far it had come.
func afterReading(err error, count int) error {
	var e *vault.Error
	if count == 0 || !errors.As(err, &e) {
		return err
	}
	told := *e
	told.Detail = fmt.Sprintf("%s, after %d versions", e.Detail, count)
	return &told
}
