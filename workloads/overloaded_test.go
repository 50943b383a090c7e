package workloads

import (
	"testing"
	"time"
)

func TestOverloaded(t *testing.T) {
	f := func(rate float64, handler time.Duration, lanes string, want bool) {
		t.Helper()
		s := Spec{Topic: Topic{Partitions: 12}, Produce: Produce{Rate: Rate{PerSecond: rate}}, Consume: Consume{Members: 3}}
		s.Consume.Handler.Time, s.Consume.Handler.Lanes = handler, lanes
		if s.Overloaded() != want {
			t.Errorf("%v/s at %s, %s: %t", rate, handler, lanes, !want)
		}
	}
	f(600, 0, "member", false)
	f(600, 4*time.Millisecond, "member", false)
	f(600, 6*time.Millisecond, "member", true)
	f(600, 6*time.Millisecond, "partition", false)
	f(600, 60*time.Millisecond, "partition", true)
	f(0.9, 2*time.Second, "member", false)
}
