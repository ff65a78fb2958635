package main

import (
	"context"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"tokenkeeper/workflows"
)

// checkTemporal goes from the connection to the workers behind it.
func (d *doctor) checkTemporal(ctx context.Context, f *findings) {
	if d.configErr != nil {
		f.skip("reach", configurationFirst)
		return
	}
	d.checkClientCertificate(f)
	options := d.starter.Temporal
	at := server{address: options.HostPort, namespace: options.Namespace}
	c, err := d.dial()
	if err != nil {
		f.temporal("reach", at, err)
		return
	}
	p := patient{Client: c, at: at, taskQueue: d.starter.TaskQueue}
	if !p.checkReach(ctx, f) {
		return
	}
	p.checkRetention(ctx, f)
	p.checkAttributes(ctx, f)
	p.checkQueues(ctx, f)
}

// temporal adds a problem that Temporal's error tells.
func (f *findings) temporal(check string, at server, err error) {
	detail, fix := at.diagnose(err)
	if detail == "" {
		detail = err.Error()
	}
	f.add(check, problem, detail, fix)
}

// checkClientCertificate finds one that has expired before a server says so in fewer words.
func (d *doctor) checkClientCertificate(f *findings) {
	tls := d.starter.Temporal.ConnectionOptions.TLS
	if tls == nil {
		return
	}
	for _, pair := range tls.Certificates {
		if len(pair.Certificate) == 0 {
			continue
		}
		certificate, err := x509.ParseCertificate(pair.Certificate[0])
		now := time.Now()
		switch {
		case err != nil:
			f.add("client certificate", problem, "it cannot be read", "set TEMPORAL_TLS_CLIENT_CERT_PATH to a certificate in PEM form")
		case now.After(certificate.NotAfter):
			f.add("client certificate", problem, "it expired "+when(certificate.NotAfter, now), "renew the certificate that TEMPORAL_TLS_CLIENT_CERT_PATH names")
		case now.Before(certificate.NotBefore):
			f.add("client certificate", problem, "it is valid from "+when(certificate.NotBefore, now), "set this machine's clock, or renew the certificate")
		case certificate.NotAfter.Sub(now) < 14*day:
			f.add("client certificate", problem, "it expires "+when(certificate.NotAfter, now), "renew the certificate that TEMPORAL_TLS_CLIENT_CERT_PATH names, and start the workers again")
		default:
			f.ok("client certificate", "valid until %s", when(certificate.NotAfter, now))
		}
	}
}

// patient is a Temporal server that answers.
type patient struct {
	client.Client
	at        server
	taskQueue string
	retention time.Duration
}

// checkReach reports whether the namespace can be looked at.
func (p *patient) checkReach(ctx context.Context, f *findings) bool {
	info, err := p.WorkflowService().GetSystemInfo(ctx, &workflowservice.GetSystemInfoRequest{})
	if err != nil {
		f.temporal("reach", p.at, err)
		return false
	}
	f.ok("reach", "Temporal %s answers at %s", info.GetServerVersion(), p.at.address)
	described, err := p.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: p.at.namespace})
	if err != nil {
		f.temporal("namespace", p.at, err)
		return false
	}
	f.ok("namespace", "%s is there", p.at.namespace)
	p.retention = described.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
	return true
}

// sampled bounds the accounts whose crons and Schedules are looked at for their periods.
const sampled = 200

// checkRetention compares how long histories are kept with the longest time between two runs
// of an account: the next run and a recovery read the last one's.
func (p *patient) checkRetention(ctx context.Context, f *findings) {
	longest, whose, err := p.longestPeriod(ctx)
	switch {
	case err != nil:
		f.temporal("retention", p.at, err)
	case longest > 0 && p.retention <= longest:
		wanted := max(3*day, 3*longest).Round(time.Hour)
		f.add("retention", problem, fmt.Sprintf("histories are kept for %s, and %s runs every %s only, so that a run or a recovery may not find the last one's", span(p.retention), whose, span(longest)),
			"keep them longer: "+shell("temporal", "operator", "namespace", "update", "--namespace", p.at.namespace, "--retention", fmt.Sprintf("%dh", int(wanted.Hours()))))
	case longest == 0:
		f.ok("retention", "histories are kept for %s; several days leave time to recover", span(p.retention))
	default:
		f.ok("retention", "histories are kept for %s, and the longest period is %s", span(p.retention), span(longest))
	}
}

// longestPeriod is the longest time between two runs of up to [sampled] crons and as many
// Schedules, and which one has it.
func (p *patient) longestPeriod(ctx context.Context) (longest time.Duration, whose string, err error) {
	app := &temporalApp{temporal: p.Client, namespace: p.at.namespace}
	list, err := p.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: runningRefreshes, PageSize: sampled})
	if err != nil {
		return 0, "", err
	}
	runs := slices.DeleteFunc(list.GetExecutions(), func(run *workflowpb.WorkflowExecutionInfo) bool {
		return !isAskable(run.GetExecution().GetWorkflowId())
	})
	crons := make([]string, len(runs))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	for i, run := range runs {
		group.Go(func() error {
			s, err := app.describe(groupCtx, run.GetExecution().GetWorkflowId(), run.GetExecution().GetRunId())
			if crons[i] = s.Cron; gone(err) {
				err = nil
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, "", err
	}
	now := time.Now()
	for i, spec := range crons {
		if period := longestGap(spec, now); period > longest {
			longest, whose = period, runs[i].GetExecution().GetWorkflowId()
		}
	}
	schedules, err := p.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: sampled})
	for n := 0; err == nil && n < sampled && schedules.HasNext(); n++ {
		var entry *client.ScheduleListEntry
		if entry, err = schedules.Next(); err != nil || entry.WorkflowType.Name != workflows.Type {
			continue
		}
		for i := 1; i < len(entry.NextActionTimes); i++ {
			if gap := entry.NextActionTimes[i].Sub(entry.NextActionTimes[i-1]); gap > longest {
				longest, whose = gap, entry.ID
			}
		}
	}
	return longest, whose, err
}

// longestGap is the longest time between two of an expression's next times; zero for none.
func longestGap(spec string, now time.Time) (longest time.Duration) {
	schedule, err := parseCron(spec)
	if err != nil {
		return 0
	}
	const times = 64
	last := schedule.Next(now.UTC())
	for range times {
		next := schedule.Next(last)
		if next.IsZero() {
			break
		}
		longest, last = max(longest, next.Sub(last)), next
	}
	return longest
}

// checkAttributes sees that the namespace has the search attributes, with their types.
func (p *patient) checkAttributes(ctx context.Context, f *findings) {
	has, err := p.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: p.at.namespace})
	if err != nil {
		f.skip("search attributes", "this identity may not list them: "+err.Error())
		return
	}
	wrong := false
	for _, want := range searchAttributes() {
		create := shell("temporal", "operator", "search-attribute", "create", "--namespace", p.at.namespace, "--name", want.name, "--type", want.kind.String())
		kind, found := has.GetCustomAttributes()[want.name]
		switch {
		case !found:
			f.add("search attributes", problem, want.name+" is missing, so that runs are not found by it", create+"; then start the workers again")
		case kind != want.kind:
			f.add("search attributes", problem, fmt.Sprintf("%s is a %s and must be a %s", want.name, kind, want.kind),
				"use a namespace of its own: a search attribute's type cannot be changed")
		default:
			continue
		}
		wrong = true
	}
	if !wrong {
		f.ok("search attributes", "all are there")
	}
}

type searchAttribute struct {
	name string
	kind enumspb.IndexedValueType
}

func searchAttributes() []searchAttribute {
	return []searchAttribute{
		{workflows.TokenAccount.GetName(), workflows.TokenAccount.GetValueType()},
		{workflows.TokenProvider.GetName(), workflows.TokenProvider.GetValueType()},
		{workflows.TokenHealth.GetName(), workflows.TokenHealth.GetValueType()},
		{workflows.TokenConsentEnds.GetName(), workflows.TokenConsentEnds.GetValueType()},
		{workflows.TokenUser.GetName(), workflows.TokenUser.GetValueType()},
	}
}
