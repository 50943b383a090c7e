package text

import (
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report"
)

func TestSignificant(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		if got := significant(v); got != want {
			t.Errorf("significant(%v) = %q, want %q", v, got, want)
		}
	}
	f(0, "0")
	f(0.00123, "0.0012")
	f(0.0456, "0.0456")
	f(1.2345, "1.23")
	f(12.345, "12.3")
	f(123.4, "123")
	f(1234.5, "1,234")
	f(1234567, "1,235,000")
	f(999.7, "1,000")
	f(0.099999, "0.100")
	f(-1500, "-1,500")
}

// A row keeps one unit for all its cells, and none of them is a long row of digits.
func TestScaleOf(t *testing.T) {
	f := func(unit string, smallest, largest float64, want string) {
		t.Helper()
		if got := scaleOf(unit, smallest, largest).name; got != want {
			t.Errorf("scaleOf(%s, %v, %v) = %q, want %q", unit, smallest, largest, got, want)
		}
	}
	f(results.UnitNs, 400, 2_000, "ns")
	f(results.UnitNs, 1_500, 9_000_000, "µs")
	f(results.UnitNs, 535_000, 32_612_000, "ms")
	f(results.UnitBytes, 3<<20, 5<<20, "MiB")
	f(results.UnitRate, 1, 1e9, results.UnitRate)
}

// What is too short to be told from nothing is below a bound, or 0 where the unit is
// too large for it.
func TestBelow(t *testing.T) {
	for per, want := range map[float64]string{1: "<128", 1e3: "<0.128", 1e6: "0", 1e9: "0"} {
		if got := (scale{per: per}).value(report.Value{Below: results.Shortest}); got != want {
			t.Errorf("in units of %v ns: %q, want %q", per, got, want)
		}
	}
}

func TestNumbers(t *testing.T) {
	f := func(want string, ns ...int) {
		t.Helper()
		if got := Numbers(ns); got != want {
			t.Errorf("%v: %q, want %q", ns, got, want)
		}
	}
	f("")
	f("8", 8)
	f("7 and 12", 7, 12)
	f("7, 10 and 15", 7, 10, 15)
}
