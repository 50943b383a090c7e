package trend

import (
	"math"
	"math/rand/v2"
	"slices"
)

// leastSegment is how many nights a level is made of at least. Two wild nights side by
// side are no change.
const leastSegment = 3

// divide finds the nights at which the values change to another law (E-divisive: Matteson
// and James, 2014), as points that begin a new segment, in order. Two segments X and Y of m
// and n values are as far apart as
//
//	mn/(m+n) · ( 2 mean|x-y| - mean|x-x'| - mean|y-y'| )
//
// which is 0 on average where they are of one law, whatever that law is. The split that is
// farthest apart is held against the farthest of the same values in other orders: it counts
// where at most level of these are as far. Then the parts are divided in the same way.
//
// What is asked of chance is asked of the largest of all splits, so level is that of the
// whole series and not of a split. Nights are taken to be exchangeable where nothing
// changes: noise that goes on from night to night makes more changes than there are.
func divide(values []float64, level float64, rng *rand.Rand) []int {
	d := &divider{values: values, distances: distances(values), orders: int(math.Ceil(2/level)) - 1, level: level, rng: rng}
	parts := []part{d.part(0, len(values))}
	for {
		at := farthest(parts)
		if at < 0 || !d.real(parts) {
			break
		}
		p := parts[at]
		parts = slices.Replace(parts, at, at+1, d.part(p.from, p.split), d.part(p.split, p.to))
	}
	var splits []int
	for _, p := range parts[1:] {
		splits = append(splits, p.from)
	}
	return splits
}

type divider struct {
	values    []float64
	distances [][]float64 // of all pairs
	orders    int         // that are tried
	level     float64
	rng       *rand.Rand
}

// part is a segment, with the best place to split it: 0 where it is too short.
type part struct {
	from, to, split int
	far             float64
	rows            []float64 // of each value, the sum of its distances to the others of the part
	order           []int
}

func distances(values []float64) [][]float64 {
	out := make([][]float64, len(values))
	for i, a := range values {
		out[i] = make([]float64, len(values))
		for j, b := range values {
			out[i][j] = math.Abs(a - b)
		}
	}
	return out
}

func (d *divider) part(from, to int) part {
	p := part{from: from, to: to}
	for i := from; i < to; i++ {
		p.order = append(p.order, i)
		sum := 0.0
		for j := from; j < to; j++ {
			sum += d.distances[i][j]
		}
		p.rows = append(p.rows, sum)
	}
	p.split, p.far = d.split(&p)
	return p
}

// split is the best place in the order that the part has, and how far apart its sides are.
// One value after the other goes over to the left side, whose sums then change by its
// distances alone.
func (d *divider) split(p *part) (at int, far float64) {
	var left, cross, right float64 // sums over pairs
	for _, sum := range p.rows {
		right += sum / 2
	}
	n := len(p.order)
	for m := 1; m <= n-leastSegment; m++ {
		moved := p.order[m-1]
		before, row := 0.0, d.distances[moved]
		for _, j := range p.order[:m-1] {
			before += row[j]
		}
		after := p.rows[moved-p.from] - before
		left, right, cross = left+before, right-after, cross+after-before
		if m < leastSegment {
			continue
		}
		a, b := float64(m), float64(n-m)
		q := a * b / (a + b) * (2*cross/(a*b) - left/(a*(a-1)/2) - right/(b*(b-1)/2))
		if q > far {
			at, far = p.from+m, q
		}
	}
	return at, far
}

func farthest(parts []part) int {
	at := -1
	for i, p := range parts {
		if p.split > 0 && (at < 0 || p.far > parts[at].far) {
			at = i
		}
	}
	return at
}

// real says whether chance seldom sets two sides as far apart as the farthest. It gives up
// as soon as too many orders have.
func (d *divider) real(parts []part) bool {
	far, most := parts[farthest(parts)].far, int(d.level*float64(d.orders+1))-1
	if far <= 0 {
		return false
	}
	shuffled := slices.Clone(parts)
	for i := range shuffled {
		shuffled[i].order = slices.Clone(shuffled[i].order)
	}
	as := 0
	for range d.orders {
		largest := 0.0
		for i := range shuffled {
			p := &shuffled[i]
			d.rng.Shuffle(len(p.order), func(i, j int) { p.order[i], p.order[j] = p.order[j], p.order[i] })
			_, far := d.split(p)
			largest = max(largest, far)
		}
		if largest >= far*(1-1e-12) { // sums of the same values in another order
			if as++; as > most {
				return false
			}
		}
	}
	return true
}
