package record

import (
	"fmt"
	"strings"
	"testing"
)

// TestRefusals counts errors by kind: what differs in numbers is one kind, and the
// kinds beyond the first few share one.
func TestRefusals(t *testing.T) {
	var r Refusals
	r.Add("dial 10.0.0.1:9092: refused\nmore", 5, 2)
	r.Add("dial 10.0.0.7:9093: refused", 7, 1)
	r.Add("too large", 9, 1)
	want := []Reported{{"dial #.#.#.#:#: refused", "dial 10.0.0.1:9092: refused\nmore", 5, 3}, {"too large", "too large", 9, 1}}
	if got := r.All(); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v", got)
	}
	for i := range 100 {
		r.Add(strings.Repeat("x", i+1), 10, 1)
	}
	all := r.All()
	if len(all) != mostKinds+1 {
		t.Fatalf("%d kinds", len(all))
	}
	if last := all[mostKinds]; last.Kind != OtherErrors || last.Count != 100-(mostKinds-2) {
		t.Errorf("the rest is %+v", last)
	}
	if kind := ErrorKind(fmt.Sprint(strings.Repeat("y", 1000))); len(kind) != longestKind+3 {
		t.Errorf("a kind of %d bytes", len(kind))
	}
}
