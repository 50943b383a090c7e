package summary

import (
	"math"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/pace"
)

// lateness is why records were handed over after they were due: p99 and mean of the
// generator's own part, and of the part for which the client held it up, which is
// what it spent inside Send and what it waited for room.
type lateness struct {
	own, held         float64 // p99
	meanOwn, meanHeld float64
	meanRoom          float64 // of meanHeld
	bound             float64 // of a p99, from which it matters
}

// lateness reads it off the histograms. It is not known where they do not keep
// apart whose time it was.
func (b *builder) lateness() (l lateness, known bool) {
	end := b.p99(results.E2EResponse)
	if end == 0 {
		end = b.p99(results.ProduceResponse)
	}
	l = lateness{own: b.p99(results.ScheduleLag), held: b.p99(results.ScheduleHeld), bound: max(leastLagBound, lagShare*end)}
	held, own, room := b.overall(results.ScheduleHeld), b.overall(results.ScheduleLag), b.overall(results.ProduceNoRoom)
	if held == nil || own == nil || room == nil {
		return l, false
	}
	l.meanHeld, l.meanOwn, l.meanRoom = held.Mean(), own.Mean(), room.Mean()
	if l.held == 0 {
		// None that was due in the measured part was handed over: it is those before it.
		l.held, l.own = float64(record.Percentile(held, 99)), float64(record.Percentile(own, 99))
	}
	return l, true
}

// overall is the distribution of a metric over all parts of the trial.
func (b *builder) overall(metric string) *hdrhistogram.Histogram {
	var all *hdrhistogram.Histogram
	for _, w := range b.workers {
		for _, i := range w.Latencies {
			switch {
			case i.Metric != metric:
			case all == nil:
				all = i.Hist.Clone()
			default:
				all.Merge(i.Hist) // one geometry for all: nothing is dropped
			}
		}
	}
	return all
}

// offeredLoad adds the marks that say whether the offered load was kept, and by whom not.
// There are three: the client could not keep it (saturated: a result about the
// client), who offers it could not (generator late: no result), and it was kept,
// though the client let records wait before it took them (kept late: what that cost
// is part of its latencies).
//
// Of a reference producer both it and its generator are who offers.
func (b *builder) offeredLoad() {
	if b.trial.Spec.Produce.Rate.Max || b.trial.Kind == workloads.Backlog {
		b.mark(results.TrialSaturated, none)
		return
	}
	l, known := b.lateness()
	acks, deliveries := b.shortfall()
	if !known {
		b.mark(results.TrialSaturated, func() results.Remark {
			if short := firstOf(deliveries, acks); short.Class != "" || l.own <= l.bound {
				return short
			}
			return because("lag", "kept, but p99 of what records were handed over late by is %s, more than %s; whether generator or client was late was not recorded", ms(l.own), ms(l.bound)).
				With(results.ScheduleLag, results.UnitNs, l.own).With("bound", results.UnitNs, l.bound)
		})
		return
	}
	reference := b.trial.Spec.Produce.By == "reference"
	ownDoing := l.own > l.bound && l.meanOwn > l.meanHeld
	b.mark(results.TrialSaturated, func() results.Remark {
		if acks.Class != "" && (reference || ownDoing) {
			return deliveries
		}
		return firstOf(deliveries, acks)
	})
	b.mark(results.TrialGeneratorLate, func() results.Remark { return generatorLate(l, reference, acks) })
	b.mark(results.TrialKeptLate, func() results.Remark {
		if acks.Class != "" || reference || l.held <= l.bound {
			return results.Remark{}
		}
		return keptLate(l)
	})
}

func none() results.Remark { return results.Remark{} }

func firstOf(a, b results.Remark) results.Remark {
	if a.Class != "" {
		return a
	}
	return b
}

// generatorLate tells whether who offers the load was late by itself, so that the
// trial says nothing about the client.
func generatorLate(l lateness, reference bool, acks results.Remark) results.Remark {
	switch {
	case l.own > l.bound:
		return because("lag", "p99 of the generator's own lateness is %s, more than %s: this is no result about the client", ms(l.own), ms(l.bound)).
			With(results.ScheduleLag, results.UnitNs, l.own).With("bound", results.UnitNs, l.bound)
	case reference && acks.Class != "":
		acks.Class, acks.Words = "reference", "the reference producer could not keep the load, which is no result about the client: "+acks.Words
		return acks
	case reference && l.held > l.bound:
		r := keptLate(l)
		r.Class, r.Words = "reference", "the reference producer kept the load, but late, which is no result about the client: "+r.Words
		return r
	}
	return results.Remark{}
}

// keptLate says by what the client was late in taking records.
func keptLate(l lateness) results.Remark {
	class, what := "send", "mostly inside Send"
	if l.meanRoom > l.meanHeld/2 {
		class, what = "no_room", "mostly without room in the window"
	}
	return because(class, "records waited for the client before it took them, p99 %s, more than %s, %s; their latency counts it", ms(l.held), ms(l.bound), what).
		With(results.ScheduleHeld, results.UnitNs, l.held).With("bound", results.UnitNs, l.bound)
}

func ms(ns float64) time.Duration { return time.Duration(ns).Round(10 * time.Microsecond) }

// shortfall tells where fewer records came out in the measured part than were
// offered in it: of acks, and of deliveries.
func (b *builder) shortfall() (acks, deliveries results.Remark) {
	offered := b.offered()
	least := leastAchieved * offered
	if b.trial.Spec.Produce.Schedule.Kind == "poisson" {
		least -= 3 * math.Sqrt(offered) // the law's own spread, at three standard deviations
	}
	var acked, delivered int64
	for _, w := range b.workers {
		acked += w.acked
		delivered += w.delivered
	}
	short := func(achieved int64, what string) results.Remark {
		if float64(achieved) >= least-b.lot() { // what one linger holds is the edge's
			return results.Remark{}
		}
		return because("achieved", "%d of the %.0f records offered were %s in the measured part (%.1f%%)", achieved, offered, what, 100*float64(achieved)/offered).
			With(what, results.UnitCount, float64(achieved)).With("offered", results.UnitCount, offered)
	}
	acks = short(acked, "acked")
	if b.trial.Kind == workloads.EndToEnd && delivered < acked {
		deliveries = short(delivered, "delivered")
	}
	return acks, deliveries
}

func (b *builder) p99(metric string) float64 {
	if h := b.merged("", metric); h != nil {
		return float64(record.Percentile(h, 99))
	}
	return 0
}

// unsent is what was due in the measured part and not handed over before it ended,
// and how much was due. It is not known of producers that did not count it.
func unsent(ws []*worker) (left, due int64, known bool) {
	for _, w := range ws {
		if w.Tally == nil {
			continue
		}
		known = true
		for _, i := range w.Latencies {
			if i.Phase != results.PhaseMeasure {
				continue
			}
			switch i.Metric {
			case results.ScheduleLag:
				due += i.Hist.TotalCount()
			case results.ProduceUnsent:
				due += i.Hist.TotalCount()
				left += i.Hist.TotalCount()
			}
		}
	}
	return left, due, known && due > 0
}

// unsentInAll is the same of the whole trial, as generators counted it.
func unsentInAll(ws []*worker) (left, due int64) {
	for _, w := range ws {
		if w.Tally != nil {
			left, due = left+w.Tally.Unsent, due+w.Tally.Due
		}
	}
	return left, due
}

// offered is the number of records whose intended time lies in the measured
// part, and of those that acts brought. The schedule begins with the warm-up.
func (b *builder) offered() float64 {
	from := b.measured.from
	if p := b.trial.Phase(results.PhaseWarmup); p.Name != "" {
		from = p.From
	}
	p, until := &b.trial.Spec.Produce, func(t int64) time.Duration { return time.Duration(t - from) }
	schedule, err := pace.New(p.Rate.PerSecond, p.Schedule, until(b.measured.to), 0)
	if err != nil {
		return 0 // no generator could follow it
	}
	return schedule.Expected(until(b.measured.to)) - schedule.Expected(until(b.measured.from)) + b.offeredLate()
}

// offeredLate is what acts offered to the partitions that they brought: to each
// as much as the others have, from the time at which it was there.
func (b *builder) offeredLate() float64 {
	each := b.trial.Spec.Produce.Rate.PerSecond / float64(max(b.trial.Spec.Topic.Partitions, 1))
	var sum float64
	for _, a := range b.trial.Acts {
		if a.Ready != 0 {
			late := part{max(a.Ready, b.measured.from), b.measured.to}
			sum += each * float64(len(a.Added)) * max(late.seconds(), 0)
		}
	}
	return sum
}
