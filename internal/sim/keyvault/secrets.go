package keyvault

import (
	"encoding/json"
	"net/http"
	"time"
)

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
	v, err := s.store.get(c.name, c.version)
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
