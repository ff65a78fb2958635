package main_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/workflows"
)

// foreignWords are answers to a dead token that other providers give, and gateways. Each
// names what a message has to repeat of it.
var foreignWords = []struct {
	name   string
	status int
	body   string
	says   []string
}{
	{"403 invalid_grant", 403, `{"error":"invalid_grant","error_description":"Unknown or invalid refresh token."}`, []string{"403", "invalid_grant"}},
	{"400 invalid_request", 400, `{"error":"invalid_request"}`, []string{"400", "invalid_request"}},
	{"200 with an error", 200, `{"error":"expired_refresh_token"}`, []string{"200"}},
	{"401 with a web page", 401, `<html><title>Sign in</title></html>`, []string{"401", "HTML"}},
	{"404 with a web page", 404, `<html><title>Not found</title></html>`, []string{"404", "HTML"}},
}

// TestEveryProvidersDeadGrantAsksForAConsentInWhateverWordsItIsTold: each provider of the
// table meets all answers that it has itself for a dead token, five that are foreign to
// it, and a grant that its owner has ended. No answer is repeated, so that every request
// is outside a replay window.
func TestEveryProvidersDeadGrantAsksForAConsentInWhateverWordsItIsTold(t *testing.T) {
	everyone := newKeptAtAll(t, authserver.Options{ReplayWindow: authserver.NoReplay, RepeatPause: authserver.NoPause})
	everyone[0].work()
	var refusals []refusal
	for _, k := range everyone {
		for i := range k.sim.DeadAnswers() {
			refusals = append(refusals, k.refuse(fmt.Sprintf("own words %d", i+1), authserver.Fault{Answer: authserver.Dead, Variant: i}))
		}
		for _, words := range foreignWords {
			f := authserver.Fault{Answer: authserver.Verbatim, Status: words.status, Body: words.body}
			refusals = append(refusals, k.refuse(words.name, f, words.says...))
		}
		ended := k.consent()
		k.Provider.EndGrants(ended.user)
		refusals = append(refusals, k.present("a grant that its owner has ended", ended))
	}
	for _, r := range refusals {
		r.run.hurry(1)
	}
	for _, r := range refusals {
		t.Run(r.p.Name+", "+r.name, func(t *testing.T) { r.on(t).check() })
	}
}

// refusal is a run whose refresh token is refused.
type refusal struct {
	keptAt
	run
	name      string
	says      []string
	consented string
}

// refuse starts a run that the provider answers with a fault each time.
func (k keptAt) refuse(name string, f authserver.Fault, says ...string) refusal {
	k.t.Helper()
	a := k.consent()
	f.Times = authserver.EveryTime
	k.inject(a, f)
	return k.present(name, a, says...)
}

func (k keptAt) present(name string, a account, says ...string) refusal {
	return refusal{k, a.refresh(), name, says, k.current(a)}
}

func (r refusal) on(t *testing.T) refusal {
	r.keptAt = r.keptAt.on(t)
	r.run.system = r.keptAt.system
	return r
}

func (r refusal) check() {
	t := r.keptAt.t
	failure := r.run.failure()
	require.Equal(t, workflows.ReauthorizationRequired, failure.Type, failure.Message)
	require.Equal(t, string(workflows.HealthNeedsConsent), r.run.health())
	requests := 1
	if strings.Contains(failure.Message, "probably dead") {
		requests = 2
		for _, said := range r.says {
			require.Contains(t, failure.Message, said)
		}
	}
	require.Equal(t, requests, r.run.calls(), failure.Message)
	require.NotContains(t, failure.Message, secretPrefix)
	r.run.untouched(r.consented, 1)
}
