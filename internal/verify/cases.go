package verify

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// Case is one question with a known answer: a trial, what is wrong in it, and
// what must be reported of it.
type Case struct {
	Name      string // such as drop, or stop 100ms
	Question  string // what it is counted under; empty: its name
	Bound     string // how long a gap may be, in words; empty: nothing is measured
	Driver    drivers.Driver
	Spec      workloads.Spec
	Deadlines conduct.Deadlines

	judge    judge
	meddle   *meddle
	beside   []drivers.Driver // that the trial uses too
	weight   int64            // of room; 0: as one that is timed
	missable bool             // one of 20 may be out of its bound
}

// A machine has room for so many cases side by side. What is measured to the
// millisecond takes half of it, and has a canary beside it; a run in which
// nothing is to be found mostly waits.
const (
	room    = 4
	timed   = 2
	waiting = 1
)

// Client is the name of the driver without what was done to it.
func (c Case) Client() string {
	if w, ok := c.Driver.(interface{ Unwrap() drivers.Driver }); ok {
		return w.Unwrap().Name()
	}
	return c.Driver.Name()
}

// every is which records are hit: each so-many-th of a partition, or of a
// producer. It shares no divisor with the number of records in a partition, so
// the last record is not hit: nothing would come after it to show a swap.
const every = 7

// Cases are all known answers for a table of drivers: each fault, and each stall that
// is somebody's, once, over the clients in turn; stops over every driver; for every client a process stopped
// below the session and one beyond it, and a quiet run. Those that take longest
// come first, so that the short ones run beside them.
func Cases(table []drivers.Driver) ([]Case, error) {
	clients, err := clientsOf(table)
	if err != nil {
		return nil, err
	}
	turn := 0
	next := func() drivers.Driver {
		d := clients[turn%len(clients)]
		turn++
		return d
	}
	cases := []Case{stuck(next()), hang(next())}
	// Where a client tells of no revokes, its zombie rises by a guess; that is left
	// to the thorough run.
	if i := slices.IndexFunc(clients, tellsRevokes); i >= 0 {
		cases = append(cases, zombie(clients[i]))
	} else {
		cases = append(cases, zombie(next()))
	}
	for _, d := range clients {
		cases = append(cases, evict(d, pauseSession+2*time.Second))
	}
	for _, length := range []time.Duration{8 * time.Second, time.Second, 100 * time.Millisecond} {
		for _, d := range table {
			cases = append(cases, stop(d, length))
		}
	}
	for _, d := range clients {
		cases = append(cases, pause(d, pauseSession/3))
	}
	for _, d := range clients {
		cases = append(cases, badLink(d))
	}
	for i := range causeCases(clients[0], table) {
		cases = append(cases, causeCases(next(), table)[i])
	}
	cases = append(cases, nodes(next()))
	for _, broken := range faults() {
		cases = append(cases, broken(next()))
	}
	for i := range blameCases(clients[0], table) {
		cases = append(cases, blameCases(next(), table)[i])
	}
	for _, d := range table {
		if drivers.IsBrokerless(d) {
			cases = append(cases, blameCases(d, table)...)
		}
	}
	cases = append(cases, moved(next()))
	for _, d := range clients {
		s := small("quiet")
		s.Phases.Measure = 3 * time.Second
		cases = append(cases, Case{Name: "quiet", Driver: d, Spec: s, judge: quiet})
	}
	return cases, nil
}

// clientsOf are the drivers that talk to a broker.
func clientsOf(table []drivers.Driver) ([]drivers.Driver, error) {
	clients := slices.DeleteFunc(slices.Clone(table), drivers.IsBrokerless)
	if len(clients) == 0 {
		return nil, errors.New("there is no driver that talks to a broker, and so nothing to verify the instrument with; add one to the table")
	}
	return clients, nil
}

// small is a workload with known numbers: 600 records on four partitions, read
// by one member.
func small(kind faulty.Kind) workloads.Spec {
	s := workloads.Default()
	s.Name = "verify-" + string(kind)
	s.Topic.Partitions = 4
	s.Produce.Rate = workloads.Rate{PerSecond: 500}
	s.Produce.Batch.Records = 50
	s.Consume.Members = 1
	s.Phases = workloads.Phases{Warmup: 200 * time.Millisecond, Measure: time.Second, Drain: 30 * time.Second}
	return s
}

// counted is a fault that hits one record in so many, and that the audit counts.
func counted(d drivers.Driver, kind faulty.Kind, metric string, want func(Evidence) int64) Case {
	return Case{
		Name: string(kind), Driver: faulty.Wrap(d, faulty.Fault{Kind: kind, Nth: every}), Spec: small(kind),
		judge: count(kind, metric, want),
	}
}

// stuck leaves one lane standing for longer than a partition may.
func stuck(d drivers.Driver) Case {
	s := small(faulty.Stuck)
	s.Topic.Partitions = 1
	s.Group.Heartbeat, s.Group.Session = time.Second, 6*time.Second
	s.Phases.Measure, s.Phases.Drain = 12*time.Second, time.Second
	return Case{Name: string(faulty.Stuck), Driver: faulty.Wrap(d, faulty.Fault{Kind: faulty.Stuck, Nth: every}), Spec: s, judge: stuckFound}
}

// zombieDelay is long enough for the new owner to have the partition and be
// beyond the record.
const zombieDelay = 2500 * time.Millisecond

// zombie lets a member join. The one that gives up partitions for it delivers
// their last records once more when the new owner is well beyond them. A client
// that tells of no revokes is taken to have given up what it is silent about.
func zombie(d drivers.Driver) Case {
	s := small(faulty.Zombie)
	s.Topic.Partitions = 2
	s.Group.Heartbeat, s.Group.Session, s.Group.Rebalance = 500*time.Millisecond, 6*time.Second, 6*time.Second
	s.Phases.Measure = 5 * time.Second
	stay := false
	s.Churn = []workloads.ChurnEntry{{Do: string(acts.Join), At: time.Second, Times: 1, Restore: &stay}}
	return Case{
		Name: string(faulty.Zombie), Driver: faulty.Wrap(d, faulty.Fault{Kind: faulty.Zombie, For: zombieDelay}), Spec: s,
		judge: zombieFound(tellsRevokes(d)),
	}
}

// tellsRevokes reports whether a client says when it gives up a partition.
func tellsRevokes(d drivers.Driver) bool {
	s := small(faulty.Zombie)
	return !slices.ContainsFunc(d.Plan(arm.Settings(&s, drivers.Matched)), func(p drivers.Setting) bool {
		return p.Key == drivers.KeyEvents && p.Fidelity == drivers.Unsupported
	})
}

// rewind commits often, so that one commit of many can go back.
func rewind(d drivers.Driver) Case {
	s := small(faulty.Rewind)
	s.Consume.Commit.Every = 200 * time.Millisecond
	s.Consume.Commit.Mark.Every = 20 * time.Millisecond
	s.Phases.Measure = 3 * time.Second
	return Case{Name: string(faulty.Rewind), Driver: faulty.Wrap(d, faulty.Fault{Kind: faulty.Rewind, Nth: 3}), Spec: s, judge: rewindFound}
}

// hang never returns from Close; the deadline is short, as it only has to pass.
func hang(d drivers.Driver) Case {
	s := small(faulty.Hang)
	s.Phases.Drain = time.Second
	return Case{
		Name: string(faulty.Hang), Driver: faulty.Wrap(d, faulty.Fault{Kind: faulty.Hang}), Spec: s,
		Deadlines: conduct.Deadlines{Close: 3 * time.Second, Abort: time.Second}, judge: hangFound,
	}
}

// Where a stop hits, and the rate at which its partition is fed. The interval
// of the records is the resolution of its measurement.
const (
	stopRate     = 200
	stopInterval = time.Second / stopRate
	stopAt       = 100
)

// stop holds the only partition up once, for a known time. The closed loop must
// not set in: the window takes what comes meanwhile.
func stop(d drivers.Driver, length time.Duration) Case {
	s := small(faulty.Stall)
	s.Topic.Partitions = 1
	s.Produce.Rate = workloads.Rate{PerSecond: stopRate}
	s.Produce.Chunk = 1
	s.Phases.Measure = length.Round(time.Second) + 1500*time.Millisecond
	c := Case{
		Name: fmt.Sprintf("stop %s", length), Question: questionStop, Bound: realBound,
		Driver: faulty.Wrap(d, faulty.Fault{Kind: faulty.Stall, Nth: stopAt, For: length}), Spec: s,
		judge: gap(realTolerance), weight: timed, missable: true,
	}
	if drivers.IsBrokerless(d) {
		c.Bound, c.judge, c.missable = exactBound, gap(exactTolerance), false
	}
	return c
}
