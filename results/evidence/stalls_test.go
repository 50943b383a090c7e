package evidence

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/acts"
)

// What a probe was answered and what clients waited for are signs of nodes, with what
// is usual of each.
func TestAnswers(t *testing.T) {
	e := &Trial{Trial: &results.Trial{BrokerPIDs: []int{10, 11, 12}, Nodes: map[string]int32{"h:1": 1, "h:2": 2}}}
	probe, producer := Worker{Worker: results.Worker{Name: "probe"}}, Worker{Worker: results.Worker{Name: "producer-0"}, ahead: 100}
	second := func(node int32, api int16, usual int64, late ...record.Late) {
		probe.event(record.Event{K: record.EvProbe, Answers: []record.Answers{{Node: node, API: api, Count: 20, Usual: usual, Late: late}}}, nil)
	}
	second(1, 3, 300)
	second(1, 15, 900)
	second(2, 2, 500)
	second(1, 3, 200, record.Late{Since: 5, Due: 10, T: 300})
	second(1, 3, 400)
	for i, took := range []int64{30, 20, 500} {
		at := int64(1000 * (i + 1))
		producer.event(record.Event{K: record.EvWire, Wire: []record.WireAPI{
			{API: 0, Longest: &record.Wait{Node: "h:2", From: at, T: at + took}}, {API: 1, Longest: &record.Wait{Node: "elsewhere:9", From: at, T: at + took}},
		}}, nil)
	}
	e.Workers = []Worker{probe, producer}
	want := []blame.Answers{
		{Node: 1, Asked: blame.Metadata, By: "probe", Process: "broker-0", Usual: 300, Late: []blame.Late{{Timely: 5, Due: 10, At: 300}}},
		{Node: 1, Asked: blame.Coordinator, By: "probe", Process: "broker-0", Usual: 900},
		{Node: 2, Asked: blame.Leader, By: "probe", Process: "broker-1", Usual: 500},
		{Node: 2, Asked: blame.Produce, By: "producer-0", Process: "broker-1", Usual: 30, Late: []blame.Late{{Timely: 900, Due: 900, At: 930}, {Timely: 1900, Due: 1900, At: 1920}, {Timely: 2900, Due: 2900, At: 3400}}},
	}
	if d := cmp.Diff(want, e.signs().Answers); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// A worker that is new had used nothing, a broker that is had.
func TestMachines(t *testing.T) {
	const s = int64(1e9)
	got := machines([]results.MachineSample{
		{T: 0, CPUBusy: 10 * s, CPUIdle: 5 * s, Procs: map[string]int64{"supervisor": s}, Waited: map[string]int64{"broker-0": 3}},
		{T: s, CPUBusy: 11 * s, CPUIdle: 6 * s, Ours: s / 2, CPUSteal: s / 4, Procs: map[string]int64{"supervisor": s, "broker-0": 50 * s, "consumer-0": s / 2}, Waited: map[string]int64{"broker-0": 10, "consumer-0": 4}},
	})
	want := []blame.Machine{{Loads: []blame.Load{{
		Interval: results.Interval{From: 0, To: s}, Idle: s, Foreign: s / 2, Steal: s / 4, Procs: map[string]int64{"supervisor": 0, "consumer-0": s / 2},
		Waited: map[string]int64{"broker-0": 7},
	}}}}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestAttached: what others had may have been the broker that is not ours, and excuses
// nobody as little as one that is.
func TestAttached(t *testing.T) {
	const s = int64(1e9)
	late := []record.Late{{Since: s / 4, Due: s / 4, T: 3 * s / 4}}
	at := func(second int64) results.MachineSample {
		return results.MachineSample{T: second * s, CPUBusy: s + 2*second*s, Ours: second * s / 10, Procs: map[string]int64{"producer-0": second * s / 10}}
	}
	e := &Trial{
		Trial: &results.Trial{}, Machine: []results.MachineSample{at(0), at(1)},
		Supervisor: Worker{Worker: results.Worker{Name: results.SupervisorProcess}, Late: late},
		Workers:    []Worker{{Worker: results.Worker{Name: "producer-0", Role: results.RoleReference}, Late: late}},
	}
	f := func(unseen bool, source blame.Source, excuses bool) {
		t.Helper()
		e.unseen = unseen
		found := blame.Find(e.signs())
		if len(found) != 2 {
			t.Errorf("%+v", found)
		}
		for _, s := range found {
			if s.Source != source || s.Excuses != excuses {
				t.Errorf("%+v, want %s that excuses: %t", s, source, excuses)
			}
		}
	}
	f(false, blame.SourceMachine, true)
	f(true, blame.SourceContention, false)
}

// TestSigns: what each process is to the client, and what its signs become.
func TestSigns(t *testing.T) {
	worker := func(name string, role results.Role, late ...record.Late) Worker {
		return Worker{Worker: results.Worker{Name: name, Role: role}, Canary: []Canary{{Usual: 3}, {Usual: 1}, {Usual: 2}}, Late: late}
	}
	e := &Trial{
		Trial:      &results.Trial{Acts: []results.Act{{Kind: acts.Stall, Member: "consumer-0", At: 5, Resumed: 9}, {Kind: acts.Crash, Member: "consumer-0", At: 20}}},
		Supervisor: worker(results.SupervisorProcess, "", record.Late{Since: 1, Due: 2, T: 30, CPU: 4}),
		Workers:    []Worker{worker("consumer-0", results.RoleConsumer), worker("producer-0", results.RoleReference), worker("observer", results.RoleObserver)},
	}
	e.Workers[1].Behind = []record.Late{{Since: 3, Due: 4, T: 50}}
	got := e.signs()
	process := func(name string, kind blame.Kind, late ...blame.Nap) blame.Process {
		return blame.Process{Name: name, Kind: kind, Usual: 2, Late: late}
	}
	want := blame.Signs{
		Injected: []blame.Injected{{Interval: results.Interval{From: 5, To: 9}, What: "stall", Worker: "consumer-0", Node: -1}},
		Processes: []blame.Process{
			process(results.SupervisorProcess, blame.Supervisor, blame.Nap{Late: blame.Late{Timely: 1, Due: 2, At: 30}, CPU: 4}),
			process("consumer-0", blame.Client), process("producer-0", blame.Reference), process("observer", blame.Watcher),
		},
	}
	want.Generators = []blame.Generator{{Worker: "producer-0", Late: []blame.Late{{Timely: 3, Due: 4, At: 50}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("signs, want to got:\n%s", diff)
	}
}

// TestNobodyListened: an old run directory excuses nobody.
func TestNobodyListened(t *testing.T) {
	if s := (&Trial{Trial: &results.Trial{}}).stalls(); s != nil {
		t.Errorf("%+v", s)
	}
}
