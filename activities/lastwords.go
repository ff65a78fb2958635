package activities

import (
	"context"
	"slices"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/grpc"
)

// LastWords are heartbeats that attempts leave as they fail. The SDK sends a heartbeat and a
// failure in two requests, of which the first may be lost alone, and each is a billed action.
// Temporal's API takes both in one, and [LastWords.ClientOptions] has them put there: Temporal
// has both or neither. The zero value is ready.
type LastWords struct {
	mu   sync.Mutex
	left map[string]lastWord // by task token
}

type lastWord struct {
	details *commonpb.Payloads
	at      time.Time
}

// keptFor is how long a failure may be on its way: the SDK tries for ten seconds.
const keptFor = time.Minute

// leave keeps an attempt's last words until its failure is sent.
func (w *LastWords) leave(ctx context.Context, details any) {
	payloads, err := converter.GetDefaultDataConverter().ToPayloads(details)
	if err != nil {
		return // the next attempt takes it that this one was killed
	}
	now := time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left == nil {
		w.left = map[string]lastWord{}
	}
	for attempt, word := range w.left {
		if now.Sub(word.at) > keptFor {
			delete(w.left, attempt)
		}
	}
	w.left[string(activity.GetInfo(ctx).TaskToken)] = lastWord{payloads, now}
}

// ClientOptions are those of a client for the worker, whose connection takes the words along.
func (w *LastWords) ClientOptions(o client.Options) client.Options {
	o.ConnectionOptions.DialOptions = append(slices.Clone(o.ConnectionOptions.DialOptions), grpc.WithChainUnaryInterceptor(w.Attach))
	return o
}

// Attach is the connection's [grpc.UnaryClientInterceptor]. A request that the SDK sends more
// than once keeps what it was given at first.
func (w *LastWords) Attach(ctx context.Context, method string, request, reply any, connection *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	failed, ok := request.(*workflowservice.RespondActivityTaskFailedRequest)
	if !ok {
		return invoke(ctx, method, request, reply, connection, options...)
	}
	if details := w.take(failed.GetTaskToken()); details != nil {
		failed.LastHeartbeatDetails = details
	}
	return invoke(ctx, method, request, reply, connection, options...)
}

func (w *LastWords) take(taskToken []byte) *commonpb.Payloads {
	w.mu.Lock()
	defer w.mu.Unlock()
	word := w.left[string(taskToken)]
	delete(w.left, string(taskToken))
	return word.details
}
