package keyvault

import (
	"io"
	"net/http"
	"strings"
)

// Operation names one kind of call, for faults and counts.
type Operation string

const (
	OpGet          Operation = "get"
	OpSet          Operation = "set"
	OpUpdate       Operation = "update"
	OpListVersions Operation = "list-versions"
	OpList         Operation = "list"
	OpDelete       Operation = "delete"
	OpGetDeleted   Operation = "get-deleted"
	OpRecover      Operation = "recover"
	OpPurge        Operation = "purge"
	// OpChallenge counts the calls without a token, which are answered with the
	// challenge and are never anything else.
	OpChallenge Operation = "challenge"
	// OpWrites stands in a fault for every operation that changes something.
	OpWrites Operation = "writes"
)

func (op Operation) writes() bool {
	switch op {
	case OpSet, OpUpdate, OpDelete, OpRecover, OpPurge:
		return true
	}
	return false
}

// challenge sends clients to a tenant that does not exist: they bring a token of
// their own making.
const challenge = `Bearer authorization="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000", resource="https://vault.azure.net"`

const maxBodyBytes = 1 << 20

// call is one authenticated request.
type call struct {
	name, version string
	query         map[string][]string
	base          string // "https://host", as this client reaches us
	body          []byte
}

func (run *serving) routes() http.Handler {
	s := run.server
	mux := http.NewServeMux()
	for pattern, route := range map[string]struct {
		op     Operation
		handle func(call) reply
	}{
		"PUT /secrets/{name}":                 {OpSet, s.set},
		"GET /secrets":                        {OpList, s.list},
		"GET /secrets/{name}":                 {OpGet, s.get},
		"GET /secrets/{name}/{$}":             {OpGet, s.get}, // azsecrets asks like this
		"GET /secrets/{name}/{version}":       {OpGet, s.get},
		"GET /secrets/{name}/versions":        {OpListVersions, s.listVersions},
		"PATCH /secrets/{name}/{version}":     {OpUpdate, s.update},
		"DELETE /secrets/{name}":              {OpDelete, s.delete},
		"GET /deletedsecrets/{name}":          {OpGetDeleted, s.getDeleted},
		"POST /deletedsecrets/{name}/recover": {OpRecover, s.recover},
		"DELETE /deletedsecrets/{name}":       {OpPurge, s.purge},
	} {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { run.answer(w, r, route.op, route.handle) })
	}
	s.control(mux)
	return mux
}

// answer takes a call through authentication, counting and faults. The body is
// read first: a client that leaves while the vault is slow does not undo its call.
func (run *serving) answer(w http.ResponseWriter, r *http.Request, op Operation, handle func(call) reply) {
	s := run.server
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBodyBytes))
	if err != nil {
		failure(errBadParameter("The request body cannot be read.")).write(w)
		return
	}
	name := r.PathValue("name")
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); !ok || token == "" {
		s.counter.add(OpChallenge, name)
		refusal := failure(errUnauthorized())
		refusal.header.Set("WWW-Authenticate", challenge)
		refusal.write(w)
		return
	}
	s.counter.add(op, name)
	fault := s.faults.take(op, name)
	if !run.pause(fault.DelayBefore) || fault.Kind == Reset {
		cut(w)
		return
	}
	answer, failed := fault.reply(op)
	if !failed {
		answer = checked(r, handle, call{
			name: name, version: r.PathValue("version"), query: r.URL.Query(), base: "https://" + r.Host, body: body,
		})
	}
	if !run.pause(fault.DelayAfter) || fault.Kind == CommitThenCut {
		cut(w)
		return
	}
	answer.write(w)
}

func checked(r *http.Request, handle func(call) reply, c call) reply {
	if r.URL.Query().Get("api-version") == "" {
		return failure(errBadParameter("The api-version query parameter is missing."))
	}
	if c.name != "" {
		if err := checkName(c.name); err != nil {
			return failure(err)
		}
	}
	return handle(c)
}
