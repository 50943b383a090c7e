package evidence

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

const ms = int64(time.Millisecond)

func TestTrialFromFiles(t *testing.T) {
	d, err := results.Create(filepath.Join(t.TempDir(), "r"), &results.Run{})
	if err != nil {
		t.Fatal(err)
	}
	tr := &results.Trial{Ref: results.TrialRef{N: 1, Arm: "a", Round: 1}, Kind: workloads.EndToEnd, RunTag: 3, Topic: "t", Workers: []results.Worker{
		{Name: "producer-0", Role: "producer"}, {Name: "consumer-0", Role: "consumer", Exit: results.End{How: results.Killed, Signal: "SIGKILL"}},
		{Name: "consumer-1", Role: "consumer"}, {Name: "consumer-2", Role: "consumer"},
	}}
	path, err := d.CreateTrial(tr)
	if err != nil {
		t.Fatal(err)
	}
	write := func(worker string, tag uint32, kind record.Kind, from, to, at int64) {
		t.Helper()
		dir := filepath.Join(path, worker)
		f, err := record.CreateDeliveries(mkdir(t, dir), record.DeliveriesMeta{Run: tag, Worker: worker, Topics: []string{"t"}})
		if err != nil {
			t.Fatal(err)
		}
		lane := f.Lane(kind, 0, 0, 1)
		for i := from; i < to; i++ {
			lane.Add(0, uint64(i), i, at+i, at+i)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	write("producer-0", 3, record.Acked, 0, 100, 0)
	write("consumer-0", 3, record.Delivered, 0, 60, 1000)
	write("consumer-1", 3, record.Delivered, 50, 90, int64(time.Second))
	e, err := Load(d, tr)
	if err != nil {
		t.Fatal(err)
	}
	if r := e.Audit(); r.Sent != 100 || r.Lost != 10 || r.Duplicates != (audit.Duplicates{Crash: 10}) {
		t.Errorf("got %+v", r)
	}
	write("consumer-2", 4, record.Delivered, 90, 100, int64(time.Second))
	if _, err := Load(d, tr); err == nil || !strings.Contains(err.Error(), "belongs to another trial") {
		t.Errorf("a file of another trial: %v", err)
	}
}

// A worker that died, on its own or by a kill that was not kbench's, is told
// apart from one that kbench killed.
func TestDied(t *testing.T) {
	d, err := results.Create(filepath.Join(t.TempDir(), "r"), &results.Run{})
	if err != nil {
		t.Fatal(err)
	}
	trial := &results.Trial{Ref: results.TrialRef{N: 1, Arm: "a", Round: 1}, Kind: workloads.EndToEnd, Topic: "t"}
	path, err := d.CreateTrial(trial)
	if err != nil {
		t.Fatal(err)
	}
	for name, exit := range map[string]string{"consumer-0": "killed by kbench: SIGKILL", "consumer-1": "exited 0", "consumer-2": "died: SIGSEGV", "consumer-3": "exited 2", "consumer-4": "died: SIGKILL"} {
		w := results.Worker{Name: name}
		if err := w.Exit.UnmarshalText([]byte(exit)); err != nil {
			t.Fatal(err)
		}
		trial.Workers = append(trial.Workers, w)
		f, err := record.CreateDeliveries(mkdir(t, filepath.Join(path, name)), record.DeliveriesMeta{Worker: name, Topics: []string{"t"}})
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	e, err := Load(d, trial)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range e.Logs {
		if want := l.Worker == "consumer-0"; l.Killed != want {
			t.Errorf("%s: killed by kbench is %t, want %t", l.Worker, l.Killed, want)
		}
	}
	died := map[string]bool{}
	for _, name := range e.Audit().Died {
		died[name] = true
	}
	if diff := cmp.Diff(map[string]bool{"consumer-2": true, "consumer-3": true, "consumer-4": true}, died); diff != "" {
		t.Errorf("want to got:\n%s", diff)
	}
}

// mkdir makes the directory of a worker and names its deliveries in it.
func mkdir(t *testing.T, dir string) string {
	t.Helper()
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, results.DeliveryFile)
}

// TestWindows goes the whole way, from files: one member is killed, the other
// takes over.
func TestWindows(t *testing.T) {
	d, err := results.Create(filepath.Join(t.TempDir(), "r"), &results.Run{ID: "r"})
	if err != nil {
		t.Fatal(err)
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	base := record.Now() + int64(time.Hour)
	at := func(millis int64) int64 { return base + millis*ms }
	tr := &results.Trial{
		Ref: results.TrialRef{N: 1, Workload: "churn-crash", Arm: "sarama", Client: "sarama", Round: 1}, Kind: workloads.EndToEnd,
		State: "complete", RunTag: 7, Topic: "t", Group: "g",
		Phases:  []results.Phase{{Name: "measure", From: at(1000), To: at(40_000)}, {Name: "drain", From: at(40_000), To: at(41_000)}},
		Workers: []results.Worker{{Name: "consumer-0", Role: "consumer", Client: "sarama"}, {Name: "consumer-1", Role: "consumer", Client: "sarama", Exit: results.End{How: results.Killed, Signal: "SIGKILL"}}, {Name: "reference-0", Role: "reference", Client: "franz-go"}},
		Acts:    []results.Act{{N: 1, Kind: "crash", Counted: true, Member: "consumer-1", At: at(10_000)}},
	}
	tr.Spec.Group.Heartbeat, tr.Spec.Group.Session, tr.Spec.Pause.Theta = 3*time.Second, 10*time.Second, 100*time.Millisecond
	tr.Spec.Topic.Partitions = 2
	path, err := d.CreateTrial(tr)
	check(err)

	lanes := map[string][]*record.SpanLane{}
	for _, w := range tr.Workers {
		dir := filepath.Join(path, w.Name)
		check(os.Mkdir(dir, 0o755))
		f, err := record.CreateDeliveries(filepath.Join(dir, results.DeliveryFile), record.DeliveriesMeta{Run: 7, Worker: w.Name, Topics: []string{"t"}})
		check(err)
		kind := record.Delivered
		if w.Name == "reference-0" {
			kind = record.Acked
		}
		for p := range int32(2) {
			lanes[w.Name] = append(lanes[w.Name], f.Lane(kind, 0, p, 1))
		}
		defer func() { check(f.Close()) }()
	}
	// Partition 1 is the victim's; its last ten records are redelivered.
	for i := range uint64(1950) {
		due := at(1000 + int64(i)*20)
		for p := range 2 {
			lanes["reference-0"][p].Add(0, i, int64(i), due, due+ms)
		}
		lanes["consumer-0"][0].Add(0, i, int64(i), due, due+3*ms)
		if due < at(10_000) {
			lanes["consumer-1"][1].Add(0, i, int64(i), due, due+3*ms)
		}
	}
	for i := uint64(440); i < 1950; i++ {
		due := at(1000 + int64(i)*20)
		lanes["consumer-0"][1].Add(0, i, int64(i), due, max(due+3*ms, at(18_020)))
	}
	corr := int32(0)
	events := func(worker string, calls func(call func(api int16, req, resp int64, code int16, generation int32, parts ...int32))) {
		f, err := record.CreateEvents(filepath.Join(path, worker, results.EventsFile))
		check(err)
		calls(func(api int16, req, resp int64, code int16, generation int32, parts ...int32) {
			corr++
			f.Write(record.Event{K: record.EvRequest, T: at(req), Conn: 1, Corr: corr, API: api, Group: "g", Generation: generation})
			e := record.Event{K: record.EvResponse, T: at(resp), Conn: 1, Corr: corr, API: api, Err: code}
			if api == group.JoinGroup {
				e.Generation, e.Protocol = generation, "range"
			}
			for _, p := range parts {
				e.Parts = append(e.Parts, drivers.TopicPartition{Topic: "t", Partition: p})
			}
			f.Write(e)
		})
		check(f.Close())
	}
	events("consumer-0", func(call func(int16, int64, int64, int16, int32, ...int32)) {
		call(group.JoinGroup, 100, 110, 0, 1)
		call(group.SyncGroup, 111, 112, 0, 1, 0)
		call(group.Heartbeat, 15_000, 15_001, 0, 1)
		call(group.Heartbeat, 18_000, 18_001, group.RebalanceInProgress, 1)
		call(group.JoinGroup, 18_005, 18_006, 0, 2)
		call(group.SyncGroup, 18_007, 18_008, 0, 2, 0, 1)
	})
	events("consumer-1", func(call func(int16, int64, int64, int16, int32, ...int32)) {
		call(group.JoinGroup, 100, 110, 0, 1)
		call(group.SyncGroup, 111, 112, 0, 1, 1)
		call(group.Heartbeat, 7000, 7001, 0, 1) // expiry at 17 s
	})

	// Damaged latencies are said, and cost no window.
	check(os.WriteFile(filepath.Join(path, "consumer-0", results.LatencyFile), []byte("x"), 0o644))
	trial, err := Load(d, tr)
	check(err)
	if err := trial.Unread(); !strings.Contains(fmt.Sprint(err), "consumer-0/latency.hlog: no monotonic origin") {
		t.Errorf("damaged latencies: %v", err)
	}
	r := trial.Windows()
	if len(r.Events) != 1 {
		t.Fatalf("%d events", len(r.Events))
	}
	e := r.Events[0]
	// The records of the catch-up share a span with the next one, 3 ms later, over
	// which their times are spread: the down set ends a moment late, the gap does not.
	got := []int64{e.Window.From - base, e.T0 - base, e.Window.To - base, e.Wire, e.Floor, e.WireExcess, int64(e.Rounds * 1e6), e.UAny, e.UAll, e.LostPartitionTime}
	for i := range got {
		got[i] /= ms
	}
	if diff := cmp.Diff([]int64{10_000, 17_000, 18_023, 1008, 1001, 7, 1, 8022, 0, 8022}, got); diff != "" {
		t.Errorf("figures, want to got:\n%s", diff)
	}
	type part struct {
		Class              window.Class
		Gap, Floor, Excess int64
	}
	var parts []part
	for _, p := range e.Partitions {
		parts = append(parts, part{p.Class, p.Gap / ms, p.Floor / ms, p.Excess / ms})
	}
	if diff := cmp.Diff([]part{{window.Untouched, 3, 0, 3}, {window.Orphaned, 8020, 8001, 19}}, parts); diff != "" {
		t.Errorf("partitions, want to got:\n%s", diff)
	}
	if e.Duplicates.Crash != 10 || e.Duplicates.Total() != 10 {
		t.Errorf("duplicates %+v", e.Duplicates)
	}
	if len(r.Warnings) > 0 || len(e.Notes) > 0 {
		t.Errorf("warnings %q, notes %q", r.Warnings, e.Notes)
	}

	wantSlices(t, trial, base)
}

// wantSlices: samples can be cut by the same, those of all workers by what went on in the
// group, and those of a member by the phases that it went through.
func wantSlices(t *testing.T, trial *Trial, base int64) {
	t.Helper()
	windows := func(worker int) map[string][]int64 {
		out := map[string][]int64{}
		for _, s := range trial.Slices() {
			for _, w := range s.Windows(&trial.Workers[worker]) {
				out[s.Name] = append(out[s.Name], (w.From-base)/ms, (w.To-base)/ms)
			}
		}
		return out
	}
	want := map[string][]int64{
		"steady": {1000, 10_000, 18_023, 40_000}, "drain": {40_000, 41_000},
		"rebalance": {10_000, 18_023}, "rebalance/crash": {10_000, 18_023}, "rebalance/crash#1": {10_000, 18_023},
	}
	if diff := cmp.Diff(want, windows(1)); diff != "" {
		t.Errorf("windows of the one that was killed, want to got:\n%s", diff)
	}
	maps.Copy(want, map[string][]int64{
		"phase/detect": {17_000, 18_001}, "phase/react": {18_001, 18_005}, "phase/barrier": {18_005, 18_006}, "phase/assign": {18_006, 18_007},
		"phase/sync": {18_007, 18_008}, "phase/deliver": {18_008, 18_020},
	})
	if diff := cmp.Diff(want, windows(0)); diff != "" {
		t.Errorf("windows of the one that went on, want to got:\n%s", diff)
	}
}

// long writes a trial with so many spans: of a reference, and of two consumers, the
// second of which takes over from the first when it crashes.
func long(t *testing.T, spans int) (*results.Dir, *results.Trial) {
	t.Helper()
	d, err := results.Create(filepath.Join(t.TempDir(), "r"), &results.Run{ID: "r"})
	if err != nil {
		t.Fatal(err)
	}
	end := int64(spans) * 5 * ms
	tr := &results.Trial{
		Ref: results.TrialRef{N: 1, Arm: "a", Round: 1}, Kind: workloads.EndToEnd, State: results.StateComplete, RunTag: 7, Topic: "t", Group: "g",
		Phases:  []results.Phase{{Name: "measure", From: 1, To: end}},
		Workers: []results.Worker{{Name: "reference-0", Role: results.RoleReference}, {Name: "consumer-0", Role: results.RoleConsumer}, {Name: "consumer-1", Role: results.RoleConsumer}},
		Acts:    []results.Act{{N: 1, Kind: "crash", Counted: true, Member: "consumer-0", At: end / 2}},
	}
	tr.Spec.Group.Heartbeat, tr.Spec.Pause.Theta = time.Second, 100*time.Millisecond
	path, err := d.CreateTrial(tr)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range tr.Workers {
		f, err := record.CreateDeliveries(mkdir(t, filepath.Join(path, w.Name)), record.DeliveriesMeta{Run: 7, Worker: w.Name, Topics: []string{"t"}})
		if err != nil {
			t.Fatal(err)
		}
		kind, from, to := record.Delivered, spans/2*(i-1), spans/2*i
		if i == 0 {
			kind, from, to = record.Acked, 0, spans
		}
		lane := f.Lane(kind, 0, 0, 1)
		for n := from; n < to; n++ {
			for k := range 3 {
				seq := int64(3*n + k)
				lane.Add(0, uint64(seq), seq, int64(n)*5*ms, int64(n)*5*ms+int64(i+1)*ms)
			}
			lane.Cut()
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return d, tr
}

// What a trial is found out from is streamed: ten times the spans take no more memory
// but for where they are.
func TestStreamed(t *testing.T) {
	of := func(spans int) uint64 {
		d, tr := long(t, spans)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		e, err := Load(d, tr)
		if err != nil {
			t.Fatal(err)
		}
		if r := e.Audit(); r.Sent != int64(3*spans) || r.Lost != 0 || r.Delivered != r.Sent {
			t.Errorf("%d sent, %d lost", r.Sent, r.Lost)
		}
		if r := e.Windows(); len(r.Events) != 1 || r.Lost != 0 || r.Late != 0 {
			t.Errorf("%+v", r)
		}
		runtime.ReadMemStats(&after)
		if err := errors.Join(e.Err(), e.Close()); err != nil {
			t.Error(err)
		}
		return after.TotalAlloc - before.TotalAlloc
	}
	const few, many = 10_000, 100_000
	if each := float64(of(many)-of(few)) / (2 * (many - few)); each > 20 {
		t.Errorf("%.0f bytes for each further span; one is %d", each, unsafe.Sizeof(record.Span{}))
	}
}

// Times of a host whose clock is ahead are brought to the clock of the trial, wherever
// they come from; a record is due by the clock of its producer.
func TestClocks(t *testing.T) {
	of := func(here, there int64) (audit.Report, []int64) {
		d, err := results.Create(filepath.Join(t.TempDir(), "r"), &results.Run{ID: "r"})
		if err != nil {
			t.Fatal(err)
		}
		tr := &results.Trial{
			Ref: results.TrialRef{N: 1, Arm: "a", Round: 1}, Kind: workloads.EndToEnd, RunTag: 7, Topic: "t", Clocks: map[string]int64{"a": here, "b": there},
			Phases:  []results.Phase{{Name: "measure", From: 1, To: 1000}},
			Workers: []results.Worker{{Name: "reference-0", Role: results.RoleReference, Host: "a"}, {Name: "consumer-0", Role: results.RoleConsumer, Host: "b"}},
		}
		path, err := d.CreateTrial(tr)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range tr.Workers {
			dir := filepath.Join(path, w.Name)
			f, err := record.CreateDeliveries(mkdir(t, dir), record.DeliveriesMeta{Run: 7, Worker: w.Name, Topics: []string{"t"}})
			if err != nil {
				t.Fatal(err)
			}
			ahead := []int64{here, there}[i]
			lane := f.Lane([]record.Kind{record.Acked, record.Delivered}[i], 0, 0, 1)
			lane.Add(0, 0, 0, 100+here, int64(120+i*30)+ahead)
			lane.Add(0, 1, 1, 110+here, int64(121+i*30)+ahead)
			e, err := record.CreateEvents(filepath.Join(dir, results.EventsFile))
			if err != nil {
				t.Fatal(err)
			}
			e.Write(record.Event{K: record.EvPhase, Phase: "close", T: 300 + ahead})
			e.Write(record.Event{K: record.EvCanary, T: 300 + ahead, From: 200 + ahead, Worst: 5})
			if err := errors.Join(f.Close(), e.Close()); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(path, results.MachineFile), fmt.Appendf(nil, `{"t":%d,"host":"b"}`+"\n", 400+there), 0o644); err != nil {
			t.Fatal(err)
		}
		e, err := Load(d, tr)
		if err != nil {
			t.Fatal(err)
		}
		defer e.Close()
		worst, _ := e.Input().Worst(0)
		times := []int64{e.Machine[0].T, worst.Due, worst.At}
		for _, w := range e.Workers {
			times = append(times, w.Closing, w.Canary[0].From, w.Canary[0].To)
		}
		return e.Audit(), times
	}
	report, times := of(0, 0)
	ahead, same := of(1_000_000, -500)
	if diff := cmp.Diff(times, same); diff != "" || times[1] != 100 || times[2] != 150 {
		t.Errorf("times with clocks that differ, want to got:\n%s", diff)
	}
	if diff := cmp.Diff(report, ahead); diff != "" {
		t.Errorf("audit with clocks that differ, want to got:\n%s", diff)
	}
}
