package verify

import (
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// Counts say how often the thorough run asks the questions that have a measure
// and not only a yes or no.
type Counts struct {
	Stops       int           // of each client; a driver without a broker is stopped 5 times for every 2 of them
	Quiet       int           // quiet runs of each client
	QuietLength time.Duration // measured part of each
	Seed        uint64        // of the lengths of the stops
}

// DefaultCounts are what the instrument is held to.
func DefaultCounts() Counts {
	return Counts{Stops: 20, Quiet: 20, QuietLength: 30 * time.Second, Seed: 1}
}

// Thorough are known answers in numbers: stops of many lengths, stops of the
// process below the session and beyond it, every fault over every client, and
// quiet runs. The questions and judges are those of Cases.
func Thorough(table []drivers.Driver, n Counts) ([]Case, error) {
	clients, err := clientsOf(table)
	if err != nil {
		return nil, err
	}
	var cases []Case
	for _, d := range table {
		count, longest := n.Stops, workloads.Default().Group.Session/2
		if drivers.IsBrokerless(d) {
			count, longest = n.Stops*5/2, longestStop
		}
		for _, length := range lengths(d.Name()+" stop", n.Seed, count, longest) {
			cases = append(cases, stop(d, length))
		}
	}
	for _, d := range clients {
		// A trial with churn takes longer, and the act is the same for every
		// client, so that fewer tell as much.
		count := (n.Stops + 3) / 4
		for _, length := range lengths(d.Name()+" pause", n.Seed, count, pauseSession/2) {
			cases = append(cases, pause(d, length))
		}
		for range (n.Stops + 3) / 4 {
			cases = append(cases, badLink(d), nodes(d), moved(d))
		}
		for i := range (n.Stops + 9) / 10 {
			cases = append(cases, evict(d, pauseSession+time.Duration(2+i%4)*time.Second))
		}
	}
	for _, broken := range []func(drivers.Driver) Case{stuck, hang, zombie} {
		for _, d := range clients {
			cases = append(cases, broken(d))
		}
	}
	for range n.Stops {
		for _, d := range table {
			cases = append(cases, blameCases(d, table)...)
		}
	}
	for range (n.Stops + 4) / 5 { // of five kinds
		for _, d := range clients {
			cases = append(cases, causeCases(d, table)...)
		}
	}
	for range n.Quiet {
		for _, d := range clients {
			cases = append(cases, quietGroup(d, n.QuietLength))
		}
	}
	for _, broken := range faults() {
		for _, d := range clients {
			cases = append(cases, broken(d))
		}
	}
	return cases, nil
}

// quietGroup is a run of two members in which nothing happens.
func quietGroup(d drivers.Driver, length time.Duration) Case {
	s := small("quiet")
	s.Consume.Members = 2
	s.Phases.Measure = length
	return Case{Name: "quiet", Question: questionQuiet, Driver: d, Spec: s, judge: quiet, weight: waiting}
}

// Lengths of stops are taken from a grid, equally spaced on a logarithmic scale:
// a worker has to know every driver by its name, and the length is part of that.
const (
	shortestStop = 100 * time.Millisecond
	longestStop  = 15 * time.Second
	gridSteps    = 128
)

func grid() []time.Duration {
	out := make([]time.Duration, gridSteps)
	for i := range out {
		of := float64(i) / (gridSteps - 1)
		length := float64(shortestStop) * math.Pow(float64(longestStop)/float64(shortestStop), of)
		out[i] = time.Duration(length).Round(time.Millisecond)
	}
	return out
}

// lengths draws from the grid below a limit, the same ones for the same seed.
func lengths(stream string, seed uint64, n int, below time.Duration) []time.Duration {
	choice := slices.DeleteFunc(grid(), func(d time.Duration) bool { return d > below })
	h := fnv.New64a()
	_, _ = h.Write([]byte(stream)) // a hash takes everything
	rng := rand.New(rand.NewPCG(seed, h.Sum64()))
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = choice[rng.IntN(len(choice))]
	}
	// The longest come first, so that no single one is waited for at the end.
	slices.Sort(out)
	slices.Reverse(out)
	return out
}

// faults are the short cases in which a driver is broken.
func faults() []func(drivers.Driver) Case {
	simple := func(kind faulty.Kind, j judge) func(drivers.Driver) Case {
		return func(d drivers.Driver) Case {
			return Case{Name: string(kind), Driver: faulty.Wrap(d, faulty.Fault{Kind: kind}), Spec: small(kind), judge: j}
		}
	}
	hit := func(kind faulty.Kind, metric string, want func(Evidence) int64) func(drivers.Driver) Case {
		return func(d drivers.Driver) Case { return counted(d, kind, metric, want) }
	}
	return []func(drivers.Driver) Case{
		hit(faulty.Drop, results.AuditLost, hits),
		hit(faulty.Duplicate, results.AuditDuplicate, hits),
		hit(faulty.Reorder, results.AuditReordered, hits),
		hit(faulty.Corrupt, results.AuditCorrupt, hits),
		hit(faulty.Swallow, results.AuditLost, func(e Evidence) int64 { return e.Sent / every }),
		hit(faulty.AckTwice, results.ProduceTwice, func(e Evidence) int64 { return e.Sent / every }),
		simple(faulty.EarlyAck, earlyAck),
		simple(faulty.Regress, commits(-1)),
		simple(faulty.Overcommit, commits(1)),
		rewind,
		simple(faulty.Lie, lie),
	}
}

// Drivers are the broken ones of all cases that can be asked for. A worker must know
// them by name; nobody else may.
func Drivers(table []drivers.Driver) []drivers.Driver {
	cases, err := Cases(table)
	if err != nil {
		return nil // without clients there are no cases, and none of their drivers
	}
	all, _ := Thorough(table, Counts{}) // there are clients
	cases = append(cases, all...)
	for _, d := range table {
		cases = append(cases, blameCases(d, table)...)
		for _, length := range grid() {
			cases = append(cases, stop(d, length))
		}
	}
	var out []drivers.Driver
	names := map[string]bool{}
	for _, c := range cases {
		if name := c.Driver.Name(); name != c.Client() && !names[name] {
			names[name] = true
			out = append(out, c.Driver)
		}
	}
	return out
}

// label is what the numbers of a case are counted under.
func (c Case) label() string {
	if c.Question != "" {
		return c.Question
	}
	return c.Name
}

// The questions that are asked many times.
const (
	questionStop  = "stop"
	questionPause = "process stopped"
	questionNode  = "node"
	questionEvict = "stopped beyond session"
	questionQuiet = "quiet"
)

// Check says what is wrong with the counts, by the name of the flag that sets it.
func (n Counts) Check() error {
	switch {
	case n.Stops < 1 || n.Stops > 1000:
		return fmt.Errorf("stops: %d; there must be 1 to 1000", n.Stops)
	case n.Quiet < 1 || n.Quiet > 1000:
		return fmt.Errorf("quiet: %d; there must be 1 to 1000", n.Quiet)
	case n.QuietLength < time.Second || n.QuietLength > time.Hour:
		return fmt.Errorf("quiet-length: %s; it must be 1s to 1h", n.QuietLength)
	}
	return nil
}
