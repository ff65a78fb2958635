package main

import (
	"fmt"
	"strings"
)

const intro = `<!-- Written by: go run ./chaos/model -write docs/model.md -->
# What each protection is for

The [model](../chaos/model/protocol/model.go) of the protocol, with all the protections below, has visited every state that
it can reach: every order of what workers, Temporal, the provider and the vault do, with a worker killed, a request, an
answer or a report lost, an attempt given up that goes on, a second run at work, a run terminated or cancelled, the vault
away, and the replay window over, at any moment. In none of them is a promise broken:

- The refresh token in force is in the vault, in a history, or with a provider that repeats it. Without such a provider it
  may also be with a process that is still at work; it is lost only when that is killed, or the answer to it cut off.
- The next run that nothing disturbs leaves the token in force on top in the vault, or asks for consent, which it does
  only for a lost one. Undisturbed work always comes to an end.
- A run that ends, other than by termination, leaves no pair outside the vault.
- When all is done, the newest tokens are on top in the vault, unless a writer was killed before its recheck; and no
  older token is written over a newer one that was there to be seen.
- No spent token is presented when its successor was there to be found; a provider that watches for reuse would revoke
  the grant. No run asks for consent when the token in force was there to be found.

` + "`make model`" + ` shows it again and says how many states there are. It also takes out one protection after the other, and each
time finds the shortest way to a broken promise, which this page lists. Numbers are generations; the account
begins with a refresh token 0 that was just stored.

Three of the rules say what is accepted: there the product does less than the model. To make that matter takes a
write that reaches the vault when a later run has already spent what it writes. A writer reads first and is given up within
a minute of that, so that only a request that was on the wire or a frozen process comes later, or a second run of the
account has to come within that minute. The next run then presents a spent token, is refused, and finds the newest. It
costs the grant only at a provider that revokes it at the sight of a spent token ([reliability.md](reliability.md)).
`

// page is the counter-examples in Markdown.
func page(found []without) string {
	var out strings.Builder
	out.WriteString(intro)
	for _, f := range found {
		fmt.Fprintf(&out, "\n## %s\n\n%s ([%s](../%s))\n", f.Name, f.Rule, f.File, f.File)
		if f.Accepted != "" {
			fmt.Fprintf(&out, "\nAccepted: %s.\n", f.Accepted)
		}
		fmt.Fprintf(&out, "\nWithout it, at %v:\n\n", f.Replay)
		for i, step := range f.Trace {
			fmt.Fprintf(&out, "%d. %v.\n", i+1, step)
		}
		fmt.Fprintf(&out, "\nThen %v.\n", f.Broken)
	}
	return out.String()
}
