package knee

import (
	"math/rand/v2"
	"slices"
)

// Course is several searches side by side, of several clients: turn by turn each that is
// not over has one trial, in an order that is drawn anew for every turn, so that what
// drifts on the machine falls on all of them alike.
type Course struct {
	Searches []*Search
	seed     uint64
	turn     uint64
	left     []int // of the turn
}

// NewCourse puts searches side by side.
func NewCourse(searches []*Search, seed uint64) *Course {
	return &Course{Searches: searches, seed: seed}
}

// Next is which search has a trial next, and of which rate; false when all are over.
func (c *Course) Next() (which int, rate float64, more bool) {
	for range 2 { // what is left of this turn, and a whole one
		for len(c.left) > 0 {
			if rate, more := c.Searches[c.left[0]].Next(); more {
				return c.left[0], rate, true
			}
			c.left = c.left[1:]
		}
		c.turn++
		c.left = rand.New(rand.NewPCG(c.seed, c.turn)).Perm(len(c.Searches))
	}
	return 0, 0, false
}

// Had is told that a search has had its trial of this turn.
func (c *Course) Had(which int) {
	if i := slices.Index(c.left, which); i >= 0 {
		c.left = slices.Delete(c.left, i, i+1)
	}
}
