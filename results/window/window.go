// Package window finds, for every act of churn, how long each partition stopped
// and why: the gap in its deliveries, what of it heartbeat and session settings
// made unavoidable, and what is left for the client. MEASURING 2 has the
// definitions.
//
// Each step takes what those before it returned, and changes nothing of it. Of a
// trial as a whole:
//
//	load      what the workers recorded, as Input
//	records   when each record was due and when it was first delivered
//	spans     the same, out of the spans of the workers
//	wire      what the members told of the group, and that an act ended one: seen
//	change    when an act changed the group in the coordinator's eyes (t0)
//	expiry    the same for a member that was stopped and could not say so
//	lost      the same for one that a bad link took from the group
//	growth    the same for partitions that an act brought and a member noticed
//	down      stretches in which partitions were late
//	settle    windows: from an act until everything has been quiet for 2H: analysis
//
// Of each window, a happening:
//
//	class     who owned each partition before and after
//	floor     who could know of a change and when: knowledge; how long that must take
//	kip848    the same where members are told one by one
//	lateness  gaps, and what was late before
//	resume    when everything was delivered again; records by the part they were due in
//	served    when the broker and its clients had recovered from an act on its nodes
//	others    what of a lateness is the client's, and what stalls of others have of a figure
//	phases    where the time went, by member
//	kinds     what an event is called
//	words     the same in a sentence
//
// And again of the trial: storm, rebalances that feed on themselves, and beats, how
// regular heartbeats are while nothing happens.
//
// Everything is a pure function of its input. It judges no client and audits no
// delivery; the latter is for package audit.
package window

import (
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/group"
)

// Interval is a stretch of time, ns of the host's monotonic clock.
type Interval = results.Interval

// Report is everything about the pauses of a trial. Times are ns of the host's
// monotonic clock and durations are ns.
type Report struct {
	Events       []Event
	Partitions   int
	Slow         bool    // of the handler: nothing about lateness is known, see Input
	Down         int64   // lost partition time in the measured part, summed over partitions
	Availability float64 // 1 - Down over all partition time of the measured part
	Late         int64   // records of the measured part that were late by more than theta
	Lost         int64   // records of the measured part that were never delivered
	Generations  int     // completed in the measured part
	Changes      int     // of the group's membership, by acts, in the measured part
	// Amplification is generations per change; 0 where generations mean nothing
	// of the kind (KIP-848) or nothing was changed.
	Amplification float64
	Storms        []Storm
	// StormsSought is false under KIP-848, where no generations tell of storms.
	StormsSought bool
	// Recovery is the longest time from the last act of a storm or crash loop that
	// was asked for until everything was quiet, of Recoveries such times.
	Recovery   int64
	Recoveries int
	BeatGap
	Warnings []results.Remark
}

// Event is a window with the act that opened it. Acts whose windows overlap
// share one event, and its figures are of all of them together.
type Event struct {
	Name    string // kind and number of the first counted act, such as join#3
	Kind    string // the kind in the name: that of the act, or storm and the like
	Counted bool   // false: it only restores the group
	Merged  bool   // the figures are not of one act alone and say nothing of the kind
	Acts    []results.Act
	Further []string // kinds of the counted acts beside the one in the name
	Window  Interval // W_e
	Settled bool     // false: the trial ended first
	Resumed int64    // when the group was stable and every partition delivered again; what is left of the window is catching up

	Protocol string // eager, cooperative, consumer (KIP-848)
	// T0 is when the group changed in the eyes of the coordinator, 0 where
	// nothing on the wire tells. T0Low is the earliest it may have been, where a
	// request without a recorded response leaves that open.
	T0, T0Low int64
	Rounds    int // generations completed

	// Wire, Floor and WireExcess are known only if Rebalanced.
	Rebalanced       bool
	Wire             int64
	Floor, FloorHigh int64 // equal, but where T0 is an interval
	WireExcess       int64
	// LateBeat is the part of the floor that is there only because a heartbeat of a
	// classic member came later than it was due, where that is worth mention.
	LateBeat int64

	Partitions []Partition
	Members    []Member

	Down       []Interval // of any partition
	UAny, UAll int64
	// LostPartitionTime is the down time summed over partitions, CatchUp the
	// longest that a partition took from the first delivery after its gap until
	// it was no longer late.
	LostPartitionTime, CatchUp int64
	Movement, ExcessRevocation float64

	// Recovery is what came of an act on nodes of the broker; nil without one.
	Recovery *Recovery

	// Others is what stalls of others cover of a figure of the event where that is
	// worth a mark, else nil.
	Others *Others

	Baseline      int64 // B; valid if BaselineKnown
	BaselineKnown bool
	Noisy         bool

	Duplicates audit.Duplicates
	Late, Lost int64
	Words      []results.Remark // who was slow, and in what
	Notes      []results.Remark // what must be known to read the figures
}

// Class says what an event did to a partition.
type Class string

// The classes of partitions.
const (
	Moved     Class = "moved"     // from one live member to another
	Untouched Class = "untouched" // its owner did not change
	Orphaned  Class = "orphaned"  // its owner left, died or was evicted
	Unowned   Class = "unowned"   // the wire does not tell an owner before or after
	Added     Class = "added"     // the act brought it
)

// Partition is what an event did to one partition.
type Partition struct {
	Partition          int32
	Class              Class
	OldOwner, NewOwner string // workers
	Records            int    // due in the window; without any there is no gap
	Gap                int64
	Lost               int // of Records, never delivered; Gap then reaches to the end of the trial
	// Floor is what the partition had to wait, Excess the rest of its gap. They
	// are known if FloorKnown.
	FloorKnown    bool
	Floor, Excess int64
	// Silence is that gap, from when its latest record was due, and By says who had how
	// much of it beside the client. Unexplained is the most of the lateness of any record
	// of the window, that one or another, that neither the floor nor a stall of anything
	// else explains: it is never more than the gap. They are known if FloorKnown and
	// somebody listened for stalls.
	Silence     Interval
	Unexplained *blame.Bounds
	By          []blame.Share
	Down        []Interval
	CatchUp     int64
}

// DownTime is the length of the down set.
func (p Partition) DownTime() int64 { return results.TotalLength(p.Down) }

// Compute analyses what was loaded, each step with what those before it returned.
func Compute(in Input) *Report {
	s := see(in)
	changes := s.findChanges()
	s.expect(changes)
	late := s.lateness()
	bad := s.disturbed(late.late, changes)
	a := &analysis{
		seen: s, byAct: changes, lateness: late, bad: bad, windows: s.findWindows(bad),
		unrest: results.Union(append(s.unstable(s.Measured.From, s.Measured.To), s.effects(changes)...)),
	}
	r := &Report{Partitions: len(in.Partitions), Events: []Event{}}
	for _, win := range a.windows {
		r.Events = append(r.Events, a.event(win))
	}
	a.overall(r)
	return r
}

// seen is what was recorded, and the course of the group that it tells.
type seen struct {
	Input
	wire         *group.Course
	lengths      int            // different ones that stops of members have
	faultLengths map[string]int // and acts on nodes of the broker, by their name
}

func see(in Input) *seen {
	return &seen{in, newWire(in), lengthsOf(in.Acts), faultLengthsOf(in.Acts)}
}

// analysis is what was found about the trial as a whole.
type analysis struct {
	*seen
	lateness
	byAct   [][]change // what each changed
	bad     []Interval // something was disturbed, see findWindows
	windows []actWindow
	unrest  []Interval // the group was not stable, or an act had not had its effect
}

// happening is one window and what the acts in it changed.
type happening struct {
	*analysis
	window   Interval
	acts     []results.Act
	changes  []change
	protocol string
}

// event computes the figures of one window.
func (a *analysis) event(win actWindow) Event {
	h := &happening{analysis: a, window: win.Interval, changes: a.changesOf(win), protocol: a.wire.Protocol(win.To)}
	for _, i := range win.acts {
		h.acts = append(h.acts, a.Acts[i])
	}
	k := h.knowledge()
	e := Event{Window: h.window, Settled: win.settled, Protocol: h.protocol, Acts: h.acts, Duplicates: h.duplicates()}
	a.called(&e)
	e.Partitions, e.Movement, e.ExcessRevocation = h.classes()
	e.rebalance(k.wireTime())
	e.Late, e.Lost = h.gaps(e.Partitions)
	e.Resumed = h.resumed(e.Partitions)
	e.Recovery = h.recovery(&e)
	k.floors(e.Partitions)
	e.unions()
	e.Others = h.others(&e)
	e.Baseline, e.BaselineKnown = h.baseline()
	e.Noisy = e.BaselineKnown && e.Baseline > a.Theta/2
	e.Members = k.members(e.Partitions, e.T0)
	e.Notes = h.notes(&e)
	e.Words, e.LateBeat = k.words(&e)
	return e
}
