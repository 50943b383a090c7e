package window

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads/acts"
)

// words says who was slow and in which phase: the longest that is a client's own
// doing.
func (s *knowledge) words(e *Event) (words []results.Remark, lateBeat int64) {
	words = append(words, s.broken(e)...)
	if len(s.changes) == 0 {
		if slices.ContainsFunc(s.acts, stops) {
			words = append(words, results.Remarkf(results.KindUnnoticed, "the stop was shorter than the session: the group did not notice"))
		}
		return words, 0
	}
	for _, c := range s.changes {
		if act := s.Acts[c.act]; c.notice {
			w := &s.Workers[c.worker]
			words = append(words, results.Remarkf(results.KindNoticed, "%s %s: noticed after %s", w.Client, w.Name, Short(c.at-act.At)).By(w.Name).With("after", results.UnitNs, float64(c.at-act.At)))
		}
	}
	if !s.wire.KIP { // its floor leaves out what a new owner's beat is late by
		late, inFloor := s.lateBeats(e.T0)
		words, lateBeat = append(words, late...), inFloor
	}
	var slowest *Member
	var phase Phase
	var most int64
	for _, p := range Phases() {
		if d, by := e.Spent(p); by != nil && p.OfClient() && d > most {
			slowest, phase, most = by, p, d
		}
	}
	if slowest == nil {
		return words, lateBeat
	}
	r := results.Remarkf(results.KindSlowest, "%s %s: %s %s", slowest.Client, slowest.Worker, phase, Short(most)).By(slowest.Worker).With("pause."+string(phase), results.UnitNs, float64(most))
	r.Class = string(phase)
	return append(words, r), lateBeat
}

// notes says what must be known to read the figures.
func (s *happening) notes(e *Event) (notes []results.Remark) {
	note := func(r results.Remark) { notes = append(notes, r) }
	if e.Others != nil {
		note(e.Others.Remark())
	}
	if r, kept := e.kept(); kept {
		note(r)
	}
	for i, a := range e.Acts {
		if i != s.first(e) {
			note(results.Remarkf(results.PauseMerged, "merged with %s, which came before everything was quiet again", s.name(a)).With("act", results.UnitCount, float64(a.N)))
		}
	}
	if !e.Settled {
		note(results.Remarkf(results.KindUnsettled, "not settled when the measured part ended"))
	}
	if e.Noisy {
		note(results.Remarkf(results.PauseNoisy, "noisy: %s of lateness before the event (p99.9), more than half of %s", Short(e.Baseline), Short(s.Theta)).
			With(results.PauseBaseline, results.UnitNs, float64(e.Baseline)).With("theta", results.UnitNs, float64(s.Theta)))
	}
	if !e.BaselineKnown && !s.Slow {
		note(results.Remarkf(results.KindNoBaseline, "no quiet stretch of 2 s before the event, so no baseline"))
	}
	for _, c := range s.changes {
		if c.low < c.at {
			note(results.Remarkf(results.KindLooseT0, "the last request of %s that renews its session has no recorded response: t0 is known only to %s", s.Workers[c.worker].Name, Short(c.at-c.low)).
				By(s.Workers[c.worker].Name).With("within", results.UnitNs, float64(c.at-c.low)))
		}
		if c.expiry && acts.Of(s.Acts[c.act].Kind).Leaves() {
			note(results.Remarkf(results.KindNoLeave, "%s sent no LeaveGroup: its session had to run out", s.Workers[c.worker].Name).By(s.Workers[c.worker].Name))
		}
	}
	if len(s.changes) == 0 && slices.ContainsFunc(e.Acts, grows) {
		if s.wire.KIP {
			note(results.Remarkf(results.KindUnnoticed, "the broker notices new partitions itself and the wire does not say when: there is no t0, and no floor"))
		} else {
			note(results.Remarkf(results.KindUnnoticed, "no member noticed the new partitions"))
		}
	}
	if e.Rebalanced {
		notes = append(notes, s.doubt(e)...)
	} else if len(s.changes) > 0 {
		note(results.Remarkf(results.KindNoAssignment, "no member got an assignment after the change"))
	}
	return notes
}

// doubt says where a figure shows that the floor is wrong.
func (s *happening) doubt(e *Event) (notes []results.Remark) {
	note := func(r results.Remark) { notes = append(notes, r) }
	if e.WireExcess < 0 {
		note(results.Remarkf(results.KindFloorDefect, "a defect of the floor: wire excess %s", Short(e.WireExcess)).With(results.PauseWireExcess, results.UnitNs, float64(e.WireExcess)))
	}
	if e.Floor < 0 {
		note(results.Remarkf(results.KindFloorDefect, "a defect of the floor: the members knew %s before the session could end", Short(-e.Floor)).With(results.PauseFloor, results.UnitNs, float64(e.Floor)))
	}
	// A second round waits for a beat by nature, so that there a whole H is to be
	// expected. Under KIP-848 there are no rounds.
	if (s.wire.KIP || e.Rounds <= 1) && len(s.changes) == 1 && nearWhole(e.WireExcess, s.Heartbeat) {
		if own, by := e.longestOwn(); own >= e.WireExcess-s.Heartbeat/5 {
			note(results.Remarkf(results.KindWholeBeat, "wire excess %s is near a whole heartbeat interval, and is %s's own: it took %s from knowing to asking for its assignment", Short(e.WireExcess), by, Short(own)).
				By(by).With(results.PauseWireExcess, results.UnitNs, float64(e.WireExcess)).With("own", results.UnitNs, float64(own)))
		} else {
			note(results.Remarkf(results.KindFloorDefect, "wire excess %s is near a whole heartbeat interval: a defect of the floor, or a member that passed over a beat", Short(e.WireExcess)).
				With(results.PauseWireExcess, results.UnitNs, float64(e.WireExcess)))
		}
	}
	for _, p := range e.Partitions {
		if p.FloorKnown && p.Records > 0 && p.Lost == 0 && p.Excess < 0 && p.Excess < -s.spacing(p.Partition) {
			note(results.Remarkf(results.KindFloorDefect, "a defect of the floor: partition %d has a gap excess of %s", p.Partition, Short(p.Excess)).
				With("partition", results.UnitCount, float64(p.Partition)).With(results.PauseGapExcess, results.UnitNs, float64(p.Excess)))
		}
	}
	return notes
}

// longestOwn is the most that one member took by itself from knowing of the
// change to asking for its assignment.
func (e *Event) longestOwn() (most int64, by string) {
	for i := range e.Members {
		m := &e.Members[i]
		if own := m.Spent[React] + m.Spent[Assign]; own > most {
			most, by = own, m.Worker
		}
	}
	return most, by
}

// nearWhole says whether d is within 0.2H of a whole multiple of H.
func nearWhole(d, h int64) bool {
	if h <= 0 || d < h-h/5 {
		return false
	}
	off := d % h
	return off <= h/5 || off >= h-h/5
}

// spacing is the time between records of a partition: a gap can seem shorter by
// that much.
func (in *Input) spacing(p int32) int64 {
	n, from, to := int64(0), int64(math.MaxInt64), int64(math.MinInt64)
	for r := range in.records(p, Everything()) {
		n, from, to = n+1, min(from, r.Due), max(to, r.Due)
	}
	if n < 2 {
		return 0
	}
	return (to - from) / (n - 1)
}

// warn sums up over the trial what makes its figures doubtful.
func (a *analysis) warn(r *Report) {
	if a.Slow {
		r.warn(results.Remarkf(results.KindSlowHandler, "the handler takes %s or more for a record, or more than the rate leaves it, so lateness is the queue before it: no gaps, and windows close on the wire alone", Short(a.Theta)))
	}
	var noisy, merged, counted, forced, tardy int
	var latest int64
	for _, e := range r.Events {
		if e.Counted {
			counted++
			if e.Merged {
				merged++
			}
			if e.Noisy {
				noisy++
			}
			if e.LateBeat > 0 {
				tardy++
				latest = max(latest, e.LateBeat)
			}
		}
		forced += e.Rounds
		for _, n := range e.Notes {
			if e.Counted && n.Kind == results.KindFloorDefect {
				n.Event = e.Name
				r.warn(n)
			}
		}
	}
	if noisy > 0 {
		r.warn(results.Remarkf(results.PauseNoisy, "%d of %d events are noisy: the machine was late before them", noisy, counted).
			With("noisy", results.UnitCount, float64(noisy)).With("events", results.UnitCount, float64(counted)))
	}
	if tardy > 0 {
		r.warn(results.Remarkf(results.KindLateBeat, "the floor of %d of %d events has a heartbeat that came late, by up to %s: that is the client's or the machine's and no setting", tardy, counted, Short(latest)).
			With("late", results.UnitCount, float64(tardy)).With("events", results.UnitCount, float64(counted)).With("most", results.UnitNs, float64(latest)))
	}
	if merged > 0 {
		r.warn(results.Remarkf(results.PauseMerged, "%d of %d events are merged: another act came before everything was quiet again, and their figures are of both", merged, counted).
			With("merged", results.UnitCount, float64(merged)).With("events", results.UnitCount, float64(counted)))
	}
	r.Warnings = append(r.Warnings, a.lateActs()...)
	if r.Generations > forced {
		r.warn(a.stray(r.Generations - forced))
	}
}

// stray says that generations belong to no act, and whose they may be.
func (a *analysis) stray(n int) results.Remark {
	r := results.Remarkf(results.KindStrayGeneration, "%d generations of the group belong to no act", n).
		With(results.GroupGenerations, results.UnitCount, float64(n))
	if len(a.Strangers) == 0 {
		return r
	}
	var names []string
	for _, s := range a.Strangers {
		names = append(names, strconv.Quote(s.Member))
	}
	r.Words += "; among its members was " + strings.Join(names, ", ") + ", which kbench did not start"
	return r.With(results.GroupStrangers, results.UnitCount, float64(len(names)))
}

func (r *Report) warn(w results.Remark) { r.Warnings = append(r.Warnings, w) }

// lateActsShown is how many acts are named that were late; a storm may have
// hundreds.
const lateActsShown = 5

// lateActs says which acts were not done when they were planned: the course that
// every arm should have had was not this one.
func (a *analysis) lateActs() []results.Remark {
	var out []results.Remark
	var more int
	var most int64
	for _, i := range a.actsInTime() {
		act := a.Acts[i]
		late := act.At - act.Planned
		if act.Planned == 0 || late <= a.Theta {
			continue
		}
		if len(out) == lateActsShown {
			more++
			most = max(most, late)
			continue
		}
		out = append(out, results.Remarkf(results.KindLateAct, "act %d was done %s later than planned", act.N, Short(late)).
			With("act", results.UnitCount, float64(act.N)).With("late", results.UnitNs, float64(late)))
	}
	if more > 0 {
		out = append(out, results.Remarkf(results.KindLateAct, "%d more acts were done later than planned, by up to %s", more, Short(most)).
			With("acts", results.UnitCount, float64(more)).With("most", results.UnitNs, float64(most)))
	}
	return out
}

// Short writes a duration of ns to the millisecond, or to the microsecond where
// it is shorter than ten of them.
func Short(ns int64) string {
	d := time.Duration(ns)
	unit := time.Millisecond
	if d.Abs() < 10*time.Millisecond {
		unit = time.Microsecond
	}
	if d.Abs() >= 10*time.Second {
		return d.Round(10 * time.Millisecond).String()
	}
	return fmt.Sprintf("%g ms", float64(d.Round(unit))/1e6)
}
