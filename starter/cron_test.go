package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/robfig/cron/v3"
	"github.com/stretchr/testify/require"

	"tokenkeeper/internal/provider"
	"tokenkeeper/internal/token"
	"tokenkeeper/workflows"
)

func TestParseCronNamesWhatIsWrong(t *testing.T) {
	for spec, want := range map[string]string{
		"0 */6 * * *":                         "",
		"@every 6h":                           "",
		"@daily":                              "",
		"CRON_TZ=Europe/Berlin 0 */6 * * *":   "",
		"":                                    "empty spec string",
		"0 */6 * *":                           "expected exactly 5 fields, found 4",
		"0 0 */6 * * *":                       "expected exactly 5 fields, found 6",
		"60 * * * *":                          "60",
		"@fortnightly":                        "@fortnightly",
		"0 0 31 2 *":                          "never comes",
		"TZ=UTC":                              "a time zone and nothing after it",
		"CRON_TZ=Europe/Nowhere 0 */6 * * *":  "unknown time zone Europe/Nowhere",
		"CRON_TZ=Europe/Berlin 0 */6 * *":     "expected exactly 5 fields",
		"0 */6 * * * CRON_TZ=Europe/Berlin":   "expected exactly 5 fields",
		"every six hours, please, if you can": "expected exactly 5 fields",
	} {
		t.Run(spec, func(t *testing.T) {
			_, err := parseCron(spec)
			if want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, want)
			require.ErrorContains(t, err, `such as "0 */6 * * *"`, "names no fix")
		})
	}
}

func TestCronsAreReadInUTCUnlessTheySayOtherwise(t *testing.T) {
	require.Equal(t, "0 */6 * * * (UTC)", cronInWords("0 */6 * * *"))
	require.Equal(t, "CRON_TZ=Asia/Tokyo 0 4 * * *", cronInWords("CRON_TZ=Asia/Tokyo 0 4 * * *"))
	require.Equal(t, "@every 5m", cronInWords("@every 5m"))

	noon := time.Date(2026, 11, 20, 12, 0, 0, 0, time.FixedZone("elsewhere", 3600))
	require.Equal(t, "2026-11-20 12:00:00", nextByCron("0 */6 * * *", noon).UTC().Format(time.DateTime))
	require.Equal(t, "2026-11-20 19:00:00", nextByCron("CRON_TZ=Asia/Tokyo 0 4 * * *", noon).UTC().Format(time.DateTime))
	require.Zero(t, nextByCron("", noon))
}

func TestStaggerGivesEachAccountMinutesOfItsOwn(t *testing.T) {
	for spec, want := range map[string]string{
		"0 */6 * * *":                     `^\d+ [0-5]-23/6 \* \* \*$`,
		"30 */4 * * 1-5":                  `^\d+ [0-3]-23/4 \* \* 1-5$`,
		"0 * * * *":                       `^\d+ \* \* \* \*$`,
		"0 */5 * * *":                     `^\d+ \*/5 \* \* \*$`, // 24 is no multiple of 5
		"0 3,9,15,21 * * *":               `^\d+ 3,9,15,21 \* \* \*$`,
		"CRON_TZ=Asia/Tokyo 0 */12 * * *": `^CRON_TZ=Asia/Tokyo \d+ (\d|10|11)-23/12 \* \* \*$`,
		"*/30 * * * *":                    `^([012]?\d)-59/30 \* \* \* \*$`,
		"*/2 8-18 * * *":                  `^[01]-59/2 8-18 \* \* \*$`,
		// Not one minute of the hour: left alone.
		"*/7 * * * *":    `^\*/7 \* \* \* \*$`,
		"5,35 */6 * * *": `^5,35 \*/6 \* \* \*$`,
		"@every 6h":      `^@every 6h$`,
	} {
		t.Run(spec, func(t *testing.T) {
			got := stagger(spec, token.Account{Provider: "fitbit", Name: "will"})
			require.Regexp(t, want, got)
			_, err := parseCron(got)
			require.NoError(t, err)
		})
	}
}

func TestStaggerNeverStretchesThePeriodAndUsesAllOfIt(t *testing.T) {
	for _, period := range []time.Duration{20 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 12 * time.Hour} {
		t.Run(period.String(), func(t *testing.T) { requireStaggered(t, period) })
	}
}

func requireStaggered(t *testing.T, period time.Duration) {
	t.Helper()
	const accounts = 1500
	within := int(period.Minutes())
	minutes := map[int]int{}
	for i := range accounts {
		account := token.Account{Provider: "fitbit", Name: fmt.Sprintf("user-%d", i)}
		spec := stagger(cronOf(period), account)
		require.Equal(t, spec, stagger(cronOf(period), account), "a second start would differ")

		schedule, err := cron.ParseStandard(spec)
		require.NoError(t, err)
		at := schedule.Next(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC).Add(-time.Second))
		minutes[at.Hour()*60+at.Minute()]++
		for range 8 {
			next := schedule.Next(at)
			require.Equal(t, period, next.Sub(at), spec)
			at = next
		}
	}
	require.Greater(t, len(minutes), within*4/5, "of %d minutes", within)
	for minute, n := range minutes {
		require.Less(t, minute, within)
		require.Less(t, n, 3*accounts/within+12, "too many at minute %d", minute)
	}
}

func TestCronOfAPeriodKeepsIt(t *testing.T) {
	require.Equal(t, sixHourly, cronOf(6*time.Hour))
	for _, period := range []time.Duration{time.Minute, 2 * time.Minute, 20 * time.Minute, 30 * time.Minute, time.Hour, 12 * time.Hour, 24 * time.Hour} {
		_, err := parseCron(cronOf(period))
		require.NoError(t, err)
		at := nextByCron(cronOf(period), time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
		for range 100 {
			next := nextByCron(cronOf(period), at)
			require.Equal(t, period, next.Sub(at))
			at = next
		}
	}
}

func TestACronOfTheSamePeriodAtAnotherTimeIsTheSameCadence(t *testing.T) {
	for _, same := range [][2]string{
		{"0 */6 * * *", "17 2-23/6 * * *"}, {"*/30 * * * *", "7-59/30 * * * *"}, {"0 0 * * *", "12 13 * * *"}, {"0 * * * *", "5 * * * *"}, {"@every 6h", "@every 6h"},
	} {
		require.True(t, sameCadence(same[0], same[1]), "%v", same)
	}
	for _, other := range [][2]string{
		{"0 */6 * * *", "17 2-23/4 * * *"}, {"0 */6 * * *", "0 0 * * *"}, {"0 0 * * *", "0 0 * * 1"}, {"@every 6h", "@every 4h"},
		{"0 */6 * * *", "0 6-23/6 1 * *"}, {"0 0 * * *", "CRON_TZ=Asia/Tokyo 0 0 * * *"}, {"", "x"},
	} {
		require.False(t, sameCadence(other[0], other[1]), "%v", other)
	}
}

func TestWhatIsKeptAliveIsSpreadOverItsWholePeriod(t *testing.T) {
	hours := map[string]int{}
	for i := range 1500 {
		target, err := newTarget(provider.Builtin(), "fitbit", fmt.Sprintf("user-%d", i), "")
		require.NoError(t, err)
		target.input.Keep = workflows.KeepAlive
		spec := staggered(target, "")
		require.Equal(t, spec, ownCron(target), "the same for one account and for many")
		at := nextByCron(spec, time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC))
		require.Equal(t, target.Provider.AlivePeriod(), nextByCron(spec, at).Sub(at), spec)
		hours[at.Format("15")]++
	}
	require.Len(t, hours, 24)
	for hour, n := range hours {
		require.Less(t, n, 110, "too many at %s", hour)
	}
}

func TestAPhaseSurvivesTheWayFromACronToAScheduleAndBack(t *testing.T) {
	for _, period := range []time.Duration{20 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour} {
		for _, account := range []string{"ann", "bo", "cy"} {
			spec := cronAt(period, place(token.Account{Provider: "fitbit", Name: account}, period))
			next := nextByCron(spec, time.Date(2026, 11, 20, 5, 6, 7, 0, time.UTC))
			require.Equal(t, spec, cronAt(period, phaseOf(next, period)))
		}
	}
}
