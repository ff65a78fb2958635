package probe

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"tokenkeeper/internal/provider"
)

// Row is the findings as an entry of the providers file, with the evidence as comments. The
// entry of a built-in provider states what was measured only; that of another one is
// complete, with what p says where nothing was measured.
func (f Findings) Row(p provider.Provider, builtIn bool) string {
	w := &writer{}
	w.comment("Measured by starter probe on %s (UTC) at %s, with one grant.", f.At.UTC().Format("2006-01-02"), strings.SplitN(p.TokenURL, "?", 2)[0])
	w.line("providers:")
	w.line("  %s:", p.Name)
	if !builtIn {
		w.text("title", p.Title)
		w.text("auth_url", p.AuthURL)
		w.text("token_url", p.TokenURL)
		w.text("revoke_url", p.RevokeURL)
		w.key("auth_style", string(p.AuthStyle))
		if len(p.Scopes)+len(p.AuthParams)+len(p.RefreshParams) > 0 || p.Dialect != provider.RFC6749 {
			w.comment("State like, scopes, auth_params and refresh_params as before.")
		}
	}
	if f.Refreshes > 0 {
		f.writeRotation(w, p)
	} else if !builtIn {
		w.keyUnmeasured("rotation", string(p.Rotation))
	}
	f.writeWindow(w, p, builtIn)
	f.writeLifetimes(w, p, builtIn)
	f.writeDead(w)
	for _, note := range f.Notes {
		w.comment("%s", note)
	}
	return w.String()
}

func (f Findings) writeRotation(w *writer, p provider.Provider) {
	switch {
	case f.Rotations == 0 && f.SameAnswer:
		w.comment("%d refreshes gave the same access and refresh token, so that a rotation was not to be seen; \"sometimes\" is safe either way.", f.Refreshes)
	case f.Rotations == 0 && f.rotation(p.Rotation) == provider.Sometimes:
		w.comment("%d refreshes gave new access tokens, and the refresh token stayed; \"sometimes\" is safe should it change later.", f.Refreshes)
	case f.Rotations == 0:
		w.comment("%d refreshes gave new access tokens and no refresh token: the old one stays.", f.Refreshes)
	default:
		w.comment("%d refreshes gave %d new refresh tokens.", f.Refreshes, f.Rotations)
	}
	w.key("rotation", string(f.rotation(p.Rotation)))
}

func (f Findings) writeWindow(w *writer, p provider.Provider, builtIn bool) {
	window := f.AtLeast.Truncate(time.Second)
	switch {
	case f.Refreshes > 0 && f.rotation(p.Rotation) == provider.NoRotation || f.Repeats == Never:
		if f.Repeats == Never {
			w.comment("A token that was spent a moment ago was refused.")
		}
		w.key("replay_window", "0s")
	case f.repeats() && window == 0 && f.LessThan == 0:
		w.comment("A token that was spent a moment ago was answered with %s; replay_window not measured.", f.Repeats)
		if !builtIn {
			w.keyUnmeasured("replay_window", Brief(p.ReplayWindow))
		}
	case f.repeats():
		w.comment("A spent token was answered with %s; %s.", f.Repeats, f.windowInWords())
		w.key("replay_window", Brief(window))
	case !builtIn:
		w.keyUnmeasured("replay_window", Brief(p.ReplayWindow))
	}
	if f.Pause > 0 {
		how := "was the first that was enough"
		if f.PauseStated {
			how = "was asked for"
		}
		w.comment("Presented again at once, a token came too soon; a pause of %s %s.", f.Pause, how)
		if f.Pause <= window/4 {
			w.key("repeat_pause", Brief(f.Pause))
		} else {
			w.comment("repeat_pause: %s  # too long for the replay window that was measured", Brief(f.Pause))
		}
	}
	f.writeUse(w, window)
	if f.Reuse != "" && f.rotation(p.Rotation) != provider.NoRotation {
		w.comment("%s", map[provider.Reuse]string{
			provider.Harmless:     "A spent token was answered whenever it was presented, also after its successor was used.",
			provider.Refused:      "After a reuse was refused, the newest token still worked.",
			provider.RevokesGrant: "After a reuse was refused, the newest token was refused as well.",
		}[f.Reuse])
		w.key("reuse", string(f.Reuse))
	}
	if f.EndsAccess != "" {
		after := "a refresh"
		if f.EndsAccessOnUse {
			after = "the first use of the new one"
		}
		w.comment("After %s, the access token before it was %s.", after, map[Truth]string{Yes: "no longer in force", No: "still in force"}[f.EndsAccess])
		w.key("ends_access_token", strconv.FormatBool(f.EndsAccess == Yes))
	}
}

// writeUse writes what ends the window beside time. Where the use of an access token was not
// measured, that it does is the safe value.
func (f Findings) writeUse(w *writer, window time.Duration) {
	words := map[Truth]string{Yes: "refused", No: "answered as well"}
	if window == 0 || f.EndsOnUse == "" && f.EndsOnRefresh == "" {
		return
	}
	if f.EndsOnUse != "" {
		w.comment("After the access token issued for it was used, a spent token was %s.", words[f.EndsOnUse])
	}
	if f.EndsOnRefresh != "" {
		w.comment("After the refresh token issued for it was used, a spent token was %s.", words[f.EndsOnRefresh])
	}
	if f.EndsOnUse == "" && f.EndsOnRefresh == Yes {
		w.comment("The use of an access token was not measured (--resource-url); true is the safe value.")
	}
	w.key("replay_ends_on_use", strconv.FormatBool(f.EndsOnUse == Yes || f.EndsOnUse == "" && f.EndsOnRefresh == Yes))
}

func (f Findings) windowInWords() string {
	if f.LessThan == 0 {
		return fmt.Sprintf("the end was not seen, so it lasts at least %s", Brief(f.AtLeast.Truncate(time.Second)))
	}
	return fmt.Sprintf("still after %s, and no longer after %s", Brief(f.AtLeast.Truncate(time.Second)), Brief(f.LessThan.Round(time.Second)))
}

func (f Findings) writeLifetimes(w *writer, p provider.Provider, builtIn bool) {
	if life, stated := f.accessLife(); stated {
		w.comment("The longest expires_in of an answer.")
		w.key("access_token_lifetime", Brief(life))
	} else if !builtIn {
		w.keyUnmeasured("access_token_lifetime", Brief(p.AccessTokenLifetime))
	}
	for _, s := range f.lifetimes {
		switch {
		case !s.ofRefresh():
		case s.shrinks():
			w.comment("%s: %s in the first answer, %s in the last: it runs down.", s.field, Brief(s.first), Brief(s.last))
			w.key("grant_lifetime_field", s.field)
		default:
			w.comment("%s: %s in the first answer, %s in the last.", s.field, Brief(s.first), Brief(s.last))
			w.key("refresh_lifetime_field", s.field)
		}
	}
}

func (f Findings) writeDead(w *writer) {
	var entries []string
	for _, d := range f.Dead {
		meaning := "Token Keeper knows it for a dead grant"
		word, found := d.telling()
		switch {
		case d.Understood:
		case found:
			meaning = "stated below"
			entries = append(entries, fmt.Sprintf("{status: %d, field: %s, value: %q}", d.Shape.Status, word.Field, word.Value))
		default:
			meaning = "no word of it says a dead grant and nothing else"
		}
		w.comment("The answer to %s: %s (%s).", d.Of, d.words(), meaning)
	}
	if len(entries) > 0 {
		w.key("dead_answers", "["+strings.Join(entries, ", ")+"]")
	}
}

// writer writes YAML.
type writer struct{ strings.Builder }

func (w *writer) line(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }

func (w *writer) comment(format string, args ...any) {
	indent := "    "
	if w.Len() == 0 {
		indent = ""
	}
	w.line("%s# %s", indent, strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")) // in one line
}

func (w *writer) key(key, value string) { w.line("    %s: %s", key, value) }

func (w *writer) keyUnmeasured(key, value string) { w.line("    %s: %s  # not measured", key, value) }

// text writes a value that may need quotes; nothing for an empty one.
func (w *writer) text(key, value string) {
	if value != "" {
		w.key(key, strconv.Quote(value))
	}
}

// Brief formats a duration as the providers file has it, without trailing zeros: 6h, and not
// 6h0m0s.
func Brief(d time.Duration) string {
	s := d.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(s, zero) {
			s = s[:len(s)-2]
		}
	}
	return s
}
