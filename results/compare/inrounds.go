package compare

import "math"

// InRounds is the share by which two arms would have to differ for so many rounds to show
// it, four times of five, by figures of what was done twice in each of some rounds; nil
// where these are too few to say.
func InRounds(a, b []float64, rounds int) *float64 {
	var diffs []float64
	for i := range min(len(a), len(b)) {
		diffs = append(diffs, math.Log(a[i]/b[i]))
	}
	e := estimate{freedom: float64(len(diffs) - 1), deviation: deviation(diffs)}
	freedom := float64(rounds - 1)
	if e.freedom < 1 || rounds < leastRounds(Level) {
		return nil
	}
	effect := math.Expm1((student(1-Level/2, freedom) + student(power, freedom)) * wide(e.freedom) * e.deviation / math.Sqrt(float64(rounds)))
	return &effect
}
