package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"syscall"

	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// checkProviders asks the token endpoint of each provider that has accounts for its time.
func (d *doctor) checkProviders(ctx context.Context, f *findings) {
	if d.providersErr != nil {
		f.skip("reach", "the providers file is wrong, see configuration")
		return
	}
	names, err := d.providersInUse(ctx)
	if err != nil {
		f.skip("in use", "which providers have accounts is not known without Temporal; name one with --provider")
	}
	if d.issuer != "" && !slices.Contains(names, d.issuer) {
		names = append(names, d.issuer)
	}
	if len(names) == 0 && err == nil {
		f.ok("in use", "no account is kept alive, so that no provider was asked; name one with --provider")
	}
	results := make([]findings, len(names))
	var group errgroup.Group
	group.SetLimit(maxConcurrent)
	for i, name := range names {
		results[i].part = f.part
		group.Go(func() error {
			p, err := d.providers.Lookup(name)
			if err == nil && d.target != nil && d.target.Account.Provider == name {
				p = d.target.Provider // with the account's own endpoint
			}
			if err != nil {
				results[i].wrong(name, err)
			} else {
				checkProvider(ctx, &results[i], p)
			}
			return nil
		})
	}
	_ = group.Wait()
	for _, r := range results {
		f.all = append(f.all, r.all...)
	}
}

// providersInUse are those with a cron or a run of an account, by the ids that starter gives.
func (d *doctor) providersInUse(ctx context.Context) ([]string, error) {
	if d.configErr != nil {
		return nil, d.configErr
	}
	c, err := d.dial()
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var names []string
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	for _, p := range d.providers.Providers() {
		group.Go(func() error {
			prefix := workflows.ID(token.Account{Provider: p.Name, Name: token.DefaultAccount})
			count, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
				Query: refreshes + " AND WorkflowId STARTS_WITH '" + prefix + "'",
			})
			if err == nil && count.GetCount() > 0 {
				mu.Lock()
				names = append(names, p.Name)
				mu.Unlock()
			}
			return err
		})
	}
	err = group.Wait()
	slices.Sort(names)
	return names, err
}

func checkProvider(ctx context.Context, f *findings, p provider.Provider) {
	endpoint, err := url.Parse(p.TokenURL)
	if err != nil || endpoint.Host == "" || strings.ContainsAny(endpoint.Host, "{}") {
		f.skip(p.Name, "its accounts have token endpoints of their own; name one with --account and --provider")
		return
	}
	if successor := p.Status.Successor; p.Status.Retired && successor != "" {
		f.add(p.Name, problem, p.Title+" is retired since "+p.Status.Since, "move its accounts to "+successor+" with: "+command("migrate", "--account", "NAME", "--provider", p.Name))
	}
	status, skew, err := ask(ctx, provider.Transport(), p.TokenURL)
	switch {
	case err != nil:
		detail, fix := networkProblem(err, endpoint.Host)
		f.add(p.Name, problem, detail, fix)
		return
	case status >= http.StatusInternalServerError:
		f.add(p.Name, problem, fmt.Sprintf("%s answers %d %s", endpoint.Host, status, http.StatusText(status)), "see the provider's status page; runs wait and try again")
	default:
		f.ok(p.Name, "%s answers", endpoint.Host)
	}
	f.clock(p.Title, skew)
}

// networkProblem names why a host gave no answer. The network's own error stays out of it,
// because it can quote addresses of proxies.
func networkProblem(err error, host string) (detail, fix string) {
	const route = "see that this machine may reach it, by firewall and proxy (HTTPS_PROXY)"
	var (
		name      *net.DNSError
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
		network   net.Error
	)
	switch {
	case errors.As(err, &name):
		return "no host has the name " + host, "correct the address, or see that this machine's name server answers"
	case errors.As(err, &authority):
		return "the certificate of " + host + " comes from an authority that this machine does not trust", "install the authority's certificate (SSL_CERT_FILE names a file); if a proxy opens TLS on the way, it is the proxy's"
	case errors.As(err, &hostname):
		return "the certificate of " + host + " is for another host", "correct the address"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the certificate of " + host + " has expired or is not valid yet, by this machine's clock", clockFix
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return host + " does not speak TLS", "correct the address"
	case errors.Is(err, syscall.ECONNREFUSED):
		return host + " refuses connections", "correct the address, or " + route
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return host + " gives no answer in time", route
	}
	return host + " gives no answer", route
}
