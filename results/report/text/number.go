package text

import (
	"math"
	"strconv"
	"strings"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
)

// scale is a unit as it is shown.
type scale struct {
	name string
	per  float64 // of the row's unit
}

// largestShown bounds the figures of a row: above it a larger unit says the same
// with fewer digits.
const largestShown = 10_000

// scaleOf chooses one unit for all cells of a row, so that they can be compared
// at a glance: the largest in which the smallest is still at least one, or, where
// the largest would then be a long row of digits, the next.
func scaleOf(unit string, smallest, largest float64) scale {
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
	best := 0
	for i, s := range scales {
		if smallest >= s.per {
			best = i
		}
	}
	for best+1 < len(scales) && largest/scales[best].per >= largestShown {
		best++
	}
	return scales[best]
}

// finer is a unit in which figures have a digit more, so that those which differ little
// are seen to.
func finer(unit string, smallest, largest float64) scale {
	return scaleOf(unit, smallest/10, largest/10)
}

func (s scale) format(v float64) string { return significant(v / s.per) }

// value is format of what is so little that it is not known, too.
func (s scale) value(v report.Value) string {
	const least = 0.001 // a bound of fewer digits is not worth its place
	if v.Below/s.per >= least {
		return "<" + s.format(v.Below)
	}
	return s.format(v.Value)
}

// significant writes three significant digits, four before the point, and groups
// thousands. More would say what one run cannot know.
func significant(v float64) string {
	if v == 0 {
		return "0"
	}
	digits := 3
	if math.Abs(v) >= 1000 {
		digits = 4
	}
	// Rounding first: 999.7 has become 1,000 before its digits are counted.
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', digits-1, 64), 64)
	if err != nil {
		return strconv.FormatFloat(v, 'g', -1, 64) // NaN and infinities
	}
	decimals := digits - 1 - int(math.Floor(math.Log10(math.Abs(rounded))))
	return grouped(rounded, min(max(decimals, 0), 4))
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
	s := scaleOf(results.UnitBytes, float64(n), float64(n))
	return s.format(float64(n)) + " " + s.name
}

// count writes a number of things.
func count(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return grouped(float64(n), 0) + " " + thing
}
