package report

import (
	"math"
	"strconv"
	"strings"

	"github.com/kbench/kbench/results"
)

// scale is a unit as it is shown.
type scale struct {
	name string
	per  float64 // of the row's unit
}

// scaleOf chooses the largest unit in which the smallest value of a row is still
// at least one, so that all cells of the row can be compared at a glance.
func scaleOf(unit string, smallest float64) scale {
	var scales []scale
	switch unit {
	case results.UnitNs:
		scales = []scale{{"ns", 1}, {"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}}
	case results.UnitBytes:
		scales = []scale{{"B", 1}, {"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}}
	case results.UnitBytesPS:
		scales = []scale{{"B/s", 1}, {"KB/s", 1e3}, {"MB/s", 1e6}, {"GB/s", 1e9}}
	case results.UnitCount, results.UnitAllocs:
		scales = []scale{{"", 1}}
	default:
		scales = []scale{{unit, 1}}
	}
	best := scales[0]
	for _, s := range scales[1:] {
		if smallest >= s.per {
			best = s
		}
	}
	return best
}

func (s scale) format(v float64) string { return significant(v / s.per) }

// significant writes three significant digits, all of those before the point,
// and groups thousands.
func significant(v float64) string {
	if v == 0 {
		return "0"
	}
	digits := 2 - int(math.Floor(math.Log10(math.Abs(v))))
	digits = min(max(digits, 0), 4)
	return grouped(v, digits)
}

// grouped writes a number with commas between thousands.
func grouped(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	sign := ""
	if strings.HasPrefix(s, "-") {
		sign, s = "-", s[1:]
	}
	whole, fraction, found := strings.Cut(s, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if found {
		whole += "." + fraction
	}
	return sign + whole
}

func humanBytes(n int64) string {
	s := scaleOf(results.UnitBytes, float64(n))
	return s.format(float64(n)) + " " + s.name
}

// count writes a number of things.
func count(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return grouped(float64(n), 0) + " " + thing
}
