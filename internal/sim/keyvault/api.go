package keyvault

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
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
	// OpWrites means, in a fault, every operation that changes something.
	OpWrites Operation = "writes"
)

func (op Operation) writes() bool {
	switch op {
	case OpSet, OpUpdate, OpDelete, OpRecover, OpPurge:
		return true
	}
	return false
}

// challenge sends clients to a tenant that does not exist: the project's emulator
// credential makes its own token.
const challenge = `Bearer authorization="https://login.microsoftonline.com/00000000-0000-0000-0000-000000000000", resource="https://vault.azure.net"`

const maxBodyBytes = 1 << 20

// call is one authenticated request.
type call struct {
	name, version string
	query         map[string][]string
	base          string // "https://host", as this client reaches the server
	body          []byte
	behind        int // how many of the newest versions this read does not see
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
		unauthorized(errUnauthorized()).write(w)
		return
	}
	s.counter.add(op, name)
	fault := s.faults.take(op, name)
	if !run.delay(fault.DelayBefore) || fault.Kind == Reset {
		cut(w)
		return
	}
	answer, failed := fault.reply(op)
	if !failed {
		answer = run.limited(op, func() reply {
			return checked(r, handle, call{
				name: name, version: r.PathValue("version"), query: r.URL.Query(), base: "https://" + r.Host, body: body,
				behind: fault.behind(),
			})
		})
	}
	if answer.status == http.StatusTooManyRequests {
		s.counter.throttled()
	}
	if fault.Kind == BareConflict {
		answer = answer.bare()
	}
	if !run.delay(fault.DelayAfter) || fault.Kind == CommitThenCut {
		cut(w)
		return
	}
	answer.write(w)
}

// limited counts a call against the vault's limit of those that create nothing. The
// store counts the others once it knows that they would.
func (run *serving) limited(op Operation, handle func() reply) reply {
	if op != OpSet {
		if err := run.server.store.takeOther(); err != nil {
			return failure(err)
		}
	}
	return handle()
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

func (s *Server) set(c call) reply {
	var w writeRequest
	if err := json.Unmarshal(c.body, &w); err != nil || w.Value == nil {
		return failure(errBadParameter("The property value is missing."))
	}
	v := Version{Value: *w.Value, Enabled: true}
	w.apply(&v)
	v, err := s.store.set(c.name, v)
	return c.withValue(v, err)
}

func (s *Server) get(c call) reply {
	v, err := s.store.get(c.name, c.version, c.behind)
	return c.withValue(v, err)
}

func (s *Server) update(c call) reply {
	var w writeRequest
	if err := json.Unmarshal(c.body, &w); err != nil {
		return failure(errBadParameter("The request body is not JSON."))
	}
	v, err := s.store.update(c.name, c.version, w.apply)
	if err != nil {
		return failure(err)
	}
	return success(properties(v, c.id(v)))
}

func (s *Server) delete(c call) reply {
	o, err := s.store.delete(c.name)
	return c.deleted(o, err)
}

func (s *Server) getDeleted(c call) reply {
	o, err := s.store.getDeleted(c.name)
	return c.deleted(o, err)
}

func (s *Server) recover(c call) reply {
	o, err := s.store.recover(c.name)
	if err != nil {
		return failure(err)
	}
	return success(properties(o.current(), c.id(o.current())))
}

func (s *Server) purge(c call) reply {
	if err := s.store.purge(c.name); err != nil {
		return failure(err)
	}
	return reply{status: http.StatusNoContent}
}

func (c call) id(v Version) string { return c.base + "/secrets/" + c.name + "/" + v.ID }

func (c call) withValue(v Version, err *apiError) reply {
	if err != nil {
		return failure(err)
	}
	b := properties(v, c.id(v))
	b.Value = &v.Value
	return success(b)
}

func (c call) deleted(o object, err *apiError) reply {
	if err != nil {
		return failure(err)
	}
	b := properties(o.current(), c.id(o.current()))
	b.RecoveryID = c.base + "/deletedsecrets/" + o.Name
	b.DeletedDate = o.Deleted.Unix()
	b.ScheduledPurgeDate = o.Deleted.Add(softDeleteDays * 24 * time.Hour).Unix()
	return success(b)
}

func (s *Server) list(c call) reply {
	listed := s.store.list()
	items := make([]item, 0, len(listed))
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		items = append(items, item{name, properties(listed[name], c.base+"/secrets/"+name)})
	}
	return c.page("/secrets", items)
}

func (s *Server) listVersions(c call) reply {
	versions := s.store.versions(c.name, c.behind)
	items := make([]item, 0, len(versions))
	for _, v := range versions {
		items = append(items, item{v.ID, properties(v, c.id(v))})
	}
	return c.page("/secrets/"+c.name+"/versions", items)
}

// item is a listed entry and the key that the listing is sorted by.
type item struct {
	key   string
	entry bundle
}

// page cuts one page out of the listing. The token names the last key given out,
// so that entries that appear meanwhile shift nothing.
func (c call) page(path string, items []item) reply {
	query := url.Values(c.query)
	size := maxResultsPerPage
	if asked := query.Get("maxresults"); asked != "" {
		n, err := strconv.Atoi(asked)
		if err != nil || n < 1 || n > maxResultsPerPage {
			return failure(errBadParameter("The maxresults query parameter must be between 1 and 25."))
		}
		size = n
	}
	if token := query.Get("$skiptoken"); token != "" {
		last, err := base64.RawURLEncoding.DecodeString(token)
		if err != nil {
			return failure(errBadParameter("The $skiptoken query parameter was not given by this vault."))
		}
		items = slices.DeleteFunc(items, func(i item) bool { return i.key <= string(last) })
	}
	result := page{Value: []bundle{}}
	for _, i := range items[:min(size, len(items))] {
		result.Value = append(result.Value, i.entry)
	}
	if len(items) > size {
		next := url.Values{
			"api-version": {query.Get("api-version")},
			"maxresults":  {strconv.Itoa(size)},
			"$skiptoken":  {base64.RawURLEncoding.EncodeToString([]byte(items[size-1].key))},
		}
		link := c.base + path + "?" + next.Encode()
		result.NextLink = &link
	}
	return success(result)
}
