package tokenkeeper_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

const (
	goldenNames = "testdata/names.golden"
	rewrite     = "go test -run 'TestNames$' . -update"
)

var update = flag.Bool("update", false, "write "+goldenNames+" anew")

// TestNames holds worker and starter to the names that histories, vaults,
// dashboards and scripts depend on. The golden file has them as values, so that
// code may be moved and its identifiers renamed without a word changing in it.
func TestNames(t *testing.T) {
	found := namesOf(t, readProgram(t, "./worker", "./starter"))
	if *update {
		require.NoError(t, os.WriteFile(goldenNames, []byte(strings.Join(found, "\n")+"\n"), 0o644))
	}
	golden, err := os.ReadFile(goldenNames)
	require.NoError(t, err)
	if complaint := compareNames(strings.Split(strings.TrimSpace(string(golden)), "\n"), found); complaint != "" {
		t.Error(complaint)
	}
}

// compareNames is empty where both are the same.
func compareNames(golden, found []string) string {
	var b strings.Builder
	list := func(what string, names, others []string) {
		for _, name := range names {
			if !slices.Contains(others, name) {
				_, _ = fmt.Fprintf(&b, "  %s: %s\n", what, name)
			}
		}
	}
	list("missing", golden, found)
	list("new", found, golden)
	if b.Len() == 0 {
		return ""
	}
	return "the names that the outside depends on have changed:\n" + b.String() + "Put the missing ones back. Where a change is meant: " + rewrite
}

func TestChangedNamesAreNamed(t *testing.T) {
	golden := []string{"json account", "tag generation", "tag run-id"}
	require.Empty(t, compareNames(golden, golden))

	complaint := compareNames(golden, []string{"json account", "tag gen", "tag generation"})
	require.Contains(t, complaint, "missing: tag run-id\n")
	require.Contains(t, complaint, "new: tag gen\n")
	require.Contains(t, complaint, rewrite)
	require.NotContains(t, complaint, "account")
}

// names are lines of a kind and a name.
type names map[string]bool

// add leaves out what has no letter, such as the hyphen between two names.
func (n names) add(kind string, all ...string) {
	for _, name := range all {
		if strings.ContainsFunc(name, unicode.IsLetter) {
			n[kind+" "+name] = true
		}
	}
}

// places are where libraries take names, by the kind of name.
var places = map[string][]string{
	"failure": {
		"go.temporal.io/sdk/temporal.NewApplicationError errType", "go.temporal.io/sdk/temporal.NewNonRetryableApplicationError errType",
		"go.temporal.io/sdk/temporal.NewApplicationErrorWithOptions errType", "go.temporal.io/sdk/temporal.NewApplicationErrorWithCause errType",
	},
	"workflow": {"go.temporal.io/sdk/workflow.RegisterOptions Name"},
	"workflow-id": {"go.temporal.io/sdk/client.StartWorkflowOptions ID", "go.temporal.io/sdk/client.ScheduleOptions ID",
		"go.temporal.io/sdk/client.ScheduleWorkflowAction ID"},
	"signal": {
		"go.temporal.io/sdk/workflow.GetSignalChannel signalName",
		"(go.temporal.io/sdk/client.Client).SignalWorkflow signalName", "(go.temporal.io/sdk/client.Client).SignalWithStartWorkflow signalName",
	},
	"query":            {"go.temporal.io/sdk/workflow.SetQueryHandler queryType", "(go.temporal.io/sdk/client.Client).QueryWorkflow queryType"},
	"change":           {"go.temporal.io/sdk/workflow.GetVersion changeID"},
	"search-attribute": {"go.temporal.io/sdk/temporal.NewSearchAttributeKeyKeyword name"},
	"health":           {"(go.temporal.io/sdk/temporal.SearchAttributeKeyKeyword).ValueSet value"},
	"secret": {
		"(github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets.Client).SetSecret name",
		"(github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets.Client).GetSecret name",
	},
	"envelope": {"(github.com/tink-crypto/tink-go/v2/tink.AEAD).Encrypt associatedData", "(github.com/tink-crypto/tink-go/v2/tink.AEAD).Decrypt associatedData"},
	"http":     {"(net/http.ServeMux).Handle pattern", "(net/http.ServeMux).HandleFunc pattern"},
	"file":     {"os.Rename newpath"},
}

func namesOf(t *testing.T, s *source) []string {
	all := names{}
	for kind, list := range places {
		for _, place := range list {
			all.add(kind, s.reaching(t, place)...)
		}
	}
	for _, parameters := range []string{"SetSecretParameters", "UpdateSecretPropertiesParameters"} {
		all.add("tag", s.keysReaching(t, "github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets."+parameters+" Tags")...)
	}
	for _, name := range s.reaching(t, "(flag.FlagSet).Bool name") {
		all.add("flag", "worker -"+name)
	}
	addConstants(all, s)
	addFields(all, s)
	addObjects(all, s)
	addActivities(all)
	addMetrics(t, all, s)
	addCommands(t, all, build(t, "./starter"), "starter")
	return slices.Sorted(maps.Keys(all))
}
