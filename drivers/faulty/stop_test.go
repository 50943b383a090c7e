package faulty

import (
	"testing"
	"time"
)

// TestStop: what the injector writes is what its reader reads, and nothing else
// is taken for it.
func TestStop(t *testing.T) {
	for _, want := range []Stop{{Partition: 0}, {Partition: 12}, {Partition: 3, Length: 100_000_001 * time.Nanosecond}} {
		if got, ok := ParseStop(want.String()); !ok || got != want {
			t.Errorf("%q reads as %+v, %v", want.String(), got, ok)
		}
	}
	for _, line := range []string{"", "faulty:", "partition 3 stops", "faulty: partition 3 stopped", "faulty: partition 3 stops now", "x faulty: partition 3 stops"} {
		if got, ok := ParseStop(line); ok {
			t.Errorf("%q is taken for %+v", line, got)
		}
	}
}

// TestNames: faults that differ have names that do, and those of the list keep
// theirs short.
func TestNames(t *testing.T) {
	f := func(fault Fault, want string) {
		t.Helper()
		if got := fault.String(); got != want {
			t.Errorf("%+v is called %s, want %s", fault, got, want)
		}
	}
	f(Fault{Kind: Drop, Nth: 7}, "drop")
	f(Fault{Kind: Drop, Nth: 8}, "drop:8:0s")
	f(Fault{Kind: Stall, Nth: 100, For: time.Second}, "stall:100:1s")
	f(Fault{Kind: Hang}, "hang")
}
