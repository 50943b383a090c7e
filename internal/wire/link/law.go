package link

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Law is what a link does to the connections that it is for. The zero Law does
// nothing.
type Law struct {
	Delay  time.Duration // of each way that is on, the mean
	Jitter time.Duration // by how much delays scatter: the standard deviation; of uniform the bound
	Shape  Shape
	Out    bool // what the client sends goes by it
	In     bool // what the client receives goes by it

	Loss      float64       // of segments
	Bandwidth int           // bytes a second of each way; 0: without bound
	Hole      bool          // nothing goes on, and nothing ends
	Refuse    float64       // of dials
	Dial      time.Duration // that a dial takes longer
	Idle      time.Duration // after which a connection without traffic is closed; 0: never

	Nodes []string // host:port of the nodes that it is for; empty: of all
	Share float64  // of the connections that it is for
}

// Shape is the distribution of delays.
type Shape string

// The shapes. All but uniform are those of netem.
const (
	Uniform Shape = "uniform"
	Normal  Shape = "normal"
	Pareto  Shape = "pareto"
)

// Any reports whether the law does anything to a connection or a dial.
func (l *Law) Any() bool {
	return l.Delay > 0 || l.Jitter > 0 || l.Loss > 0 || l.Bandwidth > 0 || l.Hole || l.Refuse > 0 || l.Dial > 0 || l.Idle > 0
}

// String says what the law does, for people.
func (l *Law) String() string {
	var parts []string
	add := func(when bool, format string, args ...any) {
		if when {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(l.Delay > 0 || l.Jitter > 0, "delay %s", l.Delay)
	add(l.Jitter > 0, "jitter %s %s", l.Jitter, l.Shape)
	add(l.Loss > 0, "loss %g%%", 100*l.Loss)
	add(l.Bandwidth > 0, "%d bytes/s", l.Bandwidth)
	add(l.Hole, "blackhole")
	add(l.Refuse > 0, "%g%% of dials refused", 100*l.Refuse)
	add(l.Dial > 0, "dials %s slower", l.Dial)
	add(l.Idle > 0, "closed after %s without traffic", l.Idle)
	if len(parts) == 0 {
		return "nothing"
	}
	add(l.Out != l.In, "%s only", map[bool]string{true: "out", false: "in"}[l.Out])
	add(len(l.Nodes) > 0, "with %s", strings.Join(l.Nodes, " and "))
	add(l.Share < 1, "%g%% of connections", 100*l.Share)
	return strings.Join(parts, ", ")
}

// concerns reports whether the law is for a connection with a node.
func (l *Law) concerns(node string, lot float64) bool {
	return lot < l.Share && (len(l.Nodes) == 0 || slices.Contains(l.Nodes, node))
}

// on reports whether the law is for a way.
func (l *Law) on(w way) bool { return w == out && l.Out || w == in && l.In }

// roundTrip is what the law adds to a round trip, on the whole.
func (l *Law) roundTrip() time.Duration {
	var d time.Duration
	for _, w := range []way{out, in} {
		if l.on(w) {
			d += l.Delay
		}
	}
	return d
}

// longest bounds a delay that is drawn: a shape has no end.
const longest = time.Minute

// delay draws the delay of a piece.
func (l *Law) delay(dice *rand.Rand) time.Duration {
	if l.Jitter == 0 {
		return l.Delay
	}
	var by float64
	switch l.Shape {
	case Uniform:
		by = 2*dice.Float64() - 1
	case Pareto:
		// netem's: of shape 3, moved and scaled to a mean of 0 and a deviation of 1.
		const shape, mean = 3, 1.5
		by = (math.Pow(1-dice.Float64(), -1.0/shape) - mean) / math.Sqrt(0.75)
	default:
		by = dice.NormFloat64()
	}
	return min(max(l.Delay+time.Duration(by*float64(l.Jitter)), 0), longest)
}

// What TCP does about segments that are lost, as Linux has it.
const (
	segment     = 1448                   // bytes of an Ethernet frame that are the connection's
	timeout     = 200 * time.Millisecond // until a segment is sent again, beyond the round trip
	firstTime   = time.Second            // of a SYN, the round trip not being known
	longestTime = 2 * time.Minute        // that it waits, however often it doubled
	duplicates  = 3                      // segments behind a lost one by which its loss is known without a timeout
)

// stall draws for how long a flight of segments is held up by those of it that are
// lost. One with enough behind it is asked for anew after a round trip, by the
// acknowledgements of those; one of the last is sent again after a timeout, which
// doubles as often as that is lost too. What comes behind waits, for order is kept.
func (l *Law) stall(bytes int, dice *rand.Rand) time.Duration {
	if l.Loss == 0 {
		return 0
	}
	n := (bytes + segment - 1) / segment
	var stall time.Duration
	if early := n - duplicates; early > 0 && dice.Float64() < 1-math.Pow(1-l.Loss, float64(early)) {
		stall = l.roundTrip() + l.again(timeout+l.roundTrip(), dice)
	}
	for range min(n, duplicates) {
		stall = max(stall, l.again(timeout+l.roundTrip(), dice))
	}
	return stall
}

// again is for how long a segment is sent again and again, from a first timeout on.
func (l *Law) again(first time.Duration, dice *rand.Rand) (stall time.Duration) {
	for wait := first; dice.Float64() < l.Loss; wait = min(2*wait, longestTime) {
		if stall += wait; stall > longest {
			break // a connection that loses all is a hole
		}
	}
	return stall
}

// dial draws what the law adds to the time that a dial takes: a packet each way for
// every round trip, and what it takes longer beside that.
func (l *Law) dial(roundTrips int, dice *rand.Rand) time.Duration {
	took := l.Dial
	for i := range roundTrips {
		wait := timeout + l.roundTrip()
		if i == 0 {
			wait = firstTime
		}
		for _, w := range []way{out, in} {
			if l.on(w) {
				took += l.delay(dice) + l.again(wait, dice)
			}
		}
	}
	return took
}

// transfer is how long bytes take at the bandwidth.
func (l *Law) transfer(bytes int) time.Duration {
	if l.Bandwidth == 0 {
		return 0
	}
	return time.Duration(float64(bytes) / float64(l.Bandwidth) * float64(time.Second))
}

// slice is how many bytes go on at once: where there is a bandwidth, what it carries
// in a few milliseconds, so that a long request comes little by little.
func (l *Law) slice() int {
	if l.Bandwidth == 0 {
		return math.MaxInt
	}
	return min(max(l.Bandwidth/200, segment), 64<<10)
}
