package window

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// Each record of a span comes out with its own times; a redelivery changes
// nothing, and what was acked and never came is late until the end.
func TestRecords(t *testing.T) {
	logs := []audit.Log{
		{Worker: "reference-0", Spans: []record.Span{
			{Kind: record.Acked, Count: 5, Due: 100, LastDue: 500, At: 110, LastAt: 510},
			{Kind: record.Failed, First: 5, Count: 1, Due: 600, At: 610},
		}},
		{Worker: "consumer-0", Spans: []record.Span{
			{Kind: record.Delivered, Count: 3, Due: 100, LastDue: 300, At: 1000, LastAt: 1020, MaxLate: 900},
		}},
		{Worker: "consumer-1", Spans: []record.Span{
			{Kind: record.Delivered, First: 2, Count: 2, Due: 300, LastDue: 400, At: 2000, LastAt: 2000, MaxLate: 1700},
			{Kind: record.Delivered, First: 6, Count: 1, Due: 700, LastDue: 700, At: 705, LastAt: 705, MaxLate: 5},
		}},
	}
	workers := []Worker{{Name: "consumer-0"}, {Name: "consumer-1"}}
	same(t, "records", records(logs, workers, 9000)[0], []Record{
		{Due: 100, At: 1000, By: 0},
		{Due: 200, At: 1010, By: 0},
		{Due: 300, At: 1020, By: 0},
		{Due: 400, At: 2000, By: 1},
		{Due: 500, At: 9000, By: -1, Lost: true},
		{Due: 700, At: 705, By: 1}, // its ack was lost; it is there
	})
}

// The largest lateness of a span is exact where the times between its ends are
// not.
func TestSpanKeepsItsWorst(t *testing.T) {
	var late []int64
	each(record.Span{Count: 4, Due: 0, LastDue: 30, At: 10, LastAt: 40, MaxLate: 25}, func(_ uint64, due, at int64) { late = append(late, at-due) })
	same(t, "lateness", late, []int64{25, 10, 10, 10})
}

// TestAnalyse goes the whole way, from files: one member is killed, the other
// takes over.
func TestAnalyse(t *testing.T) {
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
		State: results.StateComplete, RunTag: 7, Topic: "t", Group: "g",
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

	r, err := Analyse(d, tr)
	check(err)
	if len(r.Events) != 1 {
		t.Fatalf("%d events", len(r.Events))
	}
	e := r.Events[0]
	e.Window.From, e.Window.To, e.T0 = e.Window.From-base, e.Window.To-base, e.T0-base
	// The records of the catch-up share a span with the next one, 3 ms later, over
	// which their times are spread: the down set ends a moment late, the gap does not.
	same(t, "figures", figuresOf(e), figures{10_000, 17_000, 18_023, 1008, 1001, 7, 1, 8022, 0, 8022})
	same(t, "partitions", parts(e), []part{{Untouched, 3, 0, 3}, {Orphaned, 8020, 8001, 19}})
	if e.Duplicates.Crash != 10 || e.Duplicates.Total() != 10 {
		t.Errorf("duplicates %+v", e.Duplicates)
	}
	if len(r.Warnings) > 0 || len(e.Notes) > 0 {
		t.Errorf("warnings %q, notes %q", r.Warnings, e.Notes)
	}
}
