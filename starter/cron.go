package main

import (
	"fmt"
	"hash/fnv"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // CRON_TZ must mean here what it means to the server

	"github.com/robfig/cron/v3"

	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

// sixHourly suits access tokens that live for eight hours, as Fitbit's do.
const sixHourly = "0 */6 * * *"

// cronOf returns the expression for a period that is a whole part of an hour or of a
// day, as provider.Provider.Period gives it.
func cronOf(period time.Duration) string {
	switch {
	case period <= time.Minute:
		return "* * * * *"
	case period < time.Hour:
		return fmt.Sprintf("*/%d * * * *", int(period.Minutes()))
	case period == time.Hour:
		return "0 * * * *"
	case period >= 24*time.Hour:
		return "0 0 * * *"
	default:
		return fmt.Sprintf("0 */%d * * *", int(period.Hours()))
	}
}

// parseCron reads an expression as Temporal's server does, with the same parser. An
// error names the fix.
func parseCron(spec string) (cron.Schedule, error) {
	const fix = `write minute, hour, day, month and weekday, such as "` + sixHourly + `"`
	if _, _, ok := cutZone(spec); !ok {
		return nil, fmt.Errorf(`cron %q has a time zone and nothing after it; %s, as in "CRON_TZ=Europe/Berlin %s"`, spec, fix, sixHourly)
	}
	schedule, err := cron.ParseStandard(spec)
	if err != nil {
		return nil, fmt.Errorf("cron %q is not valid: %w; %s", spec, err, fix)
	}
	if schedule.Next(time.Now().UTC()).IsZero() {
		return nil, fmt.Errorf("cron %q never comes; %s", spec, fix)
	}
	return schedule, nil
}

// nextByCron returns the first time after now; zero for an invalid expression.
func nextByCron(spec string, now time.Time) time.Time {
	schedule, err := parseCron(spec)
	if err != nil {
		return time.Time{}
	}
	return schedule.Next(now.UTC())
}

// cronInWords adds the time zone that an expression without one is read in.
func cronInWords(spec string) string {
	if zone, _, _ := cutZone(spec); zone != "" || strings.HasPrefix(spec, "@every") {
		return spec
	}
	return spec + " (UTC)"
}

// cutZone splits "CRON_TZ=Europe/Berlin 0 * * * *". It is not ok where nothing
// follows the zone, which the parser does not survive.
func cutZone(spec string) (zone, rest string, ok bool) {
	if !strings.HasPrefix(spec, "TZ=") && !strings.HasPrefix(spec, "CRON_TZ=") {
		return "", spec, true
	}
	zone, rest, ok = strings.Cut(spec, " ")
	return zone, strings.TrimSpace(rest), ok
}

// period is how often the account is refreshed where the operator states no cron.
func (t target) period() time.Duration {
	if t.input.Keep == workflows.KeepAlive {
		return t.Provider.AlivePeriod()
	}
	return t.Provider.Period()
}

// ownCron is the expression for one account where the operator states none. One that is
// kept alive only has no reader that waits for its time, so that it gets its own.
func ownCron(t target) string {
	if t.input.Keep == workflows.KeepAlive {
		return staggered(t, "")
	}
	return cronOf(t.period())
}

// staggered is the expression for one account of many; see [stagger]. Where it is not
// stated and comes once a day, all of the day is used.
func staggered(t target, stated string) string {
	if stated != "" {
		return stagger(stated, t.Account)
	}
	period := t.period()
	return cronAt(period, place(t.Account, period))
}

// place is the account's own time within a period, by its name: in whole minutes.
func place(a token.Account, period time.Duration) time.Duration {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(a.Provider + "/" + a.Name))
	minutes := max(1, int(min(period, 24*time.Hour)/time.Minute))
	return time.Duration(hash.Sum32()%uint32(minutes)) * time.Minute
}

// cronAt is [cronOf] at a time within the period.
func cronAt(period, at time.Duration) string {
	minute, hour := int(at.Minutes())%60, int(at.Hours())
	switch {
	case period <= time.Minute:
		return cronOf(period)
	case period < time.Hour:
		return fmt.Sprintf("%d-59/%d * * * *", minute, int(period.Minutes()))
	case period == time.Hour:
		return fmt.Sprintf("%d * * * *", minute)
	case period >= 24*time.Hour:
		return fmt.Sprintf("%d %d * * *", minute, hour)
	}
	return fmt.Sprintf("%d %d-23/%d * * *", minute, hour, int(period.Hours()))
}

// sameCadence reports whether two expressions differ by the time within their period alone.
func sameCadence(a, b string) bool {
	return a == b || withoutPhase(a) != "" && withoutPhase(a) == withoutPhase(b)
}

// withoutPhase is an expression as cronOf writes it; empty for one that it does not.
func withoutPhase(spec string) string {
	fields := strings.Fields(spec)
	if len(fields) != 5 || strings.HasPrefix(spec, "CRON_TZ=") || strings.HasPrefix(spec, "TZ=") {
		return ""
	}
	minute, hour := anyNumber.ReplaceAllString(fields[0], "0"), anyNumber.ReplaceAllString(fields[1], "0")
	minute, hour = firstOf.ReplaceAllString(minute, "*/$1"), firstOf.ReplaceAllString(hour, "*/$1")
	return strings.Join(append([]string{minute, hour}, fields[2:]...), " ")
}

var (
	anyNumber = regexp.MustCompile(`^\d+$`)
	firstOf   = regexp.MustCompile(`^\d+-(?:59|23)/(\d+)$`)
)

// stagger moves an expression to a minute that the account's name determines, so
// that many accounts do not refresh at once and a second start changes nothing. It
// uses the whole period where the hours are */N with N a divisor of 24, or the
// minutes */N with N a divisor of 60. Otherwise the hours stay, because another
// first hour would stretch the last period of the day. It leaves any other minute
// that is not one number alone.
func stagger(spec string, a token.Account) string {
	zone, rest, _ := cutZone(spec)
	fields := strings.Fields(rest)
	if len(fields) != 5 {
		return spec
	}
	minutes, hours := step(fields[0], 60), step(fields[1], 24)
	if _, err := strconv.ParseUint(fields[0], 10, 8); err != nil && minutes == 0 {
		return spec
	}
	if minutes > 0 {
		fields[0] = fmt.Sprintf("%d-59/%d", int(place(a, time.Duration(minutes)*time.Minute).Minutes()), minutes)
	} else {
		offset := int(place(a, time.Duration(max(hours, 1))*time.Hour).Minutes())
		fields[0] = strconv.Itoa(offset % 60)
		if hours > 1 {
			fields[1] = fmt.Sprintf("%d-23/%d", offset/60, hours)
		}
	}
	return strings.TrimSpace(zone + " " + strings.Join(fields, " "))
}

// step returns the N of a field */N where N divides whole; 0 for any other field.
func step(field string, whole int) int {
	text, found := strings.CutPrefix(field, "*/")
	n, err := strconv.Atoi(text)
	if !found || err != nil || n < 1 || whole%n != 0 {
		return 0
	}
	return n
}
