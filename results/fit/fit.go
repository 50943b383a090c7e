// Package fit says how fit the machine was for the trials of a run: what others than
// kbench used of it before and during each, and which trials it treated otherwise than
// the other arms of their round (MEASURING 8). What all arms of a round had in common
// is no reason to leave one of them out, and is said once.
//
// It is pure, knows samples of the machine and no client. Whose stall a single event
// or a tail was is for package blame.
package fit

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/kbench/kbench/results"
)

// Bounds of what may differ between the arms of a round.
const (
	mostCores  = 0.1 // of others, stolen ones included
	mostCanary = 0.1 // of the time that a fixed piece of work takes
)

// Look is what was seen of the machine in a part of a trial.
type Look struct {
	Length   int64   // ns
	Foreign  float64 // cores that processes other than kbench's had
	Steal    float64 // cores that the host below gave to others
	Pressure float64 // share of the time in which some task waited for a processor; -1: not known
	Hole     int64   // longest time without a sample, ns: the supervisor stood still
}

// Trial is how the machine was for one trial.
type Trial struct {
	results.TrialRef
	Canary   int64 // how long a fixed piece of work took just before, ns
	Cores    int   // of the machine
	Unseen   bool  // what others had may be what the broker had, and tells nothing
	Idle     Look  // just before, when kbench did nothing
	Measured Look
}

// Of reads off the samples how the machine was for a trial; nil where nobody looked,
// as in old run directories.
func Of(t *results.Trial, run *results.Run, samples []results.MachineSample) *Trial {
	idle, ok := look(samples, t.Phase(results.PhaseIdle))
	measured, also := look(samples, t.Phase(results.PhaseMeasure))
	if !ok || !also {
		return nil
	}
	return &Trial{t.Ref, t.CanaryNs, run.Machine.Cores, run.Broker.Unseen() && len(t.BrokerPIDs) == 0, idle, measured}
}

// look takes the samples that enclose a part.
func look(samples []results.MachineSample, p results.Phase) (Look, bool) {
	from, _ := slices.BinarySearchFunc(samples, p.From+1, byTime)
	to, _ := slices.BinarySearchFunc(samples, p.To, byTime)
	if from--; p.To <= p.From || from < 0 || to == len(samples) {
		return Look{}, false
	}
	a, b := samples[from], samples[to]
	foreign, known := results.Foreign(a, b)
	if !known {
		return Look{}, false
	}
	l := Look{Length: b.T - a.T, Pressure: -1}
	l.Foreign = math.Max(0, float64(foreign)) / float64(l.Length)
	l.Steal = float64(b.CPUSteal-a.CPUSteal) / float64(l.Length)
	if a.PSICPUTotal > 0 {
		l.Pressure = float64(b.PSICPUTotal-a.PSICPUTotal) / float64(l.Length)
	}
	for i := from; i < to; i++ {
		l.Hole = max(l.Hole, samples[i+1].T-samples[i].T)
	}
	return l, true
}

func byTime(s results.MachineSample, t int64) int { return cmp.Compare(s.T, t) }

// others is what others had while the trial was measured, cores.
func (t *Trial) others() float64 { return t.had(t.Measured) }

// had is what others had in a part, as far as it was surely not the broker.
func (t *Trial) had(l Look) float64 {
	if t.Unseen {
		return l.Steal
	}
	return l.Foreign + l.Steal
}

// grain is how far others may be off: the kernel books whole ticks on whoever runs
// when they come, and kbench's own to the nanosecond. Two standard deviations.
func (t *Trial) grain() float64 { return grain(t.Measured.Length, t.Cores) }

func grain(length int64, cores int) float64 {
	ticks := float64(length) / float64(10*time.Millisecond) * float64(max(cores, 1))
	return 2 * math.Sqrt(ticks/4) * float64(10*time.Millisecond) / float64(length)
}

// round is what is compared: all arms of a workload in a round.
type round struct {
	workload string
	number   int
	repeat   bool // the second time that it was run
}

func rounds(all []*Trial) (order []round, of map[round][]*Trial) {
	of = map[round][]*Trial{}
	for _, t := range all {
		r := round{t.Workload, t.Round, t.Repeat}
		if of[r] == nil {
			order = append(order, r)
		}
		of[r] = append(of[r], t)
	}
	return order, of
}

// Out are the trials that the machine treated otherwise than the rest of their round,
// by their numbers, each with the reason. Of two arms that differ neither can be said
// to be the usual one.
func Out(all []*Trial) map[int]results.Remark {
	out := map[int]results.Remark{}
	order, of := rounds(all)
	for _, r := range order {
		arms := of[r]
		for i, t := range arms {
			rest := slices.Delete(slices.Clone(arms), i, i+1)
			if len(arms) > 2 {
				rest = arms
			}
			if len(rest) == 0 {
				continue
			}
			usual, canary := median(rest, (*Trial).others), median(rest, (*Trial).canary)
			switch {
			case math.Abs(t.others()-usual) > mostCores+t.grain():
				out[t.N] = because("load", "others used %.2f cores while it was measured, and %.2f in its round", t.others(), usual).
					With(results.MachineForeign, results.UnitCores, t.Measured.Foreign).With(results.MachineSteal, results.UnitCores, t.Measured.Steal).With("usual", results.UnitCores, usual)
			case math.Abs(t.canary()-canary) > mostCanary*canary:
				out[t.N] = because("canary", "a fixed piece of work took %s just before it, and %s in its round", short(t.canary()), short(canary)).
					With(results.MachineCanary, results.UnitNs, t.canary()).With("usual", results.UnitNs, canary)
			}
		}
	}
	return out
}

func because(class, format string, args ...any) results.Remark {
	return results.Remark{Class: class, Words: fmt.Sprintf(format, args...)}
}

func (t *Trial) canary() float64 { return float64(t.Canary) }

func median(of []*Trial, value func(*Trial) float64) float64 {
	var values []float64
	for _, t := range of {
		values = append(values, value(t))
	}
	slices.Sort(values)
	if n := len(values); n%2 == 0 {
		return (values[n/2-1] + values[n/2]) / 2
	}
	return values[len(values)/2]
}

func short(ns float64) time.Duration { return time.Duration(ns).Round(100 * time.Microsecond) }

// Shared is what all arms of a round had in common: it makes intervals wider and
// nobody worse.
func Shared(all []*Trial) []results.Remark {
	var out []results.Remark
	order, of := rounds(all)
	for _, r := range order {
		least := slices.MinFunc(of[r], func(a, b *Trial) int { return cmp.Compare(a.others(), b.others()) })
		if least.others() <= mostCores+least.grain() {
			continue
		}
		m := results.Remarkf(results.KindBusy, "others used %.2f cores or more while each arm was measured: figures of all arms are worse and spread wider than on an idle machine", least.others()).
			With("others", results.UnitCores, least.others())
		m.Workload, m.Round = r.workload, r.number
		out = append(out, m)
	}
	return out
}

// Overall is how fit the machine was for the run, in one line; nil where nobody looked.
func Overall(all []*Trial, out int) *results.Remark {
	if len(all) == 0 {
		return nil
	}
	over := func(value func(*Trial) float64) (least, most float64) {
		least, most = math.Inf(1), math.Inf(-1)
		for _, t := range all {
			least, most = min(least, value(t)), max(most, value(t))
		}
		return least, most
	}
	canary, slowest := over((*Trial).canary)
	_, others := over((*Trial).others)
	_, before := over(func(t *Trial) float64 { return t.had(t.Idle) })
	_, waited := over(func(t *Trial) float64 { return t.Idle.Pressure })
	_, hole := over(func(t *Trial) float64 { return float64(t.Measured.Hole) })
	verdict := "fit to measure"
	switch {
	case out > 0:
		verdict = fmt.Sprintf("not fit for %d of %d trials, which are out of verdicts", out, len(all))
	case others > mostCores+all[0].grain() || slowest > (1+mostCanary)*canary:
		verdict = "busy, alike for all arms of a round"
	}
	line := fmt.Sprintf("%s: others used at most %.2f of %d cores before a trial and %.2f during one, a fixed piece of work took %s to %s", verdict, before, all[0].Cores, others, short(canary), short(slowest))
	if all[0].Unseen {
		line += ", by what was stolen alone: the broker was attached, and what other processes used may be its own"
	}
	if waited > 0 {
		line += fmt.Sprintf(", somebody waited for a processor in %.0f%% of an idle time", 100*waited)
	}
	if hole > float64(time.Second) {
		line += fmt.Sprintf(", and the supervisor stood still for %s", time.Duration(hole).Round(100*time.Millisecond))
	}
	m := results.Remarkf(results.KindFit, "%s", line).
		With("trials", results.UnitCount, float64(len(all))).With("out", results.UnitCount, float64(out)).
		With("before", results.UnitCores, before).With("during", results.UnitCores, others).
		With("canary least", results.UnitNs, canary).With("canary most", results.UnitNs, slowest)
	return &m
}

// Alone is why a trial that has no other arm of its round beside it says less of its client
// than it may look: others used the machine in its measured part, of that length. Empty
// where nobody looked, too.
func Alone(run *results.Run, rows []results.Row, length time.Duration) string {
	others, known := 0.0, false
	for _, r := range rows {
		stolen := r.Metric == results.MachineSteal
		if r.Class == "measured" && (stolen || r.Metric == results.MachineForeign && !run.Broker.Unseen()) {
			others, known = others+r.Value, true
		}
	}
	if !known || length <= 0 || others <= mostCores+grain(int64(length), run.Machine.Cores) {
		return ""
	}
	return fmt.Sprintf("others used %.2f cores while it was measured", others)
}

// Busy is why a run says nothing beside runs of other days: others used the machine while
// most of its trials were measured. That all arms of a round had this in common makes none
// of them worse than another, but all of them worse than on other days. Empty where
// nobody looked, too.
func Busy(run *results.Run, rows []results.Row) string {
	others := map[int]float64{} // by trial
	for _, r := range rows {
		stolen := r.Metric == results.MachineSteal
		if r.Class == "measured" && (stolen || r.Metric == results.MachineForeign && !run.Broker.Unseen()) {
			others[r.Trial] += r.Value
		}
	}
	if len(others) == 0 {
		return ""
	}
	all := slices.Sorted(maps.Values(others))
	if usual := (all[(len(all)-1)/2] + all[len(all)/2]) / 2; usual > mostCores {
		return fmt.Sprintf("others used %.2f cores while it was measured", usual)
	}
	return ""
}

// Moved says whether a fixed piece of CPU work took so much longer, or shorter, that the
// machine was another one.
func Moved(canary, usual float64) bool {
	return canary > 0 && usual > 0 && math.Abs(canary-usual) > mostCanary*usual
}
