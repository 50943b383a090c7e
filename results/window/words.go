package window

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/workloads/acts"
)

// words says who was slow and in which phase: the longest that is a client's own
// doing.
func (s *scope) words() {
	if len(s.changes) == 0 {
		if slices.ContainsFunc(s.e.Acts, stops) {
			s.e.Words = append(s.e.Words, "the stop was shorter than the session: the group did not notice")
		}
		return
	}
	for _, c := range s.changes {
		if act := s.Acts[c.act]; c.notice {
			w := &s.Workers[c.worker]
			s.e.Words = append(s.e.Words, fmt.Sprintf("%s %s: noticed after %s", w.Client, w.Name, Short(c.at-act.At)))
		}
	}
	if !s.wire.KIP { // its floor leaves out what a new owner's beat is late by
		s.lateBeats()
	}
	var slowest *Member
	var phase Phase
	var most int64
	for _, p := range Phases() {
		if d, by := s.e.Spent(p); by != nil && p.OfClient() && d > most {
			slowest, phase, most = by, p, d
		}
	}
	if slowest == nil {
		return
	}
	s.e.Words = append(s.e.Words, fmt.Sprintf("%s %s: %s %s", slowest.Client, slowest.Worker, phase, Short(most)))
}

// notes says what must be known to read the figures.
func (s *scope) notes() {
	e := s.e
	note := func(format string, args ...any) { e.Notes = append(e.Notes, fmt.Sprintf(format, args...)) }
	for i, a := range e.Acts {
		if i != s.first(e) {
			note("merged with %s, which came before everything was quiet again", s.name(a))
		}
	}
	if !e.Settled {
		note("not settled when the measured part ended")
	}
	if e.Noisy {
		note("noisy: %s of lateness before the event (p99.9), more than half of %s", Short(e.Baseline), Short(s.Theta))
	}
	if !e.BaselineKnown && !s.Slow {
		note("no quiet stretch of 2 s before the event, so no baseline")
	}
	for _, c := range s.changes {
		if c.low < c.at {
			note("the last request of %s that renews its session has no recorded response: t0 is known only to %s", s.Workers[c.worker].Name, Short(c.at-c.low))
		}
		if d := acts.Of(s.Acts[c.act].Kind); c.expiry && d.Ends && !d.Abrupt && !d.Joins {
			note("%s sent no LeaveGroup: its session had to run out", s.Workers[c.worker].Name)
		}
	}
	if len(s.changes) == 0 && slices.ContainsFunc(e.Acts, grows) {
		if s.wire.KIP {
			note("the broker notices new partitions itself and the wire does not say when: there is no t0, and no floor")
		} else {
			note("no member noticed the new partitions")
		}
	}
	if e.Rebalanced {
		s.doubt(note)
	} else if len(s.changes) > 0 {
		note("no member got an assignment after the change")
	}
}

// defect is what a note says that casts doubt on the instrument.
const defect = "a defect of the floor"

// doubt says where a figure shows that the floor is wrong.
func (s *scope) doubt(note func(string, ...any)) {
	e := s.e
	if e.WireExcess < 0 {
		note(defect+": wire excess %s", Short(e.WireExcess))
	}
	if e.Floor < 0 {
		note(defect+": the members knew %s before the session could end", Short(-e.Floor))
	}
	// A second round waits for a beat by nature, so that there a whole H is to be
	// expected. Under KIP-848 there are no rounds.
	if (s.wire.KIP || e.Rounds <= 1) && len(s.changes) == 1 && nearWhole(e.WireExcess, s.Heartbeat) {
		if own, by := s.longestOwn(); own >= e.WireExcess-s.Heartbeat/5 {
			note("wire excess %s is near a whole heartbeat interval, and is %s's own: it took %s from knowing to asking for its assignment", Short(e.WireExcess), by, Short(own))
		} else {
			note("wire excess %s is near a whole heartbeat interval: "+defect+", or a member that passed over a beat", Short(e.WireExcess))
		}
	}
	for _, p := range e.Partitions {
		if p.FloorKnown && p.Records > 0 && p.Lost == 0 && p.Excess < -s.spacing(p.Partition) {
			note(defect+": partition %d has a gap excess of %s", p.Partition, Short(p.Excess))
		}
	}
}

// longestOwn is the most that one member took by itself from knowing of the
// change to asking for its assignment.
func (s *scope) longestOwn() (most int64, by string) {
	for i := range s.e.Members {
		m := &s.e.Members[i]
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
	list := in.Records[p]
	if len(list) < 2 {
		return 0
	}
	return (list[len(list)-1].Due - list[0].Due) / int64(len(list)-1)
}

// warn sums up over the trial what makes its figures doubtful.
func (a *analysis) warn(r *Report) {
	if a.Slow {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the handler takes %s or more for a record, or more than the rate leaves it, so lateness is the queue before it: no gaps, and windows close on the wire alone", Short(a.Theta)))
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
			if e.Counted && strings.Contains(n, defect) {
				r.Warnings = append(r.Warnings, e.Name+": "+n)
			}
		}
	}
	if noisy > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d of %d events are noisy: the machine was late before them", noisy, counted))
	}
	if tardy > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("the floor of %d of %d events has a heartbeat that came late, by up to %s: that is the client's or the machine's and no setting", tardy, counted, Short(latest)))
	}
	if merged > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d of %d events are merged: another act came before everything was quiet again, and their figures are of both", merged, counted))
	}
	r.Warnings = append(r.Warnings, a.lateActs()...)
	if r.Generations > forced {
		r.Warnings = append(r.Warnings, fmt.Sprintf("%d generations of the group belong to no act", r.Generations-forced))
	}
}

// lateActsShown is how many acts are named that were late; a storm may have
// hundreds.
const lateActsShown = 5

// lateActs says which acts were not done when they were planned: the course that
// every arm should have had was not this one.
func (a *analysis) lateActs() []string {
	var out []string
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
		out = append(out, fmt.Sprintf("act %d was done %s later than planned", act.N, Short(late)))
	}
	if more > 0 {
		out = append(out, fmt.Sprintf("%d more acts were done later than planned, by up to %s", more, Short(most)))
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
