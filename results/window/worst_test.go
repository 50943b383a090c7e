package window

import "testing"

// TestWorst: the latest record of those that were due in the measured part,
// whether or not it ever came.
func TestWorst(t *testing.T) {
	in := Input{Measured: Interval{From: 100, To: 200}, Records: listed{
		0: {{Due: 50, At: 95}, {Due: 100, At: 103}, {Due: 150, At: 190}, {Due: 160, At: 191}, {Due: 201, At: 900}},
		1: {{Due: 120, At: 121}, {Due: 200, At: 500, Lost: true}},
		2: {{Due: 99, At: 150}},
	}}
	f := func(p int32, due, late int64, want bool) {
		t.Helper()
		r, ok := in.Worst(p)
		if ok != want || ok && (r.Due != due || r.Late() != late) {
			t.Errorf("partition %d: %+v, %v; want due %d, late by %d, %v", p, r, ok, due, late, want)
		}
	}
	f(0, 150, 40, true)
	f(1, 200, 300, true)
	f(2, 0, 0, false)
	f(3, 0, 0, false)
}
