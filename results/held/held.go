// Package held says of a trial whether a client held the rate that it was offered, and if
// not, who gave out; and it is what a search for the highest such rate is kept as and told
// by: each trial, the interval of each arm, and the latency over the rate. It is pure, and
// reads rows, marks and gates; which rate comes next is no business of its.
//
// A rate is held where every SLO is met, and the load was kept: what was due was handed
// over and came out, no send failed or went unanswered, and nothing was lost or left in
// the log.
package held

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/figure"
	"github.com/kbench/kbench/results/fit"
	"github.com/kbench/kbench/results/gate"
)

// Outcome is what a trial says of its rate.
type Outcome string

// The outcomes.
const (
	Held       Outcome = "held"
	NotHeld    Outcome = "not held"
	NotDecided Outcome = "not decided" // it says nothing of the client, and may be run again
)

// Limit is who gave out first where a rate was not held.
type Limit string

// Who may. Beyond the rate at which another one than the client does, nothing is known of
// the client.
const (
	Client    Limit = "client"
	Broker    Limit = "broker"
	Generator Limit = "generator" // who offers the load
	Machine   Limit = "machine"
)

// Trial is what a trial came to.
type Trial struct {
	Outcome Outcome  `json:"outcome"`
	Limit   Limit    `json:"limit,omitempty"`
	By      string   `json:"by,omitempty"`     // what of the client: cpu, window, send, records, latency
	Missed  []string `json:"missed,omitempty"` // what was not held, in words
	Why     string   `json:"why,omitempty"`    // whose fault it was, or why it is not decided

	SLO     []*float64 `json:"slo"` // the figure of each; nil where it is not known
	Latency Latency    `json:"latency,omitzero"`
	// CameOut is what was acked in the measured part, or delivered where there is a group, a
	// second; Client and Broker are cores that they used; 0: not known.
	CameOut float64 `json:"came_out"`
	Client  float64 `json:"client_cores,omitempty"`
	Broker  float64 `json:"broker_cores,omitempty"`
}

// Latency is that of what was due in the measured part, ns; 0: too few samples.
type Latency struct {
	Metric string  `json:"metric"`
	P50    float64 `json:"p50"`
	P99    float64 `json:"p99"`
	P999   float64 `json:"p999,omitempty"`
}

// Judge reads a trial off the summary of its run, whose only one it is.
func Judge(run *results.Run, t *results.Trial, s *results.Summary) Trial {
	j := &judge{run: run, trial: t, sum: s}
	if m := t.Phase(results.PhaseMeasure); m.To > m.From {
		j.seconds = time.Duration(m.To - m.From).Seconds()
	}
	out := j.figures()
	if t.State != results.StateComplete {
		out.Outcome, out.Why = NotDecided, "the trial did not complete: "+cmp.Or(t.Error, string(t.State))
		return out
	}
	open := j.slo(&out)
	if _, words := j.mark(results.TrialContradicted); words != "" {
		out.Outcome, out.Why, out.Missed = NotDecided, words, nil // it is of another workload
		return out
	}
	if _, words := j.mark(results.TrialNotRead); words != "" {
		open = cmp.Or(open, words) // whether all came out is not known
	}
	exact := j.load(&out)
	switch {
	case len(out.Missed) == 0 && open != "":
		out.Outcome, out.Why = NotDecided, open
	case len(out.Missed) == 0:
		out.Outcome = Held
		if busy := j.busy(); busy != "" && !j.exactAlone() { // as with one that misses: what is kept may not depend on what it came to
			out.Outcome, out.Limit, out.Why = NotDecided, Machine, busy
		}
	default:
		out.Outcome = NotHeld
		j.blame(&out, exact)
	}
	return out
}

// judge looks at one trial.
type judge struct {
	run     *results.Run
	trial   *results.Trial
	sum     *results.Summary
	seconds float64 // of the measured part
}

// row is the value of a metric of the client's, 0 where there is no such row. One of the
// trial as a whole has no role.
func (j *judge) row(metric, class, stat string) (float64, bool) {
	for _, r := range j.sum.Rows {
		if r.Metric == metric && r.Class == class && r.Stat == stat && r.Role != results.RoleReference && r.Event == "" && unitOf(metric, r) {
			return r.Value, true
		}
	}
	return 0, false
}

// unitOf says whether the row is in the metric's own unit; some are given in two.
func unitOf(metric string, r results.Row) bool {
	m, _ := results.LookupMetric(metric)
	return r.Unit == m.Unit
}

// total adds a metric over roles.
func (j *judge) total(metric, class string, of func(results.Role) bool) (sum float64) {
	for _, r := range j.sum.Rows {
		if r.Metric == metric && r.Class == class && r.Stat == "" && of(r.Role) && unitOf(metric, r) {
			sum += r.Value
		}
	}
	return sum
}

// figures are those that the curve is made of.
func (j *judge) figures() Trial {
	out := Trial{SLO: []*float64{}}
	for _, metric := range []string{results.E2EResponse, results.ProduceResponse} {
		if p50, ok := j.row(metric, "", "p50"); ok {
			p99, _ := j.row(metric, "", "p99")
			p999, _ := j.row(metric, "", "p999")
			out.Latency = Latency{metric, p50, p99, p999}
			break
		}
	}
	under := results.Role.UnderTest
	if out.CameOut = j.total(results.ConsumeThroughput, "", under); out.CameOut == 0 {
		out.CameOut = j.total(results.ProduceThroughput, "", under)
	}
	out.Client, out.Broker = j.cores(under), j.count(results.BrokerCPU)
	return out
}

// cores is what the workers of some roles used.
func (j *judge) cores(of func(results.Role) bool) (sum float64) {
	for _, r := range j.sum.Rows {
		if r.Metric == results.CPUPerRecord && of(r.Role) && j.seconds > 0 {
			sum += r.Value * float64(r.N) / (j.seconds * float64(time.Second))
		}
	}
	return sum
}

// slo adds what each SLO came to. open is why one could not be decided.
func (j *judge) slo(out *Trial) (open string) {
	for _, g := range j.sum.Gates {
		var value *float64
		if len(g.Arms) > 0 {
			value = &g.Arms[0].Value
		}
		out.SLO = append(out.SLO, value)
		switch g.Verdict {
		case results.NotMet:
			out.Missed = append(out.Missed, g.Expression)
		case results.NotDecided:
			open = cmp.Or(open, g.Expression+": "+g.Why)
		}
	}
	return open
}

// mark is why a trial has a mark; empty where it has not.
func (j *judge) mark(metric string) (class, words string) {
	for _, r := range j.sum.Rows {
		if r.Metric == metric && r.Value == 1 {
			class = cmp.Or(r.Class, "all")
		}
	}
	if class == "" {
		return "", ""
	}
	for _, w := range j.sum.Warnings {
		if string(w.Kind) == metric {
			return class, w.Words
		}
	}
	return class, metric
}

// lastMoment is how much of the schedule may be left when the measured part ends: records
// are handed over in ticks, and a stop of a moment just then is no load that was not kept.
const lastMoment = 0.050 // seconds

// mayWait is how long a record may wait at that end: where an SLO lets one be late by more
// than a moment, one that is due so shortly before the end is no load that was not kept.
func (j *judge) mayWait() float64 {
	longest := lastMoment
	for _, g := range j.sum.Gates {
		f, err := gate.FigureOf(g.Expression)
		if err == nil && f.Stat != "" && (f.Metric.Name == results.E2EResponse || f.Metric.Name == results.ProduceResponse) {
			longest = max(longest, time.Duration(g.Bound).Seconds())
		}
	}
	return longest
}

// load adds what of the load was not kept. exact is what of it is so however busy the
// machine was.
func (j *judge) load(out *Trial) (exact string) {
	if class, words := j.mark(results.TrialSaturated); class != "" {
		out.Missed = append(out.Missed, words)
	} else if unsent := j.count(results.ProduceUnsent); unsent > 1+j.mayWait()*j.trial.Spec.Produce.Rate.PerSecond {
		out.Missed = append(out.Missed, fmt.Sprintf("records due and not handed over: %.0f", unsent))
	}
	for _, l := range []struct{ metric, words string }{
		{results.ProduceFailed, "failed sends: %.0f"}, {results.ProduceUnanswered, "sends without an answer: %.0f"},
		{results.AuditLost, "records lost: %.0f"}, {results.AuditUndelivered, "records left in the log: %.0f"},
	} {
		if n := j.count(l.metric); n > 0 {
			words := fmt.Sprintf(l.words, n)
			out.Missed = append(out.Missed, words)
			exact = cmp.Or(exact, words)
		}
	}
	return exact
}

// count is a figure of the whole trial, of all roles together.
func (j *judge) count(metric string) float64 {
	return j.total(metric, "", func(results.Role) bool { return true })
}

// full is how little of the machine is left, as a share, where it is what gives out: what
// the kernel and the supervisor use is in no row, and latencies suffer before all is gone.
const full = 0.10

// blame says who gave out. The client is charged with what nobody else explains. That a
// record is lost, or there twice, or that an SLO on such a count is missed, nobody else
// does; and a send that failed, or a record that was not delivered, others than kbench on
// the machine do not, but a broker may that did not answer (MEASURING 8).
func (j *judge) blame(out *Trial, exact string) {
	truth, counted := j.exactSLO()
	if j.count(results.AuditLost) > 0 {
		truth = cmp.Or(truth, exact)
	}
	exact = cmp.Or(exact, counted)
	if truth != "" {
		out.Limit, out.By, out.Why = Client, "records", truth
		return
	}
	if busy := j.busy(); busy != "" && exact == "" {
		out.Outcome, out.Limit, out.Why = NotDecided, Machine, busy
		return
	}
	if who, words := j.marked(); who != "" {
		out.Limit, out.Why = who, words
		return
	}
	if who, words := j.others(); who != "" {
		out.Limit, out.Why = who, words
		return
	}
	if cores := float64(j.run.Machine.Cores); j.used(out) >= (1-full)*cores && out.Client < cores/2 {
		out.Limit, out.Why = Machine, fmt.Sprintf("all of its %d cores were in use: %s", j.run.Machine.Cores, j.shares(out))
		return
	}
	out.Limit, out.By, out.Why = Client, "records", strings.Join(out.Missed, "; ")
	if exact == "" {
		var words string
		out.By, words = j.ofClient(out)
		out.Why += "; " + words
	}
}

// busy is what others used of the machine, where that is so much that the trial says nothing.
func (j *judge) busy() string {
	return fit.Alone(j.run, j.sum.Rows, time.Duration(j.seconds*float64(time.Second)))
}

// exactAlone says whether all SLOs count what happened, whatever the machine was like.
func (j *judge) exactAlone() bool {
	return !slices.ContainsFunc(j.sum.Gates, func(g results.Gate) bool {
		f, err := gate.FigureOf(g.Expression)
		return err != nil || !counts(f)
	})
}

// counts says whether a figure counts what happened. Marks of the trial are how it went, and
// no such count; nor is how many records were late, be it counted.
func counts(f figure.Figure) bool {
	return f.Exact() && !strings.HasPrefix(f.Metric.Name, "trial.") && f.Metric.Name != results.AuditLate
}

// marked is who gave out by the marks of the trial.
func (j *judge) marked() (who Limit, words string) {
	if _, words := j.mark(results.TrialGeneratorLate); words != "" {
		return Generator, words
	}
	switch class, words := j.mark(results.TrialLimited); class {
	case "":
		return "", ""
	case string(Generator):
		return Generator, words
	default:
		return Broker, words
	}
}

// exactSLO are SLOs that were missed and count what happened, whatever the machine was
// like: truth what became of records, which nobody but the client explains, and counted
// the rest.
func (j *judge) exactSLO() (truth, counted string) {
	for _, g := range j.sum.Gates {
		f, err := gate.FigureOf(g.Expression)
		if err != nil || g.Verdict != results.NotMet || !counts(f) {
			continue
		}
		switch name := f.Metric.Name; {
		case name == results.ProduceTwice, name == results.PauseLostRecords, strings.HasPrefix(name, "audit.") && name != results.AuditUndelivered && name != results.AuditUnanswered:
			truth = cmp.Or(truth, g.Expression)
		default:
			counted = cmp.Or(counted, g.Expression)
		}
	}
	return truth, counted
}

// others says whether an SLO on a latency would be met without the stalls of others than
// the client.
func (j *judge) others() (who Limit, words string) {
	for _, g := range j.sum.Gates {
		f, err := gate.FigureOf(g.Expression)
		if err != nil || g.Verdict != results.NotMet || len(g.Arms) == 0 {
			continue
		}
		for _, r := range j.sum.Rows {
			without, known := withoutOthers(f, g.Arms[0].Value, r)
			if !known || without > g.Bound {
				continue
			}
			if who = Machine; r.Class == string(Broker) || r.Class == string(Generator) {
				who = Limit(r.Class)
			}
			return who, fmt.Sprintf("without the stalls of others (most of them %s) it would be %s: %s", r.Class, time.Duration(without).Round(100*time.Microsecond), g.Expression)
		}
	}
	return "", ""
}

// withoutOthers is what a row says that a latency would be without the stalls of others:
// the percentiles are there so, of the latest record there is what they have of it.
func withoutOthers(f figure.Figure, value float64, r results.Row) (without float64, known bool) {
	others, percentile := results.E2EOthers, results.E2EWithout
	switch f.Metric.Name {
	case results.E2EResponse:
	case results.ProduceResponse:
		others, percentile = results.ProduceOthers, results.ProduceWithout
	default:
		return 0, false
	}
	switch {
	case r.Stat != f.Stat || r.Role == results.RoleReference:
		return 0, false
	case r.Metric == percentile:
		return r.Value, true
	case r.Metric == others && r.Stat == "max":
		return value - r.Value, true
	}
	return 0, false
}

// used is how many cores of the machine were in use, as far as is known.
func (j *judge) used(out *Trial) float64 {
	reference := j.cores(func(r results.Role) bool { return r == results.RoleReference })
	all := func(results.Role) bool { return true }
	return out.Client + out.Broker + reference + j.count(results.ObserverCPU) + j.count(results.ProbeCPU) +
		j.total(results.MachineForeign, "measured", all) + j.total(results.MachineSteal, "measured", all)
}

// shares is who used how much of the machine.
func (j *judge) shares(out *Trial) string {
	words := fmt.Sprintf("the client used %.2f", out.Client)
	if reference := j.cores(func(r results.Role) bool { return r == results.RoleReference }); reference > 0 {
		words += fmt.Sprintf(", the reference producer %.2f", reference)
	}
	if out.Broker > 0 {
		words += fmt.Sprintf(", the broker %.2f", out.Broker)
	}
	return words
}

// ofClient is what of the client gave out.
func (j *judge) ofClient(out *Trial) (by, words string) {
	cores := float64(j.run.Machine.Cores)
	of := fmt.Sprintf("%s of %d cores", j.shares(out), j.run.Machine.Cores)
	class, late := j.mark(results.TrialKeptLate)
	room, _ := j.row(results.ProduceNoRoom, "", "mean")
	held, _ := j.row(results.ScheduleHeld, "", "mean")
	switch {
	case out.Client >= cores/2 && j.used(out) >= (1-full)*cores:
		return "cpu", of
	case class == "no_room" || held > 0 && room > held/2 && room > math.Max(float64(time.Millisecond), out.Latency.P50/2):
		return "window", "records waited for room in the window; " + of
	case class == "send":
		return "send", late + "; " + of
	}
	return "latency", of
}
