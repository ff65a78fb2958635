package authserver_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/sim/authserver"
)

// status is a fault that shows which fault struck.
func status(code int, f authserver.Fault) authserver.Fault {
	f.Answer, f.Status = authserver.Status, code
	return f
}

func TestScript(t *testing.T) {
	const (
		mine   = "refresh of FAKE01"
		theirs = "refresh of FAKE02"
		read   = "profile of FAKE01"
	)
	cases := []struct {
		name   string
		faults []authserver.Fault
		calls  []string
		want   []int
	}{
		{"faults without conditions are a queue",
			[]authserver.Fault{status(500, authserver.Fault{}), status(502, authserver.Fault{}), status(503, authserver.Fault{})},
			[]string{mine, theirs, read, mine}, []int{500, 502, 503, 200}},
		{"by endpoint",
			[]authserver.Fault{status(500, authserver.Fault{Endpoint: authserver.Token})},
			[]string{read, mine, mine}, []int{200, 500, 200}},
		{"by user",
			[]authserver.Fault{status(500, authserver.Fault{User: "FAKE02"})},
			[]string{mine, read, theirs, theirs}, []int{200, 200, 500, 200}},
		{"by user and endpoint, found by the access token",
			[]authserver.Fault{status(500, authserver.Fault{User: "FAKE01", Endpoint: authserver.Profile})},
			[]string{mine, theirs, read}, []int{200, 200, 500}},
		{"the n-th matching call",
			[]authserver.Fault{status(500, authserver.Fault{Endpoint: authserver.Token, Nth: 2})},
			[]string{mine, read, theirs, mine}, []int{200, 200, 500, 200}},
		{"several times",
			[]authserver.Fault{status(500, authserver.Fault{Nth: 2, Times: 2})},
			[]string{read, read, read, read}, []int{200, 500, 500, 200}},
		{"every time, behind a fault that comes first",
			[]authserver.Fault{status(502, authserver.Fault{}), status(500, authserver.Fault{Times: authserver.EveryTime})},
			[]string{read, read, read}, []int{502, 500, 500}},
		{"the n-th call waits when another fault takes it",
			[]authserver.Fault{status(502, authserver.Fault{}), status(500, authserver.Fault{Nth: 1})},
			[]string{read, read, read}, []int{502, 500, 200}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, authserver.Options{})
			first, access := s.CreateGrant("FAKE01")
			second, _ := s.CreateGrant("FAKE02")
			for _, f := range c.faults {
				require.NoError(t, s.Inject(f))
			}
			call := map[string]func() answer{
				mine:   func() answer { return replace(t, s, &first) },
				theirs: func() answer { return replace(t, s, &second) },
				read:   func() answer { return profile(t, s, access) },
			}
			var got []int
			for _, name := range c.calls {
				got = append(got, call[name]().status)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// replace refreshes and goes on with the new refresh token.
func replace(t *testing.T, s *authserver.Server, refreshToken *string) answer {
	t.Helper()
	a := mustRefresh(t, s, *refreshToken)
	if a.status == http.StatusOK {
		*refreshToken = a.json(t)["refresh_token"].(string)
	}
	return a
}

func TestClearFaultsDropsWhatIsStillToCome(t *testing.T) {
	s := start(t, authserver.Options{})
	refreshToken, _ := s.CreateGrant(user)
	require.NoError(t, s.Inject(status(500, authserver.Fault{Times: authserver.EveryTime})))
	require.Equal(t, 500, mustRefresh(t, s, refreshToken).status)
	s.ClearFaults()
	require.Equal(t, 200, mustRefresh(t, s, refreshToken).status)
}
