package compare

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
)

// exactRounds is up to how many rounds all ways to exchange arms are counted; of more
// rounds a sample of them is drawn.
const (
	exactRounds = 64
	flips       = 20_000
)

// signFlip is the two-sided p of the differences between two arms, one per round. If the
// arms do not differ, each difference might as well have had the other sign: p is the
// share of all ways to give signs that are as far from balance as what was found.
//
// What is summed is not the differences but their ranks by size, each with its sign. A
// mean would let one wild round, as every machine has some, decide against all others; so
// it weighs no more than the largest of n. All the ways need not be tried one by one:
// those that give each sum are counted, as coins that give an amount.
//
//	ways(sum of k ranks = s) = ways(k-1, s) + ways(k-1, s - rank k)
//
// With n rounds there are 2^n ways, and none is rarer than 2 of them: see leastRounds.
func signFlip(diffs []float64, rng *rand.Rand) float64 {
	ranks, sum := signedRanks(diffs)
	switch n := len(ranks); {
	case n == 0:
		return 1
	case n <= exactRounds:
		return exactFlip(ranks, sum)
	default:
		return drawnFlip(ranks, sum, rng)
	}
}

// signedRanks are twice the ranks of differences that are not 0, so that shared ones are
// whole numbers too, and their sum with their signs.
func signedRanks(diffs []float64) (ranks []int, sum int) {
	diffs = slices.DeleteFunc(slices.Clone(diffs), func(d float64) bool { return d == 0 })
	slices.SortFunc(diffs, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
	for from := 0; from < len(diffs); {
		to := from + 1
		for to < len(diffs) && math.Abs(diffs[to]) == math.Abs(diffs[from]) {
			to++
		}
		for _, d := range diffs[from:to] {
			rank := from + to + 1 // twice the mean of from+1 to to
			ranks = append(ranks, rank)
			if sum += rank; d < 0 {
				sum -= 2 * rank
			}
		}
		from = to
	}
	return ranks, sum
}

func exactFlip(ranks []int, sum int) float64 {
	ways := flipLaw(ranks)
	total, p := len(ways)-1, 0.0
	for s, w := range ways {
		if abs(2*s-total) >= abs(sum) {
			p += w
		}
	}
	return min(p, 1)
}

// flipLaw is the share of the ways to give signs in which the positive ranks sum to 0, to
// 1 and so on.
func flipLaw(ranks []int) []float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	ways := make([]float64, total+1)
	ways[0] = 1
	for _, r := range ranks {
		for s := total; s >= 0; s-- {
			ways[s] /= 2
			if s >= r {
				ways[s] += ways[s-r] / 2
			}
		}
	}
	return ways
}

func drawnFlip(ranks []int, sum int, rng *rand.Rand) float64 {
	as := 1 // what was found is one of them
	for range flips {
		drawn := 0
		for from := 0; from < len(ranks); from += 64 {
			signs := rng.Uint64()
			for _, r := range ranks[from:min(from+64, len(ranks))] {
				if drawn += r; signs&1 == 0 {
					drawn -= 2 * r
				}
				signs >>= 1
			}
		}
		if abs(drawn) >= abs(sum) {
			as++
		}
	}
	return float64(as) / (flips + 1)
}

func abs(n int) int { return max(n, -n) }

// leastRounds is how many rounds it takes until the rarest result is rarer than alpha.
func leastRounds(alpha float64) int {
	return 1 + int(math.Ceil(math.Log2(1/alpha)-1e-9))
}

// holm adjusts the p of a family of comparisons, so that the chance that any of them
// finds what is not there stays what it would be of one (Holm, 1979): the smallest counts
// for all m of them, the next for the m-1 that are left.
func holm(ps []float64) []float64 {
	order := make([]int, len(ps))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(ps[a], ps[b]) })
	out, least := make([]float64, len(ps)), 0.0
	for rank, i := range order {
		least = max(least, min(1, ps[i]*float64(len(ps)-rank)))
		out[i] = least
	}
	return out
}
