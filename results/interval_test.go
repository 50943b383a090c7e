package results_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	. "github.com/kbench/kbench/results"
)

// Union, Intersect and Without say of every moment what the sets themselves say.
func TestIntervals(t *testing.T) {
	has := func(list []Interval, x int64) bool {
		return slices.ContainsFunc(list, func(i Interval) bool { return i.From <= x && x < i.To })
	}
	rapid.Check(t, func(t *rapid.T) {
		list := func(name string) []Interval {
			return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Interval {
				from := rapid.Int64Range(0, 30).Draw(t, "from")
				return Interval{from, from + rapid.Int64Range(0, 8).Draw(t, "length")}
			}), 0, 6).Draw(t, name)
		}
		a, b := list("a"), list("b")
		ua, ub := Union(a), Union(b)
		both, rest := Intersect(ua, ub), Without(ua, ub)
		for i := range len(ua) - 1 {
			if ua[i].To >= ua[i+1].From {
				t.Fatalf("%v touch or are out of order", ua)
			}
		}
		var any int64
		for x := range int64(40) {
			if has(a, x) != has(ua, x) {
				t.Fatalf("union of %v is %v: they differ at %d", a, ua, x)
			}
			if has(both, x) != (has(a, x) && has(b, x)) {
				t.Fatalf("%v and %v have %v in common: wrong at %d", a, b, both, x)
			}
			if clip := (Interval{From: 10, To: 20}); has(Clip(ua, clip), x) != (has(a, x) && 10 <= x && x < 20) {
				t.Fatalf("%v within %v is %v: wrong at %d", ua, clip, Clip(ua, clip), x)
			}
			if has(rest, x) != (has(a, x) && !has(b, x)) {
				t.Fatalf("%v without %v is %v: wrong at %d", a, b, rest, x)
			}
			if has(a, x) {
				any++
			}
		}
		if any != TotalLength(ua) {
			t.Fatalf("length of %v is %d, want %d", ua, TotalLength(ua), any)
		}
	})
}
