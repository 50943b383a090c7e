package evidence

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

const s = int64(time.Second)

// TestTopics audits a trial with two topics of two partitions each, from its
// files. Spans have numbers; requests name a topic or its id. What the two topics
// have in common, the partitions 0 and 1, must not be taken for the same: a commit
// to the one after a higher one to the other is no regression.
func TestTopics(t *testing.T) {
	d, err := results.Create(filepath.Join(t.TempDir(), "r"), &results.Run{})
	if err != nil {
		t.Fatal(err)
	}
	trial := &results.Trial{
		Ref:  results.TrialRef{N: 1, Arm: "a", Round: 1},
		Kind: workloads.EndToEnd, Topic: "a", Group: "g", RunTag: 7,
		Topics:  results.Topics{{Name: "a", ID: "ida", Count: 2}, {Name: "b", ID: "idb", First: 2, Count: 2}},
		Workers: []results.Worker{{Name: "consumer-0", Role: "consumer"}, {Name: "reference-1", Role: "reference"}},
		End:     map[int32]int64{0: 0, 1: 0, 2: 0, 3: 5},
	}
	trial.Spec.Group.Heartbeat = time.Second
	dir, err := d.CreateTrial(trial)
	if err != nil {
		t.Fatal(err)
	}
	write := func(worker string, kind record.Kind, sequences int, events ...record.Event) {
		path := filepath.Join(dir, worker)
		if err := os.Mkdir(path, 0o755); err != nil {
			t.Fatal(err)
		}
		d, err := record.CreateDeliveries(filepath.Join(path, results.DeliveryFile), record.DeliveriesMeta{Run: 7, Worker: worker, Topics: []string{"a"}})
		if err != nil {
			t.Fatal(err)
		}
		l := d.Lane(kind, 0, 3, 1)
		for i := range sequences {
			l.Add(1, uint64(i), int64(i), int64(i), int64(i)+5)
		}
		e, err := record.CreateEvents(filepath.Join(path, results.EventsFile))
		if err != nil {
			t.Fatal(err)
		}
		for _, ev := range events {
			e.Write(ev)
		}
		for _, err := range []error{d.Close(), e.Close()} {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var events []record.Event
	ask := func(at int64, corr int32, topic string, partition int32, offset int64) {
		events = append(events,
			record.Event{K: record.EvRequest, T: at, API: group.OffsetCommit, Corr: corr, Group: "g", Parts: []drivers.TopicPartition{{Topic: topic, Partition: partition}}, Offsets: []int64{offset}},
			record.Event{K: record.EvResponse, T: at + s/1000, API: group.OffsetCommit, Corr: corr})
	}
	ask(1*s, 1, "a", 1, 10)
	ask(2*s, 2, "b", 1, 5) // another partition
	ask(3*s, 3, "idb", 1, 4)
	write("consumer-0", record.Delivered, 4, events...)
	write("reference-1", record.Acked, 5)

	e, err := Load(d, trial)
	if err != nil {
		t.Fatal(err)
	}
	var numbers []int32
	for _, e := range e.Workers[0].Group {
		for _, p := range e.Parts {
			numbers = append(numbers, p.Partition)
		}
	}
	if diff := cmp.Diff([]int32{1, 3, 3}, numbers); diff != "" {
		t.Errorf("numbers of the partitions in events, want to got:\n%s", diff)
	}
	r := e.Audit()
	if r.Group.Regressions != 1 {
		t.Errorf("%d commit regressions, want that of b/1 alone: %v", r.Group.Regressions, r.Group.Examples)
	}
	if r.Sent != 5 || r.Lost != 0 || r.Missing() != 1 || len(r.Warnings) != 0 {
		t.Errorf("%d sent, %d lost, warnings %v", r.Sent, r.Lost, r.Warnings)
	}
	if len(r.Examples) != 1 || r.Examples[0].String() != "undelivered (drain): b/1 producer 1 sequence 4 at offset 4" {
		t.Errorf("examples %v, want the partition by the name that its broker has for it", r.Examples)
	}
}
