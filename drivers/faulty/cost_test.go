package faulty

import (
	"strings"
	"testing"
	"time"
)

// TestCost: what was burned is as much as the log says, and the log can be read back.
func TestCost(t *testing.T) {
	var s stove
	for range 20 {
		s.burn(256, 200*time.Nanosecond)
	}
	c := s.cost()
	if c.Records != 20*256 || c.CPU <= 0 {
		t.Fatalf("%+v", c)
	}
	if got, ok := ParseCost(c.String()); !ok || got != c {
		t.Errorf("%q is read as %+v, %t", c, got, ok)
	}
	for _, line := range []string{"", "faulty: burned 1 ns", c.String() + "x", strings.TrimPrefix(c.String(), "f")} {
		if got, ok := ParseCost(line); ok {
			t.Errorf("%q is read as %+v", line, got)
		}
	}
	if per := (Cost{Records: 4, CPU: 800}).PerRecord(); per != 200 {
		t.Errorf("%v ns a record", per)
	}
}
