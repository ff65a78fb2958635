package campaign

import (
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// FirstCopy is how long new pairs were in a worker's memory alone: from the
// provider's answer until Temporal or the vault acknowledged them. Milliseconds to
// a tenth, interpolated within the buckets of the worker's histogram.
type FirstCopy struct {
	Pairs    uint64  `json:"pairs"`
	MedianMS float64 `json:"median_ms"`
	P99MS    float64 `json:"p99_ms"`
	// SlowestMS bounds the slowest: it is the end of that one's bucket.
	SlowestMS float64 `json:"slowest_ms,omitempty"`
}

// firstCopies adds up the histograms of killed workers.
type firstCopies struct {
	upTo  map[float64]uint64 // pairs by the upper bound of their bucket, cumulative
	pairs uint64
}

const scrapeWithin = 10 * time.Second

// scrape takes in a worker's histogram. A worker that is too young to answer
// has none.
func (f *firstCopies) scrape(workerURL string) error {
	client := http.Client{Timeout: scrapeWithin}
	answer, err := client.Get(workerURL + "/metrics")
	if err != nil {
		return nil
	}
	defer func() { _ = answer.Body.Close() }()
	return f.read(answer.Body)
}

func (f *firstCopies) read(page io.Reader) error {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(page)
	if err != nil {
		return fmt.Errorf("read a worker's metrics: %w", err)
	}
	if f.upTo == nil {
		f.upTo = map[float64]uint64{}
	}
	for _, m := range families["tokenkeeper_first_copy_seconds"].GetMetric() {
		f.pairs += m.GetHistogram().GetSampleCount()
		for _, b := range m.GetHistogram().GetBucket() {
			if !math.IsInf(b.GetUpperBound(), 1) {
				f.upTo[1000*b.GetUpperBound()] += b.GetCumulativeCount()
			}
		}
	}
	return nil
}

func (f *firstCopies) summary() *FirstCopy {
	return &FirstCopy{Pairs: f.pairs, MedianMS: tenths(f.quantile(0.5)), P99MS: tenths(f.quantile(0.99)), SlowestMS: tenths(f.slowest())}
}

// quantile interpolates within a bucket. Beyond the last bucket it is that
// bucket's bound; without any pair it is 0.
func (f *firstCopies) quantile(q float64) float64 {
	rank := q * float64(f.pairs)
	lower, before := 0.0, uint64(0)
	for _, bound := range slices.Sorted(maps.Keys(f.upTo)) {
		if count := f.upTo[bound]; float64(count) >= rank && count > before {
			return lower + (bound-lower)*(rank-float64(before))/float64(count-before)
		}
		lower, before = bound, f.upTo[bound]
	}
	if f.pairs == 0 {
		return 0
	}
	return lower
}

// slowest is the end of the last bucket that holds a pair.
func (f *firstCopies) slowest() float64 {
	last := 0.0
	for _, bound := range slices.Sorted(maps.Keys(f.upTo)) {
		if f.upTo[bound] > f.upTo[last] {
			last = bound
		}
	}
	return last
}

func tenths(ms float64) float64 { return math.Round(ms*10) / 10 }
