package summary

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/window"
)

// group adds what members did to each other.
func (b *builder) group(r audit.Report) {
	g := r.Group
	b.plain("", results.AuditZombie, float64(g.Zombies), r.Delivered)
	b.plain("", results.AuditOverlap, float64(g.Overlaps), r.Delivered)
	b.plain("", results.AuditCommitRegression, float64(g.Regressions), r.Delivered)
	b.plain("", results.AuditStuck, float64(g.Stuck), r.Delivered)
	b.plain("", results.GroupStrangers, float64(len(r.Strangers)), 1)
	b.plain("", results.AuditGhost, float64(g.Ghosts), int64(len(b.trial.Acts)))
	if rest := b.rest; rest != nil {
		b.plain("", results.GroupGenerations, float64(rest.Generations), 1)
		b.beatGap(rest.BeatGap)
		if a := rest.Available; a != nil {
			b.plain("", results.PauseAvailability, a.Share, 1)
			b.plain("", results.AuditLate, float64(a.Late), r.Delivered)
		}
	}
	for _, e := range g.Examples {
		b.warn(e)
	}
	for _, w := range r.Died {
		b.warn(results.Remarkf(results.KindDied, "%s ended by itself: what it had not committed is delivered again, as after a crash that was asked for", w).By(w))
	}
}

// pauses adds the figures of events and what they make of the trial. Acts that
// only restore the group have none.
func (b *builder) pauses() {
	r := b.churn
	if r == nil {
		return
	}
	n := int64(len(r.Events))
	if !r.Slow {
		b.plain("", results.PauseAvailability, r.Availability, n)
		b.plain("", results.AuditLate, float64(r.Late), b.truth.Delivered)
	}
	b.plain("", results.GroupGenerations, float64(r.Generations), n)
	if r.StormsSought {
		b.plain("", results.GroupStorms, float64(len(r.Storms)), n)
	}
	if r.Recoveries > 0 {
		b.plain("", results.GroupRecovery, float64(r.Recovery), int64(r.Recoveries))
	}
	b.beatGap(r.BeatGap)
	if r.Amplification > 0 {
		b.plain("", results.GroupAmplification, r.Amplification, int64(r.Changes))
	}
	for i := range r.Events {
		if r.Events[i].Counted {
			b.event(i, &r.Events[i])
		}
	}
	for _, s := range r.Storms {
		severity := fmt.Sprintf(", %.0f%% of the partition time lost", 100*s.Severity)
		if r.Slow {
			severity = "" // nobody knows
		}
		b.warn(results.Remarkf(results.GroupStorms, "storm of %s%s: %s", time.Duration(s.Length()).Round(time.Second), severity, s.Why).
			With("length", results.UnitNs, float64(s.Length())).With(results.GroupAmplification, results.UnitRatio, s.Amplification))
	}
	for _, w := range r.Warnings {
		b.warn(w)
	}
}

// event adds the figures of one event, by its index. What is not known has no row.
func (b *builder) event(at int, e *window.Event) {
	plain := func(metric, class string, value float64, n int64) {
		m, _ := results.LookupMetric(metric)
		b.add(results.Row{Event: e.Name, Class: class, Metric: metric, Unit: m.Unit, Value: value, N: n})
	}
	ns := func(metric string, d int64) { plain(metric, "", float64(d), 1) }
	seconds := func(metric string, d int64) { plain(metric, "", time.Duration(d).Seconds(), 1) }

	if e.Rebalanced {
		ns(results.PauseTotal, e.T0-e.Window.From+e.Wire)
		ns(results.PauseWire, e.Wire)
		ns(results.PauseFloor, e.Floor)
		ns(results.PauseWireExcess, e.WireExcess)
	}
	b.gaps(e, plain)
	b.recovery(at, e, plain)
	b.phases(e, ns)
	if !b.churn.Slow {
		seconds(results.PauseLost, e.LostPartitionTime)
		seconds(results.PauseUAny, e.UAny)
		seconds(results.PauseUAll, e.UAll)
		seconds(results.PauseCatchUp, e.CatchUp)
	}
	if e.BaselineKnown {
		ns(results.PauseBaseline, e.Baseline)
	}
	plain(results.PauseNoisy, "", one(e.Noisy), 1)
	plain(results.PauseMerged, "", one(e.Merged), 1)
	if o := e.Others; o != nil {
		ns(results.PauseOthers, o.Sum)
		plain(results.PauseOthers, string(o.Most.Source), float64(o.Most.Least), 1)
	}
	further := map[string]float64{}
	for _, kind := range e.Further {
		further[kind]++
	}
	for _, kind := range slices.Sorted(maps.Keys(further)) {
		plain(results.PauseMerged, kind, further[kind], 1)
	}
	plain(results.PauseDuplicates, "", float64(e.Duplicates.Total()), 1)
	for _, c := range e.Duplicates.Causes() {
		if c.Count > 0 {
			plain(results.PauseDuplicates, c.Name, float64(c.Count), 1)
		}
	}
	plain(results.PauseLostRecords, "", float64(e.Lost), 1)
	plain(results.GroupRounds, "", float64(e.Rounds), 1)
	plain(results.GroupMovement, "", e.Movement, int64(len(e.Partitions)))
	plain(results.GroupExcessRevocation, "", e.ExcessRevocation, int64(len(e.Partitions)))
}

// gaps adds the worst gap and the worst excess, of all partitions and by class.
func (b *builder) gaps(e *window.Event, plain func(metric, class string, value float64, n int64)) {
	for _, class := range []window.Class{"", window.Moved, window.Untouched, window.Orphaned, window.Added} {
		var gap, excess, least, most worst
		for _, p := range e.Partitions {
			if p.Records == 0 || class != "" && p.Class != class {
				continue
			}
			gap.see(p.Gap)
			if p.FloorKnown {
				excess.see(p.Excess)
			}
			if u := p.Unexplained; u != nil {
				least.see(u.Least)
				most.see(u.Most)
			}
		}
		if gap.n > 0 {
			plain(results.PauseGap, string(class), float64(gap.most), gap.n)
		}
		if excess.n > 0 {
			plain(results.PauseGapExcess, string(class), float64(excess.most), excess.n)
		}
		if most.n > 0 {
			plain(results.PauseUnexplained, string(class), float64(most.most), most.n)
			if class == "" {
				plain(results.PauseUnexplained, results.AtLeast, float64(least.most), least.n)
			}
		}
	}
	b.led(e, plain)
}

// led splits the gap of partitions that kept their owner by who leads them. A
// client that talks to the group through the connection that it fetches with
// cannot fetch from the coordinator's node while a JoinGroup waits there. Where a node was
// away that is why they stopped, and who leads and coordinates is another than before.
func (b *builder) led(e *window.Event, plain func(metric, class string, value float64, n int64)) {
	if e.Recovery != nil {
		return
	}
	var coordinator, others worst
	for _, p := range e.Partitions {
		leader, known := b.trial.Leaders[p.Partition]
		switch {
		case p.Class != window.Untouched || p.Records == 0 || !known:
		case leader == b.trial.Coordinator:
			coordinator.see(p.Gap)
		default:
			others.see(p.Gap)
		}
	}
	if coordinator.n > 0 && others.n > 0 {
		plain(results.PauseGap, results.LedByCoordinator, float64(coordinator.most), coordinator.n)
		plain(results.PauseGap, results.LedElsewhere, float64(others.most), others.n)
	}
}

// one is a fact as a figure.
func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// worst is the largest of the values seen, which may all be negative.
type worst struct{ most, n int64 }

func (w *worst) see(v int64) {
	if w.n == 0 || v > w.most {
		w.most = v
	}
	w.n++
}

// phases adds, for each phase, the time of the member that spent most in it. The
// way of a member to its request to join and to leave is one metric.
func (b *builder) phases(e *window.Event, ns func(metric string, d int64)) {
	for _, p := range window.Phases() {
		most, by := e.Spent(p)
		switch {
		case by == nil:
		case p == window.Start:
			if _, left := e.Spent(window.Stop); left != nil {
				continue // of a restart; what left first began the rebalance
			}
			ns(results.PauseStart, most)
		case p == window.Stop:
			ns(results.PauseStart, most)
		default:
			ns("pause."+string(p), most)
		}
	}
	var paused, reported worst
	for _, m := range e.Members {
		if m.Paused > 0 {
			paused.see(m.Paused)
		}
		if m.Reported > 0 {
			reported.see(m.Reported)
		}
	}
	if paused.n > 0 {
		ns(results.PauseMember, paused.most)
	}
	if reported.n > 0 {
		ns(results.PauseReported, reported.most)
	}
}

// beatGap adds the longest time between two beats: of a group that was left alone, and
// in the windows of events.
func (b *builder) beatGap(g window.BeatGap) {
	if g.Calms > 0 {
		b.plain("", results.GroupBeatGap, float64(g.Calm), int64(g.Calms))
	}
	if g.Disturbed > 0 {
		b.add(results.Row{Class: "events", Metric: results.GroupBeatGap, Unit: results.UnitNs, Value: float64(g.InEvents), N: int64(g.Disturbed)})
	}
}
