package doctor

import (
	"fmt"
	"time"

	"github.com/kbench/kbench/results/compare"
)

// Effect is the least by which two clients may differ for half an hour of rounds to show
// it, four times of five.
type Effect struct {
	Known  bool    `json:"known"`
	Share  float64 `json:"share"`
	Rounds int     `json:"rounds"` // in half an hour, of two clients
	By     string  `json:"by"`     // how it was found, or why it is not known
}

// HalfAnHour is how many rounds of two clients there are in 30 minutes, at 43 s a trial,
// which is what plan says of produce-rate.
const HalfAnHour = int(30 * time.Minute / (2 * 43 * time.Second))

// byCanary goes by fixed pieces of work, every other one as if it were of another client.
func byCanary(took []int64) Effect {
	var a, b []float64
	for i, ns := range took {
		if v := float64(ns); i%2 == 0 {
			a = append(a, v)
		} else {
			b = append(b, v)
		}
	}
	e := Effect{Rounds: HalfAnHour, By: "too few fixed pieces of work were done to say"}
	if share := compare.InRounds(a, b, HalfAnHour); share != nil {
		e.Known, e.Share = true, *share
		e.By = fmt.Sprintf("by %d pairs of a fixed piece of CPU work: what the processor alone allows. Clients, a broker and the scheduler scatter more; kbench run --aa shows by how much", len(b))
	}
	return e
}
