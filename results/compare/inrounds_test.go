package compare

import (
	"math"
	"testing"
)

// A deviation of 1% in 20 rounds: t(0.975, 19) + t(0.8, 19) is 2.093 + 0.861, over the root
// of 20 0.66%, and as 20 rounds tell little of a deviation 15% more.
func TestInRounds(t *testing.T) {
	var a, b []float64
	for i := range 20 {
		a, b = append(a, 100*math.Exp(0.01*math.Sqrt(19.0/20)*float64(1-2*(i%2)))), append(b, 100)
	}
	got := InRounds(a, b, 20)
	if got == nil || math.Abs(*got-0.0066*wide(19)) > 0.0001 {
		t.Errorf("%v", got)
	}
	if InRounds(a[:1], b[:1], 20) != nil || InRounds(a, b, 5) != nil {
		t.Error("too few rounds say something")
	}
}
