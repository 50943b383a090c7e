package knee

import (
	"math"
	"slices"
)

// odds are those of where the knee lies. Places of the knee are half steps of the grid:
// the middle between two rates is one.
type odds struct {
	// held and missed are the logarithms of the chances of an outcome, by width and by how
	// many half steps the rate lies above the knee, from -reach on.
	held, missed [][]float64
}

// lapse is how many of the trials say the opposite of what is so, far from the knee.
const lapse = 0.02

// reach is how far from the knee, in half steps, a chance is still another one.
const reach = 1024

// tail is how likely the knee lies beyond one end of its interval.
const tail = 0.025

// widths are how far outcomes may scatter, in steps.
func widths() []float64 { return []float64{0.05, 0.25, 0.5, 1, 2, 4, 8} }

func newOdds() *odds {
	o := &odds{}
	for _, w := range widths() {
		held, missed := make([]float64, 2*reach+1), make([]float64, 2*reach+1)
		for i := range held {
			p := lapse + (1-2*lapse)/(1+math.Exp(-float64(i-reach)/2/w))
			held[i], missed[i] = math.Log1p(-p), math.Log(p)
		}
		o.held, o.missed = append(o.held, held), append(o.missed, missed)
	}
	return o
}

// interval is between which places of the grid the knee lies, and the middle of its odds,
// in steps. It may lie so many steps beyond the rates that were tried.
func (o *odds) interval(tallies map[int]Tally, beyond int) (low, high int, middle float64) {
	lowest, highest := math.MaxInt, math.MinInt
	for at := range tallies {
		lowest, highest = min(lowest, at), max(highest, at)
	}
	from, to := 2*(lowest-beyond), 2*(highest+beyond)
	marginal := make([]float64, to-from+1)
	most := math.Inf(-1)
	logs := make([][]float64, len(o.held))
	for w := range logs {
		logs[w] = make([]float64, len(marginal))
		for at, t := range tallies {
			o.add(logs[w], w, 2*at-from, t)
		}
		most = max(most, slices.Max(logs[w]))
	}
	sum := 0.0
	for _, of := range logs {
		for k, l := range of {
			p := math.Exp(l - most)
			marginal[k] += p
			sum += p
		}
	}
	return cut(marginal, from, sum)
}

// cut takes the tails off odds of places from one on: low is the highest place of the grid
// below which the knee is so unlikely, high the lowest above which it is.
func cut(marginal []float64, from int, sum float64) (low, high int, middle float64) {
	below := 0.0 // the odds of places before k
	low, high, middle = math.MinInt, math.MaxInt, math.NaN()
	for k, p := range marginal {
		at := from + k
		if even := at%2 == 0; even && below <= tail*sum {
			low = at / 2
		}
		below += p
		if at%2 == 0 && high == math.MaxInt && sum-below <= tail*sum {
			high = at / 2
		}
		if math.IsNaN(middle) && below >= sum/2 {
			middle = float64(at) / 2
		}
	}
	return low, high, middle
}

// add adds to the logarithms of the chances, by place of the knee, those of what the trials
// of a rate said, which lies so many half steps above the first of these places.
func (o *odds) add(logs []float64, width, above int, t Tally) {
	held, missed := float64(t.Held), float64(t.Missed)
	for k := range logs {
		i := min(max(above-k, -reach), reach) + reach
		logs[k] += held*o.held[width][i] + missed*o.missed[width][i]
	}
}
