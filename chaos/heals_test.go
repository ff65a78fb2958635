package main_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver/grant"
	"tokenkeeper/internal/sim/keyvault"
	"tokenkeeper/internal/testenv"
	"tokenkeeper/workflows"
)

// While nothing is spent, only what a person must mend ends a run. That a run which waits
// is alerted after ten minutes is shown by the workflows' own tests, in skipped time.
func TestF30RefusalThatEndsByItselfEndsNoRun(t *testing.T) {
	t.Parallel()
	for name, refusal := range map[string]struct {
		keyvault.Fault
		says string
	}{
		"a signing key that Key Vault does not know yet": {keyvault.Fault{Kind: keyvault.KeyUnresolved, Times: 12}, "AKV10046"},
		"a role that does not count yet":                 {keyvault.Fault{Kind: keyvault.Denied, Times: 4}, `"Key Vault Secrets Officer"`},
		"an access policy that does not count yet":       {keyvault.Fault{Kind: keyvault.DeniedByAccessPolicy, Times: 4}, "access policy"},
		"a private endpoint that is not there yet":       {keyvault.Fault{Kind: keyvault.DeniedByConnection, Times: 4}, "private"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSystem(t, testenv.Options{})
			a := s.consent()
			w := s.work()
			s.Vault.Inject(refusal.Fault)
			run := a.refresh()
			run.retries("LoadSecrets", 2)
			require.Contains(t, run.pending("LoadSecrets").GetLastFailure().GetMessage(), refusal.says)

			run.ends(workflows.Refreshed, grant.Rotated)
			require.Empty(t, a.logged(w, saysAlert))
		})
	}
}
