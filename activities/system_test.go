package activities_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdkinterceptor "go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"google.golang.org/grpc"

	"tokenkeeper/activities"
	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/seal"
	"tokenkeeper/internal/sim/authserver"
	"tokenkeeper/internal/sim/memvault"
	"tokenkeeper/internal/token"
	"tokenkeeper/internal/vault"
)

// canary begins every secret of these tests, so that one that got out is found.
const canary = "fake-canary-"

var (
	account     = token.Account{Provider: "fitbit", Name: "default"}
	credentials = base64.StdEncoding.EncodeToString([]byte("FAKE0C:" + canary + "client-secret"))
)

// system is the activities between a real provider simulator, a vault in memory
// and a Temporal server that answers as a test wants.
type system struct {
	*activities.Activities
	t        *testing.T
	provider *authserver.Server
	vault    *memvault.Vault // empty where secrets are elsewhere
	secrets  vault.Secrets
	temporal *temporalServer
	metrics  *measured
	said     *transcript
	words    *activities.LastWords
	heard    heartbeats
}

// setup is what a test wants otherwise than usual.
type setup struct {
	tokenURL string // of Fitbit, in place of the simulator's
	entries  string // further entries of the providers file
	// secrets is an empty vault in place of the one in memory.
	secrets vault.Secrets
	// unproven: the worker has written nothing yet, so that it does not know whether the
	// vault takes new versions.
	unproven bool
	slots    int // of the worker; no bound unless set
}

// newSystem has one account whose grant is fresh. When the test ends, no
// log line and no failure may hold a secret.
func newSystem(t *testing.T) *system {
	t.Helper()
	return newSystemWith(t, setup{})
}

func newSystemWith(t *testing.T, o setup) *system {
	t.Helper()
	sim, err := authserver.Start(authserver.Options{
		TokenPrefix: canary,
		Client:      authserver.Client{ID: "FAKE0C", Secret: token.NewSecret(canary + "client-secret")},
	})
	require.NoError(t, err)
	t.Cleanup(sim.Close)
	s := &system{t: t, provider: sim, vault: &memvault.Vault{}, temporal: &temporalServer{}, metrics: &measured{}, said: &transcript{}, words: &activities.LastWords{}}
	if o.tokenURL == "" {
		o.tokenURL = sim.URL() + "/oauth2/token"
	}
	if o.secrets == nil {
		refresh, _ := sim.CreateGrant("USER-1")
		s.vault.Put("FitbitCredentials", credentials)
		s.vault.Put("RefreshToken", refresh)
		o.secrets = s.vault
	}
	yaml := "providers:\n  fitbit:\n    token_url: " + o.tokenURL + "\n" + o.entries
	s.secrets = o.secrets
	table, err := provider.Builtin().Override([]byte(yaml), "providers.yaml")
	require.NoError(t, err)
	ring := seal.New(vault.NewKeysets(o.secrets))
	_, err = ring.Create(t.Context())
	require.NoError(t, err)
	written := vault.New(o.secrets)
	if !o.unproven {
		require.NoError(t, written.PutCredentials(t.Context(), vault.Names{Credentials: "OtherCredentials"}, token.Client{ID: "FAKE0D", Secret: token.NewSecret(canary + "other")}))
	}
	s.Activities = activities.New(activities.Dependencies{
		Vault:     written,
		Keyring:   ring,
		Providers: table,
		Client:    provider.NewClient(nil),
		Temporal:  s.temporal,
		Words:     s.words,
		Metrics:   s.metrics,
		Slots:     o.slots,
		Log:       slog.New(slog.NewTextHandler(s.said, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	t.Cleanup(func() { requireNoSecret(t, s.said.String()) })
	return s
}

func requireNoSecret(t *testing.T, text string) {
	t.Helper()
	require.NotContains(t, text, canary)
	require.NotContains(t, text, credentials)
}

// attempt is the circumstances of one attempt at an activity.
type attempt struct {
	number   int32            // 1 unless set
	run      string           // "run-1" unless set
	deadline func() time.Time // in 20 s unless set
	asked    time.Duration    // how long ago the run asked for it
	ctx      context.Context  // the test's unless set
	told     any              // the last attempt's heartbeat; none unless set
	unheard  bool             // no heartbeats are expected
	silence  time.Duration    // its heartbeats' time-out; a minute unless set, for a machine that is starved
	queue    string           // the task queue; the test environment's unless set
	token    string           // set by perform
	received time.Duration    // how long after its start by Temporal's clock
}

// perform has an activity done as a worker would, and keeps every failure for
// the search for secrets.
func perform[Out any](s *system, at attempt, name string, in any) (out Out, err error) {
	s.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	env.SetTestTimeout(time.Minute)
	if at.ctx == nil {
		at.ctx = s.t.Context()
	}
	at.token = rand.Text()
	env.SetWorkerOptions(worker.Options{
		BackgroundActivityContext: at.ctx,
		Interceptors:              []sdkinterceptor.WorkerInterceptor{&circumstances{at: at}},
	})
	if at.told != nil {
		env.SetHeartbeatDetails(at.told)
	}
	env.SetOnActivityHeartbeatListener(func(_ *activity.Info, details converter.EncodedValues) {
		s.heard.add(details)
	})
	s.Register(env)
	value, err := env.ExecuteActivity(name, in)
	if err != nil {
		_, _ = fmt.Fprintf(s.said, "failure: %+v\n", err)
		s.fails(at)
		return out, err
	}
	if value.HasValue() {
		require.NoError(s.t, value.Get(&out))
	}
	return out, nil
}

// fails has the worker's connection send an attempt's failure, which takes its last words along.
func (s *system) fails(at attempt) {
	sent := &workflowservice.RespondActivityTaskFailedRequest{TaskToken: []byte(at.token)}
	require.NoError(s.t, s.words.Attach(s.t.Context(), "", sent, nil, nil, func(context.Context, string, any, any, *grpc.ClientConn, ...grpc.CallOption) error { return nil }))
	if sent.GetLastHeartbeatDetails() != nil {
		s.heard.add(client.NewValues(sent.GetLastHeartbeatDetails()))
	}
}

func (s *system) load(at attempt) (activities.LoadResult, error) {
	return perform[activities.LoadResult](s, at, "LoadSecrets", activities.LoadInput{Account: account})
}

// mustLoad is a grant that is ready to be spent.
func (s *system) mustLoad() activities.LoadResult {
	s.t.Helper()
	loaded, err := s.load(attempt{})
	require.NoError(s.t, err)
	return loaded
}

func (s *system) call(at attempt, in activities.LoadResult) error {
	_, err := perform[activities.RefreshResult](s, at, "CallFitbit", in)
	return err
}

// issued is a pair that the provider has issued and that is not stored.
func (s *system) issued() activities.RefreshResult {
	s.t.Helper()
	require.ErrorIs(s.t, s.call(attempt{}, s.mustLoad()), activity.ErrResultPending)
	return s.temporal.last()
}

func (s *system) store(c activities.RefreshResult) (activities.StoreResult, error) {
	return perform[activities.StoreResult](s, attempt{}, "StoreSecrets", c)
}

// held is the vault's current refresh token.
func (s *system) held() string {
	all := s.vault.All("RefreshToken")
	return all[len(all)-1].Value.Reveal()
}

// requireFailure demands a failure of a type, and returns its message.
func requireFailure(t *testing.T, err error, kind string, final bool) string {
	t.Helper()
	var failure *temporal.ApplicationError
	require.ErrorAs(t, err, &failure)
	require.Equal(t, kind, failure.Type(), failure.Message())
	require.Equal(t, final, failure.NonRetryable(), "whether it ends the activity for good")
	require.NotContains(t, failure.Message(), "\n")
	benign := failure.Category() == temporal.ApplicationErrorCategoryBenign
	require.Equal(t, slices.Contains([]string{"AwaitsTurn", "ProviderShareInUse", "ProviderAway"}, kind), benign, "an error of the SDK's log only where something has failed")
	return failure.Message()
}

// circumstances makes an activity the attempt that a test wants.
type circumstances struct {
	sdkinterceptor.WorkerInterceptorBase
	at attempt
}

func (c *circumstances) InterceptActivity(_ context.Context, next sdkinterceptor.ActivityInboundInterceptor) sdkinterceptor.ActivityInboundInterceptor {
	return &inbound{ActivityInboundInterceptorBase: sdkinterceptor.ActivityInboundInterceptorBase{Next: next}, at: c.at, began: new(atomic.Bool)}
}

type inbound struct {
	sdkinterceptor.ActivityInboundInterceptorBase
	at    attempt
	began *atomic.Bool
}

// ExecuteActivity gives the attempt a task token that no other one of the test has. Until
// then the test environment needs its own.
func (i *inbound) ExecuteActivity(ctx context.Context, in *sdkinterceptor.ExecuteActivityInput) (any, error) {
	i.began.Store(true)
	return i.Next.ExecuteActivity(ctx, in)
}

func (i *inbound) Init(next sdkinterceptor.ActivityOutboundInterceptor) error {
	return i.Next.Init(&outbound{ActivityOutboundInterceptorBase: sdkinterceptor.ActivityOutboundInterceptorBase{Next: next}, at: i.at, began: i.began})
}

type outbound struct {
	sdkinterceptor.ActivityOutboundInterceptorBase
	at    attempt
	began *atomic.Bool
}

func (o *outbound) GetInfo(ctx context.Context) activity.Info {
	info := o.Next.GetInfo(ctx)
	info.Attempt = max(1, o.at.number)
	if o.began.Load() {
		info.TaskToken = []byte(o.at.token)
	}
	info.WorkflowExecution.ID = "fitbit-token-refresh"
	info.WorkflowExecution.RunID = "run-1"
	if o.at.run != "" {
		info.WorkflowExecution.RunID = o.at.run
	}
	info.TaskQueue = cmp.Or(o.at.queue, info.TaskQueue)
	info.ScheduledTime = time.Now().Add(-o.at.asked)
	info.StartedTime = time.Now().Add(-o.at.received)
	info.Deadline = time.Now().Add(activities.CallTimeout)
	if info.HeartbeatTimeout = cmp.Or(o.at.silence, time.Minute); o.at.unheard {
		info.HeartbeatTimeout = 0
	}
	if o.at.deadline != nil {
		info.Deadline = o.at.deadline()
	}
	return info
}

// heartbeats are what activities have left in theirs, as JSON.
type heartbeats struct {
	mu  sync.Mutex
	all []map[string]any
}

func (h *heartbeats) add(details converter.EncodedValues) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var one map[string]any
	if details.HasValues() {
		_ = details.Get(&one)
	}
	h.all = append(h.all, one)
}

func (h *heartbeats) list() []map[string]any {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.all)
}

// transcript is what was logged and what failed.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
