package lab

import (
	"cmp"
	"math"
	"slices"
)

// Quantile is the value that a part q of the values does not exceed: the nearest rank.
// Of none it is the zero value.
func Quantile[N cmp.Ordered](values []N, q float64) (n N) {
	if len(values) == 0 {
		return n
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(q * float64(len(sorted))))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// Median is the middle one of the values, the lower one where two are.
func Median[N cmp.Ordered](values []N) N { return Quantile(values, 0.5) }

// Round rounds to so many digits behind the point.
func Round(x float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(x*scale) / scale
}
