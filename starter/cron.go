package main

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // CRON_TZ must mean here what it means to the server

	"github.com/robfig/cron/v3"

	"tokenkeeper/internal/token"
)

// sixHourly suits access tokens that live for eight hours, as Fitbit's do.
const sixHourly = "0 */6 * * *"

// checkCron reads an expression as Temporal's server does, with the same parser,
// but says what is wrong with it.
func checkCron(spec string) error {
	const fix = `write minute, hour, day, month and weekday, such as "` + sixHourly + `"`
	if _, _, ok := cutZone(spec); !ok {
		return fmt.Errorf(`cron %q has a time zone and nothing after it; %s, as in "CRON_TZ=Europe/Berlin %s"`, spec, fix, sixHourly)
	}
	schedule, err := cron.ParseStandard(spec)
	if err != nil {
		return fmt.Errorf("cron %q is not valid: %w; %s", spec, err, fix)
	}
	if schedule.Next(time.Now().UTC()).IsZero() {
		return fmt.Errorf("cron %q never comes; %s", spec, fix)
	}
	return nil
}

// nextByCron is the first time after now; zero for an expression that checkCron
// would refuse.
func nextByCron(spec string, now time.Time) time.Time {
	if checkCron(spec) != nil {
		return time.Time{}
	}
	schedule, err := cron.ParseStandard(spec)
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

// cutZone parts "CRON_TZ=Europe/Berlin 0 * * * *". It is not ok where nothing
// follows the zone, which the parser does not survive.
func cutZone(spec string) (zone, rest string, ok bool) {
	if !strings.HasPrefix(spec, "TZ=") && !strings.HasPrefix(spec, "CRON_TZ=") {
		return "", spec, true
	}
	zone, rest, ok = strings.Cut(spec, " ")
	return zone, strings.TrimSpace(rest), ok
}

// spread moves an expression to a minute that belongs to the account, so that
// many accounts do not all refresh at once, and a second start gives the same.
// Where the hours are */N with N a divisor of 24, the whole period is used;
// otherwise the hours stay, because another first hour would stretch the last
// period of the day. A minute that is not one number is left alone.
func spread(spec string, a token.Account) string {
	zone, rest, _ := cutZone(spec)
	fields := strings.Fields(rest)
	if len(fields) != 5 {
		return spec
	}
	if _, err := strconv.ParseUint(fields[0], 10, 8); err != nil {
		return spec
	}
	period := 1
	if step, found := strings.CutPrefix(fields[1], "*/"); found {
		if n, err := strconv.Atoi(step); err == nil && n > 0 && 24%n == 0 {
			period = n
		}
	}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(a.String()))
	offset := int(hash.Sum32() % uint32(60*period)) // in minutes
	fields[0] = strconv.Itoa(offset % 60)
	if period > 1 {
		fields[1] = fmt.Sprintf("%d-23/%d", offset/60, period)
	}
	return strings.TrimSpace(zone + " " + strings.Join(fields, " "))
}
