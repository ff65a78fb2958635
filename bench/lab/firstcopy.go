package lab

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// FirstCopies is the worker's histogram of how long new pairs were in its memory alone,
// from the provider's answer until Temporal or the vault acknowledged them. Buckets
// are by their upper bound in milliseconds, and cumulative.
type FirstCopies struct {
	upTo  map[float64]float64
	pairs float64
}

// ScrapeFirstCopies reads a worker's histogram.
func ScrapeFirstCopies(ctx context.Context, workerURL string) (FirstCopies, error) {
	page, err := Get(ctx, workerURL+"/metrics")
	if err != nil {
		return FirstCopies{}, err
	}
	return parseFirstCopies(page)
}

func parseFirstCopies(page string) (f FirstCopies, err error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(page))
	if err != nil {
		return f, fmt.Errorf("read a worker's metrics: %w", err)
	}
	f.upTo = map[float64]float64{}
	for _, m := range families["tokenkeeper_first_copy_seconds"].GetMetric() {
		f.pairs += float64(m.GetHistogram().GetSampleCount())
		for _, b := range m.GetHistogram().GetBucket() {
			if !math.IsInf(b.GetUpperBound(), 1) {
				f.upTo[1000*b.GetUpperBound()] += float64(b.GetCumulativeCount())
			}
		}
	}
	return f, nil
}

// Add adds another worker's pairs, or takes them away where times is -1.
func (f *FirstCopies) Add(other FirstCopies, times float64) {
	if f.upTo == nil {
		f.upTo = map[float64]float64{}
	}
	f.pairs += times * other.pairs
	for bound, n := range other.upTo {
		f.upTo[bound] += times * n
	}
}

// Quantile interpolates within a bucket, in milliseconds. Beyond the last bucket it is
// that bucket's bound; without any pair it is 0.
func (f *FirstCopies) Quantile(q float64) float64 {
	rank := q * f.pairs
	lower, before := 0.0, 0.0
	for _, bound := range slices.Sorted(maps.Keys(f.upTo)) {
		if count := f.upTo[bound]; count >= rank && count > before {
			return lower + (bound-lower)*(rank-before)/(count-before)
		}
		lower, before = bound, f.upTo[bound]
	}
	if f.pairs == 0 {
		return 0
	}
	return lower
}
