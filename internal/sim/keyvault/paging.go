package keyvault

import (
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strconv"
)

func (s *Server) list(c call) reply {
	listed := s.store.list()
	items := make([]item, 0, len(listed))
	for _, name := range slices.Sorted(maps.Keys(listed)) {
		items = append(items, item{name, properties(listed[name], c.base+"/secrets/"+name)})
	}
	return c.page("/secrets", items)
}

func (s *Server) listVersions(c call) reply {
	versions := s.store.versions(c.name)
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
			return failure(errBadParameter("The $skiptoken query parameter is not one of ours."))
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
