package authserver

import (
	"cmp"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// chunk is how much a flood sends at a time.
const chunk = 64 << 10

// flooded has many headers of a middling length: one that is too long is refused by
// more clients than too many are.
func (f Fault) flooded() reply {
	r := jsonReply(http.StatusOK, struct{}{})
	const length = 4 << 10
	for i := range cmp.Or(f.Size, 9_000_000)/length + 1 {
		r.header.Set("X-Flood-"+strconv.Itoa(i), strings.Repeat("a", length))
	}
	return r
}

// flooding begins like an answer with tokens.
func (f Fault) flooding() reply {
	r := textReply(http.StatusOK, "application/json", `{"access_token":"fake-`)
	r.endless = cmp.Or(f.Size, 10_000_000)
	return r
}

// send writes the reply, at the pace that its fault gives it. It ends with the
// client, and with the server.
func (s *Server) send(w http.ResponseWriter, r *http.Request, answer reply) {
	if answer.pause == 0 && answer.endless == 0 {
		answer.write(w)
		return
	}
	for name, values := range answer.header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.status)
	pieces := http.NewResponseController(w)
	if answer.endless > 0 {
		_, _ = w.Write(answer.body)
		for sent := 0; sent < answer.endless; sent += chunk {
			if _, err := w.Write([]byte(strings.Repeat("a", chunk))); err != nil {
				return
			}
		}
		_, _ = w.Write([]byte(`"}`))
		return
	}
	for i := range answer.body {
		if _, err := w.Write(answer.body[i : i+1]); err != nil || pieces.Flush() != nil {
			return
		}
		select {
		case <-time.After(answer.pause):
		case <-r.Context().Done():
			return
		case <-s.done:
			return
		}
	}
}
