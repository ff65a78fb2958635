// Command cost prints the tables of docs/scale.md: what a fleet of accounts needs and costs
// a month. Its test holds the page to them; go run ./bench/cost -write docs/scale.md puts
// them into it.
package main

import (
	"fmt"
	"math"
	"os"
	"strings"
)

// fleet is so many accounts, each refreshed so often.
type fleet struct {
	accounts int
	perDay   float64 // refreshes of each account
}

// What one refresh takes. bench counts actions, calls and bytes.
const (
	actionsPerRefresh  = 5
	callsPerRefresh    = 7
	versionsPerRefresh = 2     // secrets that are written, where the refresh token rotates
	historyBytes       = 7_700 // of a closed run
	waitingBytes       = 3_000 // of the run that waits for its time
	retentionDays      = 3
)

// Limits. Key Vault's are from "Azure Key Vault service limits": 300 new secrets in 10 s for
// a vault, and five times a vault's for a subscription in a region.
const (
	// paceOfVault is refreshes/s where all accounts rotate: what the worker has by default, below
	// the 15 of the quota, but for the twentieth that is kept for accounts that do not rotate.
	paceOfVault           = 12.35
	vaultsPerSubscription = 5
	versionsToBackup      = 500
)

// List prices in dollars, November 2026: "Temporal Cloud pricing" and "Key Vault pricing".
const (
	developerPerMillion = 50.0
	businessLeast       = 500.0
	planPart            = 0.10 // of the usage
	activePerGBh        = 0.042
	retainedPerGBh      = 0.00105
	vaultPer10000       = 0.03

	includedMillions = 2.5 // of actions, in the Business plan
	daysPerMonth     = 30
)

// tiers are the Business plan's prices for each million of actions, up to a number of
// millions. Beyond the last one the price is negotiated, so that what follows from it is a
// ceiling.
var tiers = []struct{ upTo, price float64 }{{5, 50}, {10, 45}, {20, 40}, {50, 35}, {100, 30}, {math.Inf(1), 25}}

func (f fleet) perSecond() float64 { return float64(f.accounts) * f.perDay / 86_400 }

// perMonth is refreshes.
func (f fleet) perMonth() float64 { return float64(f.accounts) * f.perDay * daysPerMonth }

// vaults is also the number of task queues.
func (f fleet) vaults() int { return max(1, int(math.Ceil(f.perSecond()/paceOfVault))) }

// subscriptions counts those that it takes, or regions of one.
func (f fleet) subscriptions() int {
	return (f.vaults() + vaultsPerSubscription - 1) / vaultsPerSubscription
}

// workers are two for each task queue, so that one may be rolled while the other works;
// a single account needs no second one.
func (f fleet) workers() int {
	if f.accounts == 1 {
		return 1
	}
	return 2 * f.vaults()
}

func (f fleet) actions() float64 { return f.perMonth() * actionsPerRefresh }

// daysToBackup is how long it takes until a secret has more versions than a backup holds.
func (f fleet) daysToBackup() float64 { return versionsToBackup / f.perDay }

// retainedGB are histories of closed runs.
func (f fleet) retainedGB() float64 {
	return float64(f.accounts) * f.perDay * retentionDays * historyBytes / 1e9
}

func (f fleet) activeGB() float64 { return float64(f.accounts) * waitingBytes / 1e9 }

func (f fleet) storage() float64 {
	const hours = 24 * daysPerMonth
	return hours * (f.activeGB()*activePerGBh + f.retainedGB()*retainedPerGBh)
}

// temporal is the cheaper plan's price.
func (f fleet) temporal() (dollars float64, plan string) {
	millions := f.actions() / 1e6
	developer := (millions*developerPerMillion + f.storage()) * (1 + planPart)
	usage := tiered(max(0, millions-includedMillions)) + f.storage()
	business := usage + max(businessLeast, planPart*usage)
	if developer <= business {
		return developer, "Developer"
	}
	return business, "Business"
}

func tiered(millions float64) (dollars float64) {
	from := 0.0
	for _, t := range tiers {
		if millions > from {
			dollars += (min(millions, t.upTo) - from) * t.price
		}
		from = t.upTo
	}
	return dollars
}

func (f fleet) vaultCost() float64 { return f.perMonth() * callsPerRefresh / 10_000 * vaultPer10000 }

var (
	sizes = []int{1, 1_000, 100_000, 1_000_000, 10_000_000}
	kinds = []struct {
		name   string
		perDay float64
	}{{"every six hours (Fitbit, fresh)", 4}, {"once a day (alive)", 1}}
)

// tables are markdown.
func tables() string {
	var b strings.Builder
	for _, k := range kinds {
		fmt.Fprintf(&b, "Refreshed %s:\n\n", k.name)
		b.WriteString("| Accounts | Refreshes/s | Vaults, queues | Subscriptions or regions | Workers | Actions a month | Histories kept | Temporal Cloud | Key Vault | Together |\n")
		b.WriteString("|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
		for _, n := range sizes {
			f := fleet{n, k.perDay}
			cloud, plan := f.temporal()
			ceiling := ""
			if f.actions() > 200e6 {
				ceiling = "≤ " // negotiated beyond that
			}
			fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %s | %s GB | %s$%s (%s) | $%s | %s$%s |\n", thousands(float64(n)), short(f.perSecond()), f.vaults(), f.subscriptions(), f.workers(),
				thousands(f.actions()), short(f.retainedGB()), ceiling, dollars(cloud), plan, dollars(f.vaultCost()), ceiling, dollars(cloud+f.vaultCost()))
		}
		fmt.Fprintf(&b, "\nA secret has %d versions after %.0f days.\n\n", versionsToBackup, fleet{1, k.perDay}.daysToBackup())
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// short has two digits that count.
func short(x float64) string {
	switch {
	case x >= 10:
		return thousands(math.Round(x))
	case x >= 1:
		return fmt.Sprintf("%.1f", x)
	}
	if x < 0.01 {
		return "< 0.01"
	}
	return fmt.Sprintf("%.2g", x)
}

func dollars(x float64) string {
	if x < 10 {
		return fmt.Sprintf("%.2f", x)
	}
	return thousands(math.Round(x))
}

func thousands(x float64) string {
	digits := fmt.Sprintf("%.0f", x)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// What the tables stand between.
const (
	begin = "<!-- go run ./bench/cost -->\n"
	end   = "<!-- end -->\n"
)

// into puts the tables into a page.
func into(page string) (string, error) {
	before, rest, found := strings.Cut(page, begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("the page has no place for the tables, between %q and %q", begin, end)
	}
	return before + begin + tables() + end + after, nil
}

func main() {
	if len(os.Args) != 3 || os.Args[1] != "-write" {
		fmt.Print(tables())
		return
	}
	page, err := os.ReadFile(os.Args[2])
	if err == nil {
		var text string
		if text, err = into(string(page)); err == nil {
			err = os.WriteFile(os.Args[2], []byte(text), 0o644)
		}
	}
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}
