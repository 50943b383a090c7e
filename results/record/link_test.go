package record

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestTimes: a list of times has the median and the number of what was put into it,
// in whatever order and however often, to one part in 128.
func TestTimes(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 1))
	var all []int64
	var halves [2]Link
	for i := range 10_001 {
		ns := int64(math.Exp(dice.Float64()*24)) - 1
		all = append(all, ns)
		halves[i%2].Delays = AddTime(halves[i%2].Delays, ns, 1)
	}
	halves[0].Add(halves[1])
	list := halves[0].Delays
	slices.Sort(all)
	n := int64(0)
	for i, one := range list {
		n += one.N
		if i > 0 && list[i-1].Ns >= one.Ns {
			t.Errorf("%d stands before %d", list[i-1].Ns, one.Ns)
		}
	}
	got, want := MedianTime(list), all[len(all)/2]
	if n != int64(len(all)) || math.Abs(float64(got-want)) > float64(want)/128 {
		t.Errorf("of %d times the median is %d; of the %d that were put in %d", n, got, len(all), want)
	}
	if most := float64(all[len(all)-1]); math.Abs(float64(list[len(list)-1].Ns)-most) > most/128 {
		t.Errorf("the longest is %d, not %.0f", list[len(list)-1].Ns, most)
	}
	if len(list) > 24*128*2 {
		t.Errorf("%d different ones are kept", len(list))
	}
	if MedianTime(nil) != 0 || AddTime(nil, 5, 0) != nil || MedianTime(AddTime(nil, -5, 1)) != 0 {
		t.Error("none")
	}
}
