package summary

import (
	"cmp"
	"math"
	"slices"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/kbench/kbench/profiles/layers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/cause"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// roles are those that do the work, in the order in which they are shown. The
// read-back after a trial is an instrument and has no figures, and the observer
// has its CPU alone.
func roles() []results.Role {
	return []results.Role{results.RoleProducer, results.RoleConsumer, results.RoleBoth, results.RoleReference}
}

// part is a stretch [from, to) of a trial.
type part struct{ from, to int64 }

func (p part) length() int64         { return p.to - p.from }
func (p part) seconds() float64      { return time.Duration(p.length()).Seconds() }
func (p part) contains(t int64) bool { return p.from <= t && t < p.to }

// inputs is all that is known of one trial.
type inputs struct {
	trial    *results.Trial
	measured part
	workers  []*worker
	machine  []results.MachineSample
	truth    audit.Report
	churn    *window.Report // nil without churn
	split    *split         // nil without churn
	rest     *window.Rest   // of a group without churn
	causes   []cause.Rebalance
	// recovered is, of events in which something was done to a node of the broker, what
	// came of it; by their index.
	recovered map[int]recovered
	late      []tailFigure // what others have of the ends of latencies
	spared    []sparedFigure
	// distributed is what merged has made.
	distributed map[ofRole]*hdrhistogram.Histogram
	// kept is what members held before the acts and after them, untold how many of them
	// were not asked at both times.
	kept   []evidence.Kept
	untold int
	// silent are the stretches of the measured part in which the broker did not
	// answer; heardBroker says that somebody listened.
	silent      []results.Interval
	heardBroker bool
}

// newInputs takes from the evidence what rows are made of.
func newInputs(e *evidence.Trial) *inputs {
	in := recorded(e)
	if in.churn != nil {
		in.split = newSplit(e.Trial, in.measured, e.Input(), in.churn, e.Logs)
	} else if e.Group != "" && e.Kind == workloads.EndToEnd {
		rest := e.Rest()
		in.rest = &rest
	}
	in.tails(e)
	in.silent, in.heardBroker = brokerSilences(e.Stalls(), in.measured)
	if in.split != nil {
		in.split.setClock(in.workers)
	}
	return in
}

// recorded is what there is of any trial that was measured, to its end or not.
func recorded(e *evidence.Trial) *inputs {
	in := &inputs{trial: e.Trial, measured: part{e.Measured.From, e.Measured.To}, machine: e.Machine, truth: e.Audit()}
	in.kept, in.untold = e.Kept()
	in.causes = e.Causes()
	if len(e.Acts) > 0 {
		in.churn = e.Windows()
		in.recovered = recoveredIn(e, in.churn)
	}
	for i := range e.Workers {
		w := &worker{Worker: &e.Workers[i]}
		w.count(e, in.measured)
		w.again(&in.truth, in.measured)
		w.readLedgers(e)
		in.workers = append(in.workers, w)
	}
	return in
}

func (in *inputs) byRole(role results.Role) []*worker {
	return slices.DeleteFunc(slices.Clone(in.workers), func(w *worker) bool { return w.Role != role })
}

// worker is one process and its figures of the measured part.
type worker struct {
	*evidence.Worker

	acked, delivered             int64   // in the measured part; first deliveries, intact
	ackedPerSec, deliveredPerSec []int64 // by whole second of it
	allAcked, allDelivered       int64   // in the whole trial, redeliveries too
	heard                        []bool  // by steadyBin of the measured part: something came out at the end of the trial's way

	redelivered map[string]int64 // in the measured part, by cause
	repeats     []audit.Redelivery
	never       []audit.Redelivery // never acked, by when they were due

	ledgers map[string]layers.Ledger // of its profiles, by sample type
	blurred error                    // why a profile cannot be read
}

// count books the spans. They are cut at every whole second of the measured
// part, so the time of their first record places all of them.
func (w *worker) count(e *evidence.Trial, measured part) {
	windows := int(measured.length() / int64(time.Second))
	w.ackedPerSec, w.deliveredPerSec = make([]int64, max(windows, 0)), make([]int64, max(windows, 0))
	w.heard = make([]bool, max(0, measured.length()/int64(steadyBin)))
	last := record.Delivered
	if e.Kind == workloads.Producing {
		last = record.Acked
	}
	e.EachSpan(w.Name, func(s *record.Span) {
		if s.Kind == last {
			w.hear(s.At-measured.from, s.LastAt-measured.from)
		}
		n := int64(s.Count)
		var all, in *int64
		var perSec []int64
		switch s.Kind {
		case record.Acked:
			all, in, perSec = &w.allAcked, &w.acked, w.ackedPerSec
		case record.Delivered: // damaged and foreign records are nobody's work, and have no latency
			all, in, perSec = &w.allDelivered, &w.delivered, w.deliveredPerSec
		case record.Failed, record.Unanswered:
			w.never = append(w.never, audit.Redelivery{Due: s.Due, LastDue: s.LastDue, Count: n})
			return
		default:
			return
		}
		*all += n
		if !measured.contains(s.At) {
			return
		}
		*in += n
		if i := int((s.At - measured.from) / int64(time.Second)); i < len(perSec) {
			perSec[i] += n
		}
	})
}

// again takes the redeliveries out of what was delivered. They lie within spans, which
// are cut where parts and seconds begin.
func (w *worker) again(truth *audit.Report, measured part) {
	w.redelivered = map[string]int64{}
	for _, list := range [][]audit.Redelivery{truth.Redelivered, truth.Copies} {
		for _, r := range list {
			if r.Worker != w.Name {
				continue
			}
			w.repeats = append(w.repeats, r)
			if !measured.contains(r.At) {
				continue
			}
			w.redelivered[r.Cause] += r.Count
			w.delivered -= r.Count
			if i := int((r.At - measured.from) / int64(time.Second)); i < len(w.deliveredPerSec) {
				w.deliveredPerSec[i] -= r.Count
			}
		}
	}
}

// records is the work that the worker's cost is divided by.
func (w *worker) records() int64 {
	if w.delivered > 0 {
		return w.delivered
	}
	return w.acked
}

// slack is how far a counter's first and last reading may be inside the
// measured part before its growth there counts as unknown.
const slack = int64(250 * time.Millisecond)

// growth is by how much a counter grew in a part, interpolated between
// readings: they come once a second and at the beginning of each phase.
func growth[S any](samples []S, p part, at func(S) int64, counter func(S) int64) (float64, bool) {
	n := len(samples)
	if n < 2 || at(samples[0]) > p.from+slack || at(samples[n-1]) < p.to-slack {
		return 0, false
	}
	return seenGrowth(samples, p, at, counter), true
}

// seenGrowth is growth between the first and the last reading, for who was not there all
// the time.
func seenGrowth[S any](samples []S, p part, at func(S) int64, counter func(S) int64) float64 {
	n := len(samples)
	value := func(t int64) float64 {
		i, _ := slices.BinarySearchFunc(samples, t, func(s S, t int64) int { return cmp.Compare(at(s), t) })
		switch {
		case i == 0:
			return float64(counter(samples[0]))
		case i == n:
			return float64(counter(samples[n-1]))
		}
		a, b := samples[i-1], samples[i]
		share := float64(t-at(a)) / float64(at(b)-at(a))
		return float64(counter(a)) + share*float64(counter(b)-counter(a))
	}
	return math.Max(0, value(p.to)-value(p.from))
}

// within are the samples of a part. Where it is so short that it has none, it is the
// one nearest to it, if that is not far.
func within(samples []evidence.Sample, p part) []evidence.Sample {
	var in []evidence.Sample
	nearest, least := -1, slack
	for i, s := range samples {
		if p.contains(s.T) {
			in = append(in, s)
		}
		if off := max(p.from-s.T, s.T-p.to); off <= least {
			nearest, least = i, off
		}
	}
	if len(in) == 0 && nearest >= 0 {
		return samples[nearest : nearest+1]
	}
	return in
}

// grew is growth of a counter of the process.
func (w *worker) grew(p part, counter func(record.Runtime) int64) (float64, bool) {
	return growth(w.Runtime, p, func(s evidence.Sample) int64 { return s.T }, func(s evidence.Sample) int64 { return counter(s.Runtime) })
}

func cpuOf(r record.Runtime) int64 { return r.CPUUser + r.CPUSys }

// cores is the mean number of cores that workers kept busy in the measured part, those
// that came and went in it included.
func (in *inputs) cores(ws []*worker) float64 {
	var ns float64
	for _, w := range ws {
		if len(w.Runtime) > 0 {
			ns += seenGrowth(w.Runtime, in.measured, func(s evidence.Sample) int64 { return s.T }, func(s evidence.Sample) int64 { return cpuOf(s.Runtime) })
		}
	}
	return ns / float64(in.measured.length())
}

// machineGrowth is growth of a counter of machine.jsonl.
func (in *inputs) machineGrowth(counter func(results.MachineSample) int64) (float64, bool) {
	return growth(in.machine, in.measured, func(s results.MachineSample) int64 { return s.T }, counter)
}

// foreignCores is the mean number of cores that others than kbench kept busy; 0 where that
// is not known.
func (in *inputs) foreignCores() float64 {
	ns, _ := in.machineGrowth(func(s results.MachineSample) int64 {
		busy, _ := results.Foreign(results.MachineSample{}, s)
		return busy
	})
	return ns / float64(in.measured.length())
}

// brokerCores is the mean number of cores that the broker kept busy.
func (in *inputs) brokerCores() (float64, bool) { return in.processCores(results.IsBrokerProcess) }

// processCores is the mean number of cores that some of the sampled processes kept
// busy, and whether any of them was sampled. What one had used that is gone stays in the
// sum, and one that has used less than before is another: a node that was started again.
func (in *inputs) processCores(of func(name string) bool) (float64, bool) {
	type used struct{ t, sum int64 }
	var all []used
	var sum int64
	last := map[string]int64{}
	for _, s := range in.machine {
		for name, cpu := range s.Procs {
			if !of(name) {
				continue
			}
			was := last[name]
			if cpu < was {
				was = 0
			}
			sum, last[name] = sum+cpu-was, cpu
		}
		all = append(all, used{s.T, sum})
	}
	ns, ok := growth(all, in.measured, func(u used) int64 { return u.t }, func(u used) int64 { return u.sum })
	return ns / float64(in.measured.length()), ok && len(last) > 0
}

// idleShare is the share of the machine's CPU that nobody used.
func (in *inputs) idleShare() (float64, bool) {
	total, ok := in.machineGrowth(func(s results.MachineSample) int64 { return s.CPUTotal })
	if !ok || total == 0 {
		return 0, false
	}
	idle, _ := in.machineGrowth(func(s results.MachineSample) int64 { return s.CPUIdle })
	return idle / total, true
}
