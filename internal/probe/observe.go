package probe

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
)

// Kind is what an answer means for the token that was presented.
type Kind int

const (
	// Trouble says nothing of the token: no answer, a fault of the provider, a client
	// that it does not take.
	Trouble Kind = iota
	// Issued: tokens were given for it.
	Issued
	// Refused: it was not taken.
	Refused
	// TooSoon: it is to be presented again later, because of a limit for this token or for
	// all calls.
	TooSoon
)

// Answer is the result of presenting a refresh token.
type Answer struct {
	Kind  Kind
	At    time.Time
	Pair  token.Pair // where it is Issued
	Shape Shape
	// Failure is the product's reading of any other answer.
	Failure *provider.Failure

	sent time.Time
	held time.Duration // how long the provider had the token wait before
}

// Presenter presents refresh tokens at one provider, one after another.
type Presenter struct {
	provider provider.Provider
	client   token.Client
	oauth    *provider.Client
	seen     *observer
	now      func() time.Time
}

// NewPresenter makes a Presenter that sends through transport, nil for the product's
// own. now stamps the answers.
func NewPresenter(p provider.Provider, client token.Client, transport http.RoundTripper, now func() time.Time) *Presenter {
	if transport == nil {
		transport = provider.Transport()
	}
	// What is not known yet must not have an answer refused.
	p.Rotation, p.ReplayWindow = provider.Sometimes, 0
	seen := &observer{transport: transport, now: now, secrets: []token.Secret{client.Secret, token.NewSecret(client.ID)}}
	return &Presenter{provider: p, client: client, oauth: provider.NewClient(seen), seen: seen, now: now}
}

// Present presents a refresh token in one POST.
func (p *Presenter) Present(ctx context.Context, refresh token.Secret) Answer {
	p.seen.begin(refresh)
	pair, err := p.oauth.Refresh(ctx, p.provider, p.client, refresh)
	a := Answer{At: p.now(), Pair: pair, Shape: p.seen.shape}
	p.seen.remember(pair)
	if errors.As(err, &a.Failure) {
		a.Kind = kindOf(a.Failure)
	} else if err == nil {
		a.Kind, a.Shape.Words = Issued, nil // they say nothing
	}
	return a
}

// Revoke ends the grant at the provider.
func (p *Presenter) Revoke(ctx context.Context, pair token.Pair) error {
	return p.oauth.Revoke(ctx, p.provider, p.client, pair)
}

// kindOf reads a failure as that of a token that may be spent: any refusal that is not a
// fault of the provider, the network or the client is one.
func kindOf(f *provider.Failure) Kind {
	switch {
	case f.Kind == provider.InvalidGrant || f.MayBeDead || f.Kind == provider.RequestRejected:
		return Refused
	case f.Kind == provider.RateLimited:
		return TooSoon
	case f.Kind == provider.Unexpected && f.Status >= 400 && f.Status < 500:
		return Refused
	case f.Kind == provider.Malformed && !f.Issued: // an error with the status of a success
		return Refused
	}
	return Trouble
}

// observer keeps the shape of the last answer.
type observer struct {
	transport http.RoundTripper
	now       func() time.Time
	secrets   []token.Secret
	shape     Shape
}

func (o *observer) begin(presented token.Secret) {
	o.shape = Shape{}
	o.secrets = append(o.secrets, presented)
}

func (o *observer) remember(pair token.Pair) {
	o.secrets = append(o.secrets, pair.AccessToken, pair.RefreshToken)
}

// RoundTrip implements [http.RoundTripper]. It passes on all that it reads.
func (o *observer) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := o.transport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, provider.MaxBody+1))
	o.shape = shapeOf(resp.StatusCode, string(body), o.now(), o.secrets)
	resp.Body = &replayed{Reader: bytes.NewReader(body), end: err, Closer: resp.Body}
	return resp, nil
}

// replayed is a body that was read already, with the error that it ended with.
type replayed struct {
	*bytes.Reader
	io.Closer
	end error
}

func (r *replayed) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	if errors.Is(err, io.EOF) && r.end != nil {
		err = r.end
	}
	return n, err
}

// Sleep waits in real time, for [Runner].
func Sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(d):
		return nil
	}
}
