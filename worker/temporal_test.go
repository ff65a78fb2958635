package main_test

import (
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
)

func TestATemporalServerThatIsAwayIsWaitedFor(t *testing.T) {
	s := newSystem(t)
	account := s.consent()
	temporal := linkTo(t, s.Temporal.Address())
	w := s.launch("TEMPORAL_ADDRESS=" + temporal.address())
	for _, l := range w.logged("waiting for Temporal", 2) {
		require.Contains(t, l.Error, "the Temporal server at "+temporal.address()+" does not serve this worker")
		require.Contains(t, l.Error, "connection refused")
		require.Contains(t, l.Error, "; see that it runs and that TEMPORAL_ADDRESS names it")
		require.NotContains(t, l.Error, "\n")
	}
	require.Equal(t, http.StatusOK, w.status("/healthz"))
	require.Equal(t, http.StatusServiceUnavailable, w.status("/readyz"))
	temporal.up()

	require.NoError(t, w.Ready(t.Context()))
	s.refreshes(account)
}

// It has dialed, and has not begun to poll.
func TestATemporalServerThatGoesAwayWhileAWorkerStartsIsWaitedFor(t *testing.T) {
	s := newSystem(t)
	namespace := unique("namespace")
	s.createNamespace(namespace)
	temporal := linkTo(t, s.Temporal.Address())
	temporal.up()
	temporal.slow(300 * time.Millisecond) // so that there is time to take it away
	w := s.launch("TEMPORAL_ADDRESS="+temporal.address(), "TEMPORAL_NAMESPACE="+namespace)
	w.logged("added the search attributes to the namespace", 1)
	temporal.down()
	for _, l := range w.logged("waiting for Temporal", 1) {
		require.Contains(t, l.Error, "the Temporal server at "+temporal.address()+" does not serve this worker")
	}
	temporal.up()
	require.NoError(t, w.Ready(t.Context()))
}

func TestAWorkerThatWaitsForTemporalStopsWhenItIsTold(t *testing.T) {
	s := newSystem(t)
	w := s.launch("TEMPORAL_ADDRESS=" + linkTo(t, s.Temporal.Address()).address())
	w.logged("waiting for Temporal", 1)
	require.NoError(t, w.Signal(syscall.SIGTERM))
	require.Empty(t, w.ends(0))
}

func TestANamespaceThatIsNotThereEndsTheWorkerWithTheCommandThatCreatesIt(t *testing.T) {
	s := newSystem(t)
	namespace := unique("namespace")
	said := s.launch("TEMPORAL_NAMESPACE=" + namespace).ends(1)
	require.Contains(t, said, `has no namespace "`+namespace+`"; set TEMPORAL_NAMESPACE`)
	oneLine(t, said)

	_, command, found := strings.Cut(strings.TrimSpace(said), "create it with: temporal ")
	require.True(t, found, said)
	s.temporalCLI(strings.Fields(command)...)
	// The whole server learns of a new namespace some time later.
	eventually(t, "a worker gets ready", func() bool { return s.launch("TEMPORAL_NAMESPACE="+namespace).Ready(t.Context()) == nil })
}

func TestWorkersAddTheSearchAttributesWhereTheyAreMissing(t *testing.T) {
	s := newSystem(t)
	namespace := unique("namespace")
	s.createNamespace(namespace)
	one, other := s.launch("TEMPORAL_NAMESPACE="+namespace), s.launch("TEMPORAL_NAMESPACE="+namespace)
	require.NoError(t, one.Ready(t.Context()))
	require.NoError(t, other.Ready(t.Context()))
	listed, err := s.temporal.OperatorService().ListSearchAttributes(t.Context(), &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	require.NoError(t, err)
	for name, want := range map[string]enumspb.IndexedValueType{
		"TokenAccount": enumspb.INDEXED_VALUE_TYPE_KEYWORD, "TokenProvider": enumspb.INDEXED_VALUE_TYPE_KEYWORD,
		"TokenHealth": enumspb.INDEXED_VALUE_TYPE_KEYWORD, "TokenConsentEnds": enumspb.INDEXED_VALUE_TYPE_DATETIME,
		"TokenUser": enumspb.INDEXED_VALUE_TYPE_KEYWORD,
	} {
		require.Equal(t, want, listed.GetCustomAttributes()[name], name)
	}
	for _, w := range []process{one, other} {
		require.NotContains(t, w.Output(), "runs will carry no search attributes")
	}

	s.findsGreen(namespace, s.refreshIn(namespace))
}

func TestRunsAreGreenWhereASearchAttributeIsOfAnotherType(t *testing.T) {
	s := newSystem(t)
	namespace := unique("namespace")
	s.createNamespace(namespace)
	s.temporalCLI("operator", "search-attribute", "create", "--namespace", namespace, "--name", "TokenHealth", "--type", "Int")
	said := s.work("TEMPORAL_NAMESPACE="+namespace).logged("runs will carry no search attributes", 1)[0].Error
	require.Contains(t, said, "TokenHealth of namespace "+namespace+" is of type Int and not Keyword; remove it, and start the workers again: temporal ")
	s.refreshIn(namespace)

	_, command, _ := strings.Cut(said, "start the workers again: temporal ")
	s.temporalCLI(strings.Fields(command)...)
	require.NotContains(t, s.work("TEMPORAL_NAMESPACE="+namespace).Output(), "runs will carry no search attributes")
}

// A namespace whose columns are taken has room for no more, as one whose operator alone may
// add them: an upgrade leaves it with the attributes that it has.
func TestRunsAreFoundByAccountInANamespaceThatTakesNoFurtherSearchAttributes(t *testing.T) {
	s := newSystem(t)
	namespace := unique("namespace")
	s.createNamespace(namespace)
	attributes := []string{"operator", "search-attribute", "create", "--namespace", namespace,
		"--name", "TokenAccount", "--type", "Keyword", "--name", "TokenProvider", "--type", "Keyword", "--name", "TokenHealth", "--type", "Keyword"}
	for i := range 7 {
		attributes = append(attributes, "--name", fmt.Sprintf("Other%d", i), "--type", "Keyword")
	}
	s.temporalCLI(attributes...)
	w := s.work("TEMPORAL_NAMESPACE=" + namespace)
	said := w.logged("runs will not carry all search attributes", 1)[0].Error
	require.Contains(t, said, "namespace "+namespace+" lacks TokenUser, and this worker cannot add them: ")
	require.Contains(t, said, "; add them, and start the workers again: temporal operator search-attribute create --namespace "+namespace+" --name TokenAccount ")
	require.NotContains(t, said, "\n")

	account := s.refreshIn(namespace)
	s.findsGreen(namespace, account)
	shown := s.temporalCLI("workflow", "describe", "--namespace", namespace, "--workflow-id", account)
	require.NotContains(t, shown, "TokenUser")
}

func TestAnAttributeOfAnotherTypeTakesNoOtherAway(t *testing.T) {
	s := newSystem(t)
	namespace := unique("namespace")
	s.createNamespace(namespace)
	s.temporalCLI("operator", "search-attribute", "create", "--namespace", namespace, "--name", "TokenConsentEnds", "--type", "Int")
	said := s.work("TEMPORAL_NAMESPACE="+namespace).logged("runs will not carry all search attributes", 1)[0].Error
	require.Contains(t, said, "TokenConsentEnds of namespace "+namespace+" is of type Int and not Datetime; remove it")
	account := s.refreshIn(namespace)
	s.findsGreen(namespace, account)
	require.Contains(t, s.temporalCLI("workflow", "describe", "--namespace", namespace, "--workflow-id", account), "TokenUser")
}

// findsGreen waits until the last run of an account is found by what the account is.
func (s *system) findsGreen(namespace, account string) {
	s.t.Helper()
	eventually(s.t, "the run is found by its account", func() bool {
		return s.temporalCLI("workflow", "count", "--namespace", namespace, "--query", "TokenAccount = '"+account+"' AND TokenHealth = 'healthy'") == "Total: 1\n"
	})
}

// refreshIn refreshes a new account in a namespace, to success, and returns the
// account.
func (s *system) refreshIn(namespace string) (account string) {
	s.t.Helper()
	account = s.consent()
	s.temporalCLI("workflow", "execute", "--namespace", namespace, "--type", "RefreshTokens", "--task-queue", s.TaskQueue(),
		"--workflow-id", account, "--input", `{"account":"`+account+`"}`)
	require.True(s.t, s.Provider.IsLive(s.Held(account)))
	return account
}

// link is the network between a worker and a server.
type link struct {
	t     *testing.T
	proxy *toxiproxy.Proxy
}

// slow holds each packet back for a while.
func (l *link) slow(by time.Duration) {
	l.t.Helper()
	_, err := l.proxy.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(`{"type":"latency","attributes":{"latency":%d}}`, by.Milliseconds())))
	require.NoError(l.t, err)
}

// linkTo puts a link before a server's address. It refuses connections until it is up.
func linkTo(t *testing.T, server string) *link {
	t.Helper()
	quiet := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	l := &link{t, toxiproxy.NewProxy(quiet, t.Name(), "127.0.0.1:0", server)}
	l.up() // which gives it a port
	l.down()
	t.Cleanup(l.down)
	return l
}

func (l *link) address() string { return l.proxy.Listen }

func (l *link) up() {
	l.t.Helper()
	require.NoError(l.t, l.proxy.Start())
}

func (l *link) down() { l.proxy.Stop() }
