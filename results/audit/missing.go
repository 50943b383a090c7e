package audit

import (
	"cmp"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// Why records that are in the log had not been delivered when the trial was over.
const (
	missingStranger = "stranger" // a member that kbench did not start had their partition
	missingNode     = "node"     // no node led their partition
	missingStuck    = "stuck"    // a member had their partition and handed nothing on
	missingHandler  = "handler"  // the handler was at work all the time
	missingDrain    = "drain"    // they would have come: the drain was too short
)

func causesOfMissing() []string {
	return []string{missingStranger, missingNode, missingStuck, missingHandler, missingDrain}
}

// Stranger is a member of the group that kbench did not start: when the coordinator
// showed it first and last, and what it had.
type Stranger struct {
	Member      string // its client id, or what the coordinator calls it
	First, Last int64
	Parts       []int32
}

// gone is sequences that were acknowledged and not found.
type gone struct {
	span
	lo, hi int64
}

// missing tells the records that were not found and are lost from those that are
// still there for whoever reads on.
func (c *checker) missing(t *results.Trial) {
	c.r.Strangers = c.strangers(t)
	log := c.readBack()
	counts, why := map[string]int64{}, map[place]string{}
	for i := range c.gone {
		g := &c.gone[i]
		// stays are those of its sequences that are in the log and may still be read.
		stays := c.stays(t, g, log[g.stream])
		at := g.lo
		lost := func(to int64) {
			if at < to {
				c.r.Lost += to - at
				c.note("lost", "", &g.span, at, to)
			}
		}
		for _, r := range stays {
			lost(r.lo)
			if why[g.place] == "" {
				why[g.place] = c.why(t, g.place)
			}
			counts[why[g.place]] += r.hi - r.lo
			c.note("undelivered", why[g.place], &g.span, r.lo, r.hi)
			at = r.hi
		}
		lost(g.hi)
	}
	for _, name := range causesOfMissing() {
		if counts[name] > 0 {
			c.r.Undelivered = append(c.r.Undelivered, Cause{name, counts[name]})
		}
	}
}

// readBack are the sequences that somebody has read in the log, where members read it
// too.
func (c *checker) readBack() map[stream]set {
	out := map[stream]set{}
	if c.found == record.ReadBack {
		return out
	}
	for key, runs := range streams(c.of(record.ReadBack)) {
		var there set
		for _, r := range runs {
			there.add(r.Lo, r.Hi, func(int64, int64) {})
		}
		out[key] = there
	}
	return out
}

// stays are the sequences that the log still holds and that no committed position has
// passed over. Where no position is known, what was delivered shows how far the group
// was. A stranger commits what it has read, and nobody knows whether it had it.
func (c *checker) stays(t *results.Trial, g *gone, read set) set {
	end, known := t.End[g.partition]
	if g.Offset < 0 || !known || c.found == record.ReadBack || t.Kind != workloads.EndToEnd && t.Kind != workloads.Backlog {
		return nil
	}
	shift := g.Offset - g.first()
	passed, committed := t.Committed[g.partition]
	if t.Committed == nil { // nobody asked for it when the trial was recorded
		passed, committed = c.committed[g.partition]
	}
	if !committed {
		passed = c.reached(g.place)
	}
	if c.strange(g.partition) {
		passed = 0
	}
	lo, hi := max(g.lo, passed-shift), min(g.hi, end-shift)
	looked, some := t.Reread[g.partition]
	if !some { // nobody looked
		looked = end
	}
	var out set
	keep := func(lo, hi int64) { out.add(lo, hi, func(int64, int64) {}) }
	if to := min(hi, looked-shift); lo < to {
		keep(lo, to)
	}
	if from := max(lo, looked-shift); from < hi {
		read.overlap(from, hi, keep)
	}
	return out
}

// reached is the first offset that no member was handed.
func (c *checker) reached(at place) (next int64) {
	for _, l := range c.lanes {
		if l.place != at || l.Kind != record.Delivered && l.Kind != record.Corrupt && l.Kind != record.Foreign {
			continue
		}
		for _, r := range l.Offsets {
			next = max(next, r.Hi)
		}
	}
	return next
}

// strange says whether a partition was a stranger's.
func (c *checker) strange(partition int32) bool {
	return slices.ContainsFunc(c.r.Strangers, func(s Stranger) bool { return slices.Contains(s.Parts, partition) })
}

// why is what kept the records of a partition from being delivered.
func (c *checker) why(t *results.Trial, at place) string {
	switch {
	case c.strange(at.partition):
		return missingStranger
	case slices.Contains(t.Leaderless, at.partition):
		return missingNode
	case c.stuckAt[at]:
		return missingStuck
	case c.busy(t, at):
		return missingHandler
	default:
		return missingDrain
	}
}

// busy says whether some member's handler worked for most of the drain on records that
// those of the partition had to wait for.
func (c *checker) busy(t *results.Trial, at place) bool {
	if t.Spec.Consume.Handler.Time == 0 {
		return false
	}
	if t.Spec.Overloaded() {
		return true
	}
	to := t.Until()
	if p := t.Phase(results.PhaseClose); p.From > to {
		to = p.From
	}
	from := max(to-int64(t.Spec.Phases.Drain), t.Phase(results.PhaseMeasure).To)
	for i := range c.logs {
		if c.handling(t, i, at, from, to) > (to-from)/2 {
			return true
		}
	}
	return false
}

// strangers are the members that the coordinator showed and kbench did not start.
func (c *checker) strangers(t *results.Trial) []Stranger {
	ours := map[string]bool{}
	for _, w := range t.Workers {
		ours[w.Name] = true
	}
	seen := map[string]*Stranger{}
	see := func(name string, at int64, parts []int32) {
		s := seen[name]
		if s == nil {
			s = &Stranger{Member: name, First: at, Last: at}
			seen[name] = s
		}
		s.First, s.Last = min(s.First, at), max(s.Last, at)
		for _, p := range parts {
			if !slices.Contains(s.Parts, p) {
				s.Parts = append(s.Parts, p)
			}
		}
	}
	for _, l := range c.logs {
		for _, e := range l.Events {
			if e.K != record.EvGroup || e.View == nil {
				continue
			}
			for _, m := range e.View.Members {
				if !ours[m.Worker] {
					see(cmp.Or(m.Client, m.Worker, m.ID), e.T, m.Parts)
				}
			}
		}
	}
	for name, parts := range t.Strangers {
		see(name, t.Until(), parts)
	}
	var out []Stranger
	for _, s := range seen {
		slices.Sort(s.Parts)
		out = append(out, *s)
	}
	slices.SortFunc(out, func(a, b Stranger) int { return cmp.Or(cmp.Compare(a.First, b.First), cmp.Compare(a.Member, b.Member)) })
	return out
}
