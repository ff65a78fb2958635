package provider

import "net/http"

// Transport is what a [Client] sends through that is given none, for a program that
// looks at the answers on their way.
func Transport() http.RoundTripper { return freshConnections() }
