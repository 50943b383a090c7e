package main

// rises is the exact test for a trend in counts of rare events: given how many there
// were, each falls on a level by how long that was watched, if the level is without
// influence; p is how likely the sum of their levels then is as large as it was or
// larger. It says nothing where there are no events or no two levels.
func rises(counts []int, levels, exposure []float64) (p float64, ok bool) {
	all, watched, seen := 0, 0.0, 0.0
	for i, n := range counts {
		all += n
		watched += exposure[i]
		seen += float64(n) * levels[i]
	}
	if all == 0 || len(counts) < 2 {
		return 0, false
	}
	// Sums of the levels of so many events, and how likely each is.
	sums := map[float64]float64{0: 1}
	for range all {
		next := map[float64]float64{}
		for sum, q := range sums {
			for i, level := range levels {
				next[sum+level] += q * exposure[i] / watched
			}
		}
		sums = next
	}
	for sum, q := range sums {
		if sum >= seen-1e-9 {
			p += q
		}
	}
	return min(p, 1), true
}
