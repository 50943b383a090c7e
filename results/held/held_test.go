package held_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/results/held"
	"github.com/kbench/kbench/workloads"
)

const slo = "p99(e2e.response) < 50ms"

// trial is one of ten seconds at 6,000/s that went well: its client used 0.5 of 4 cores.
type trial struct {
	run *results.Run
	of  *results.Trial
	sum *results.Summary
}

func good() *trial {
	spec := workloads.Default()
	spec.Name, spec.Gate = "w", []string{slo}
	spec.Produce.Rate = workloads.Rate{PerSecond: 6000}
	ref := results.TrialRef{N: 1, Workload: "w", Arm: "a", Client: "a", Lane: "matched", Round: 1}
	t := &trial{
		&results.Run{Specs: []workloads.Spec{spec}, Order: []results.TrialRef{ref}, Machine: results.Machine{Cores: 4}},
		&results.Trial{Ref: ref, Spec: spec, State: results.StateComplete, Phases: []results.Phase{{Name: results.PhaseMeasure, From: 0, To: int64(10 * time.Second)}}},
		&results.Summary{},
	}
	t.add(results.RoleProducer, "", results.ProduceThroughput, "", 6000, 60_000)
	t.add(results.RoleConsumer, "", results.ConsumeThroughput, "", 5990, 59_900)
	t.add(results.RoleProducer, "", results.CPUPerRecord, "", 50_000, 60_000)  // 0.3 cores
	t.add(results.RoleConsumer, "", results.CPUPerRecord, "", 33_389, 59_900)  // 0.2 cores
	t.add(results.RoleReference, "", results.CPUPerRecord, "", 16_667, 60_000) // 0.1 cores
	t.add(results.RoleBroker, "", results.BrokerCPU, "", 0.4, 100)
	t.add("", "measured", results.MachineForeign, "", 0.02, 1)
	t.add("", "measured", results.MachineSteal, "", 0.01, 1)
	t.latency(8 * time.Millisecond)
	return t
}

func (t *trial) add(role results.Role, class, metric, stat string, v float64, n int64) *trial {
	m, _ := results.LookupMetric(metric)
	t.sum.Rows = append(t.sum.Rows, results.Row{Workload: "w", Arm: "a", Client: "a", Lane: "matched", Round: 1, Trial: 1, Role: role, Class: class, Metric: metric, Stat: stat, Unit: m.Unit, Value: v, N: n})
	return t
}

// latency is what the records took.
func (t *trial) latency(p99 time.Duration) *trial {
	t.add(results.RoleConsumer, "", results.E2EResponse, "p50", float64(p99)/4, 60_000)
	t.add(results.RoleConsumer, "", results.E2EResponse, "p99", float64(p99), 60_000)
	return t.add(results.RoleConsumer, "", results.E2EResponse, "p999", 2*float64(p99), 60_000)
}

// late is a trial that missed its SLO.
func late() *trial {
	t := good()
	rows := t.sum.Rows
	t.sum.Rows = nil
	for _, r := range rows {
		if r.Metric != results.E2EResponse {
			t.sum.Rows = append(t.sum.Rows, r)
		}
	}
	return t.latency(80 * time.Millisecond)
}

func (t *trial) mark(metric, class, words string) *trial {
	t.add("", class, metric, "", 1, 1)
	t.sum.Warnings = append(t.sum.Warnings, results.Remark{Kind: results.Kind(metric), Class: class, Words: words})
	return t
}

func (t *trial) judge() held.Trial {
	t.sum.Gates = gate.Of(t.run, t.sum.Rows)
	return held.Judge(t.run, t.of, t.sum)
}

// TestJudge: what a trial comes to, who is charged, and in which words.
func TestJudge(t *testing.T) {
	f := func(of *trial, outcome held.Outcome, limit held.Limit, by, words string) {
		t.Helper()
		got := of.judge()
		if got.Outcome != outcome || got.Limit != limit || got.By != by || !strings.Contains(strings.Join(append(got.Missed, got.Why), "; "), words) {
			t.Errorf("%+v; want %s, %q, %q, %q", got, outcome, limit, by, words)
		}
	}
	f(good(), held.Held, "", "", "")
	f(late(), held.NotHeld, held.Client, "latency", "the client used 0.50, the reference producer 0.10, the broker 0.40 of 4 cores")

	// The load was not kept, though the SLO was.
	f(good().mark(results.TrialSaturated, "achieved", "saturated: 100 of 200"), held.NotHeld, held.Client, "latency", "saturated: 100 of 200")
	f(good().add(results.RoleProducer, "", results.ProduceUnsent, "", 302, 60_000), held.NotHeld, held.Client, "latency", "records due and not handed over: 302")
	f(good().add(results.RoleProducer, "", results.ProduceUnsent, "", 300, 60_000), held.Held, "", "", "")
	patient := good()
	patient.run.Specs[0].Gate = []string{"p99(e2e.response) < 200ms"} // who may be late by so much may be so at the end
	f(patient.add(results.RoleProducer, "", results.ProduceUnsent, "", 1200, 60_000), held.Held, "", "", "")
	f(patient.add(results.RoleProducer, "", results.ProduceUnsent, "", 2, 60_000), held.NotHeld, held.Client, "latency", "records due and not handed over: 1202")
	f(good().add(results.RoleProducer, "trial", results.ProduceUnsent, "", 1e6, 60_000), held.Held, "", "", "")
	f(good().add("", "", results.ProduceFailed, "", 1, 60_000), held.NotHeld, held.Client, "records", "failed sends: 1")
	f(good().add("", "timeout", results.ProduceFailed, "", 1, 60_000), held.Held, "", "", "") // a part of a sum that is not there
	f(good().add("", "", results.ProduceUnanswered, "", 2, 60_000), held.NotHeld, held.Client, "records", "sends without an answer: 2")
	f(good().add("", "", results.AuditLost, "", 3, 60_000), held.NotHeld, held.Client, "records", "records lost: 3")
	f(good().add("", "", results.AuditUndelivered, "", 4, 60_000), held.NotHeld, held.Client, "records", "records left in the log: 4")

	// Who else gave out.
	f(late().mark(results.TrialGeneratorLate, "lag", "generator late: p99 of 30ms"), held.NotHeld, held.Generator, "", "p99 of 30ms")
	f(late().mark(results.TrialLimited, "broker", "limited: the broker did not answer"), held.NotHeld, held.Broker, "", "did not answer")
	f(late().mark(results.TrialLimited, "generator", "limited: the reference producer"), held.NotHeld, held.Generator, "", "the reference producer")
	f(late().add(results.RoleBroker, "", results.BrokerCPU, "", 2.9, 100), held.NotHeld, held.Machine, "", "all of its 4 cores were in use: the client used 0.50")
	f(late().add("", "measured", results.MachineForeign, "", 0.5, 1), held.NotDecided, held.Machine, "", "others used 0.53 cores")
	f(good().add("", "measured", results.MachineForeign, "", 0.5, 1), held.NotDecided, held.Machine, "", "others used 0.53 cores")
	// A record that is lost is lost on a busy machine, too.
	f(late().add("", "measured", results.MachineForeign, "", 0.5, 1).add("", "", results.AuditLost, "", 3, 60_000), held.NotHeld, held.Client, "records", "records lost: 3")
	// A send that failed since the broker did not answer is the broker's; a record that was lost nobody else's.
	silent := func() *trial {
		return good().mark(results.TrialLimited, "broker", "limited: the broker did not answer")
	}
	f(silent().add("", "", results.ProduceFailed, "", 1, 60_000), held.NotHeld, held.Broker, "", "did not answer")
	f(silent().add("", "", results.AuditLost, "", 1, 60_000), held.NotHeld, held.Client, "records", "records lost: 1")
	// Nor does a busy machine excuse what counts what happened.
	f(good().add("", "measured", results.MachineForeign, "", 0.5, 1).add("", "", results.ProduceFailed, "", 1, 60_000), held.NotHeld, held.Client, "records", "failed sends: 1")
	counted := good().add("", "measured", results.MachineForeign, "", 0.5, 1).add("", "", results.AuditDuplicate, "", 9, 60_000)
	counted.run.Specs[0].Gate = []string{"audit.duplicate < 9"}
	f(counted, held.NotHeld, held.Client, "records", "audit.duplicate < 9")
	// It is the same where an SLO asks for it, and a mark is no count of what became of records.
	asked := func(of *trial, slo string) *trial {
		of.run.Specs[0].Gate = []string{slo}
		return of
	}
	f(asked(silent().add(results.RoleProducer, "", results.ProduceFailed, "", 1, 60_000), "produce.failed == 0"), held.NotHeld, held.Broker, "", "did not answer")
	f(asked(good().add("", "measured", results.MachineForeign, "", 0.5, 1).add(results.RoleProducer, "", results.ProduceRetried, "", 1, 60_000), "produce.retried == 0"), held.NotHeld, held.Client, "records", "produce.retried == 0")
	f(asked(silent().add("", "", results.AuditDuplicate, "", 1, 60_000), "audit.duplicate == 0"), held.NotHeld, held.Client, "records", "audit.duplicate == 0")
	f(asked(good().mark(results.TrialGeneratorLate, "lag", "generator late: p99 of 30ms"), "trial.generator_late == 0"), held.NotHeld, held.Generator, "", "p99 of 30ms")
	f(asked(good().add("", "measured", results.MachineForeign, "", 0.5, 1).add("", "", results.AuditDuplicate, "", 8, 60_000), "audit.duplicate < 9"), held.Held, "", "", "")
	// That records were late is no such count.
	f(asked(silent().add("", "", results.AuditLate, "", 500, 60_000), "audit.late < 500"), held.NotHeld, held.Broker, "", "did not answer")
	f(asked(good().add("", "measured", results.MachineForeign, "", 0.5, 1).add("", "", results.AuditLate, "", 500, 60_000), "audit.late < 500"), held.NotDecided, held.Machine, "", "others used")
	f(asked(good().add("", "", results.AuditLate, "", 500, 60_000), "audit.late < 500"), held.NotHeld, held.Client, "latency", "audit.late")
	// Nobody is excused by marks where all was held.
	f(good().mark(results.TrialGeneratorLate, "lag", "generator late"), held.Held, "", "", "")
	f(good().mark(results.TrialNotSteady, "variation", "not steady"), held.Held, "", "", "")

	// What of the client.
	f(late().add(results.RoleConsumer, "", results.CPUPerRecord, "", 600_000, 59_900), held.NotHeld, held.Client, "cpu", "the client used 4.09")
	f(late().mark(results.TrialKeptLate, "no_room", "kept late"), held.NotHeld, held.Client, "window", "room in the window")
	f(late().mark(results.TrialKeptLate, "send", "kept late: inside Send"), held.NotHeld, held.Client, "send", "inside Send")
}

// TestJudgeTails: where the SLO is met without stalls of others, they are charged, and
// else they are not.
func TestJudgeTails(t *testing.T) {
	f := func(slo, metric, stat string, value time.Duration, class string, limit held.Limit) {
		t.Helper()
		of := late()
		of.run.Specs[0].Gate = []string{slo}
		of.add(results.RoleConsumer, "", results.E2EResponse, "max", 320e6, 60_000)
		of.add(results.RoleConsumer, class, metric, stat, float64(value), 60_000)
		if got := of.judge(); got.Outcome != held.NotHeld || got.Limit != limit {
			t.Errorf("%s: %s of %s by %s: %+v, want %s", slo, metric, value, class, got, limit)
		}
	}
	for stat, slo := range map[string]string{"p99": "p99(e2e.response) < 50ms", "p999": "p99.9(e2e.response) < 50ms"} { // it is 80 ms, and 160 ms
		f(slo, results.E2EWithout, stat, 49*time.Millisecond, "broker", held.Broker)
		f(slo, results.E2EWithout, stat, 49*time.Millisecond, "machine", held.Machine)
		f(slo, results.E2EWithout, stat, 49*time.Millisecond, "suspended", held.Machine)
		f(slo, results.E2EWithout, stat, 49*time.Millisecond, "generator", held.Generator)
		f(slo, results.E2EWithout, stat, 51*time.Millisecond, "broker", held.Client)
		f(slo, results.E2EWithout, "p50", time.Millisecond, "broker", held.Client)
		f(slo, results.ProduceWithout, stat, 49*time.Millisecond, "broker", held.Client)
		f(slo, results.E2EOthers, stat, 150*time.Millisecond, "broker", held.Client) // the mean of a tail is not its percentile
	}
	most := "max(e2e.response) < 100ms" // it is 320 ms
	f(most, results.E2EOthers, "max", 221*time.Millisecond, "broker", held.Broker)
	f(most, results.E2EOthers, "max", 219*time.Millisecond, "broker", held.Client)
}

// TestJudgeOpen: what is not known is not held, nor the opposite.
func TestJudgeOpen(t *testing.T) {
	of := good()
	of.of.State, of.of.Error = results.StateFailed, "the broker died"
	if got := of.judge(); got.Outcome != held.NotDecided || got.Why != "the trial did not complete: the broker died" {
		t.Errorf("%+v", got)
	}
	of = good()
	of.run.Specs[0].Gate = []string{"cpu.per_record{role=producer} < 1ms", "max(pause.gap) < 1s"}
	if got := of.judge(); got.Outcome != held.NotDecided || !strings.Contains(got.Why, "max(pause.gap) < 1s: gate") || len(got.SLO) != 2 || *got.SLO[0] != 50_000 || got.SLO[1] != nil {
		t.Errorf("%+v", got)
	}
	// One that is missed is missed, whatever is not known of another.
	of.run.Specs[0].Gate = []string{"cpu.per_record{role=producer} < 1us", "max(pause.gap) < 1s"}
	if got := of.judge(); got.Outcome != held.NotHeld {
		t.Errorf("%+v", got)
	}
}

// TestJudgeOut: a trial that was not of the workload says nothing of its rate, and one whose
// log was not read to its end does not say that all came out.
func TestJudgeOut(t *testing.T) {
	for _, of := range []*trial{good(), good().add("", "", results.AuditUndelivered, "", 4, 60_000)} {
		of.run.Specs[0].Gate = []string{"produce.failed == 0"} // which a gate decides however it was
		got := of.add(results.RoleProducer, "", results.ProduceFailed, "", 0, 60_000).mark(results.TrialContradicted, "acks", "not as planned: the wire contradicts the plan: acks").judge()
		if got.Outcome != held.NotDecided || got.Limit != "" || len(got.Missed) > 0 || !strings.Contains(got.Why, "contradicts the plan") || got.SLO[0] == nil {
			t.Errorf("%+v", got)
		}
	}
	if got := good().mark(results.TrialNotRead, "all", "not read back: the broker died").judge(); got.Outcome != held.NotDecided || len(got.Missed) > 0 || got.Why != "not read back: the broker died" {
		t.Errorf("%+v", got)
	}
	if got := late().mark(results.TrialNotRead, "all", "not read back").judge(); got.Outcome != held.NotHeld {
		t.Errorf("%+v", got)
	}
}

// TestJudgeFigures are those of the curve.
func TestJudgeFigures(t *testing.T) {
	got := good().judge()
	want := held.Latency{Metric: results.E2EResponse, P50: 2e6, P99: 8e6, P999: 16e6}
	if got.Latency != want || got.CameOut != 5990 || got.Client < 0.499 || got.Client > 0.501 || got.Broker != 0.4 || len(got.SLO) != 1 || *got.SLO[0] != 8e6 {
		t.Errorf("%+v", got)
	}
}
