package audit

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

func batch(kind record.Kind, first, count uint64, offset, at int64) record.Span {
	return record.Span{Kind: kind, First: first, Count: count, Offset: offset, At: at, LastAt: at}
}

func producer(spans ...record.Span) Log {
	return Log{Worker: "producer-0", Topics: []string{"t"}, Spans: record.HoldSpans(spans...)}
}

func reader(name string, spans ...record.Span) Log {
	return Log{Worker: name, Topics: []string{"t"}, Spans: record.HoldSpans(spans...)}
}

func TestCheck(t *testing.T) {
	f := func(kind workloads.Kind, want Report, logs ...Log) {
		t.Helper()
		got := Check(&results.Trial{Kind: kind, Topic: "t"}, logs)
		if broken := got.Sums.Broken(); broken != nil {
			t.Errorf("sums do not hold: %q", broken)
		}
		got.Examples, got.Copies, got.Sums = nil, nil, Sums{}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("want to got:\n%s", diff)
		}
	}
	// A producer workload is audited by what was read back, and only by that.
	f(workloads.Producing, Report{Sent: 10, Delivered: 10},
		producer(batch(record.Acked, 0, 10, 0, 1)), reader("readback", batch(record.ReadBack, 0, 10, 0, 2)))
	f(workloads.Producing, Report{Sent: 10, Lost: 10},
		producer(batch(record.Acked, 0, 10, 0, 1)), reader("consumer-0", batch(record.Delivered, 0, 10, 0, 2)))
	// A damaged record is corrupt and not lost, whatever its header claims.
	f(workloads.EndToEnd, Report{Sent: 10, Delivered: 9, Corrupt: 1},
		producer(batch(record.Acked, 0, 10, 0, 1)),
		reader("consumer-0", batch(record.Delivered, 0, 4, 0, 2), batch(record.Corrupt, 99, 1, 4, 2), batch(record.Delivered, 5, 5, 5, 2)))
	// The same damage seen twice is one record.
	f(workloads.EndToEnd, Report{Sent: 1, Corrupt: 1},
		producer(batch(record.Acked, 0, 1, 0, 1)),
		reader("consumer-0", batch(record.Corrupt, 0, 1, 0, 2), batch(record.Corrupt, 0, 1, 0, 3)))
	// Without offsets from acks (acks none) loss is still seen.
	f(workloads.EndToEnd, Report{Sent: 10, Delivered: 8, Lost: 2},
		producer(batch(record.Acked, 0, 10, -1, 1)), reader("consumer-0", batch(record.Delivered, 0, 8, 0, 2)))
	// A retry that wrote again is neither a redelivery nor out of order.
	f(workloads.EndToEnd, Report{Sent: 5, Delivered: 5, Duplicates: Duplicates{Producer: 3}},
		producer(batch(record.Acked, 0, 5, 0, 1)), reader("consumer-0", batch(record.Delivered, 0, 5, 0, 2), batch(record.Delivered, 2, 3, 5, 3)))
	// A late retry is out of order.
	f(workloads.EndToEnd, Report{Sent: 6, Delivered: 6, Reordered: 3, TooLate: []Redelivery{{At: 3, LastAt: 3, Worker: "consumer-0", Count: 3}}},
		producer(batch(record.Acked, 0, 3, 3, 1), batch(record.Acked, 3, 3, 0, 1)),
		reader("consumer-0", batch(record.Delivered, 3, 3, 0, 2), batch(record.Delivered, 0, 3, 3, 3)))
	// Failed but there is unanswered; failed and gone is failed alone.
	f(workloads.EndToEnd, Report{Failed: 6, Delivered: 2, Unanswered: 2},
		producer(batch(record.Failed, 0, 6, -1, 1)), reader("consumer-0", batch(record.Delivered, 0, 2, 0, 2)))
}

func TestCauses(t *testing.T) {
	var done []results.Act
	f := func(want string, change func(first, second *Log, one, two *[]record.Span)) {
		t.Helper()
		first, second := reader("consumer-0"), reader("consumer-1")
		one, two := []record.Span{batch(record.Delivered, 0, 10, 0, 5)}, []record.Span{batch(record.Delivered, 6, 4, 6, 9)}
		change(&first, &second, &one, &two)
		first.Spans, second.Spans = record.HoldSpans(one...), record.HoldSpans(two...)
		r := Check(&results.Trial{Kind: workloads.EndToEnd, Acts: done}, []Log{producer(batch(record.Acked, 0, 10, 0, 1)), first, second})
		for _, c := range r.Duplicates.Causes() {
			n := int64(0)
			if c.Name == want {
				n = 4
			}
			if c.Count != n {
				t.Errorf("%s: %d, want %d", c.Name, c.Count, n)
			}
		}
	}
	of := func(change func(first, second *Log)) func(*Log, *Log, *[]record.Span, *[]record.Span) {
		return func(first, second *Log, _, _ *[]record.Span) { change(first, second) }
	}
	f("stale", of(func(first, second *Log) {}))
	f("crash", of(func(first, second *Log) { first.Killed = true }))
	f("stale", func(first, second *Log, one, two *[]record.Span) { // killed, but only later
		first.Killed = true
		*one = append(*one, record.Span{Kind: record.Delivered, Partition: 1, First: 0, Count: 1, At: 20})
	})
	f("graceful", of(func(first, second *Log) { first.Closing = 8 }))
	f("crash", of(func(first, second *Log) { first.Died = true }))                      // nobody asked for it, but that is what it is
	f("graceful", of(func(first, second *Log) { first.Died, first.Closing = true, 8 })) // it had closed before
	f("stale", of(func(first, second *Log) { first.Closing = 10 }))
	f("other", func(first, second *Log, one, two *[]record.Span) {
		*one, *two = append(*one, *two...), nil
	})
	f("stale", func(first, second *Log, one, two *[]record.Span) { // given back to the same member
		(*two)[0].Tenure = 2
		*one, *two = append(*one, *two...), nil
	})
	again := func(first, second *Log, one, two *[]record.Span) { // had by the client that it opened after the first
		(*two)[0].Tenure = 2
		*one, *two = append(*one, *two...), nil
	}
	done = []results.Act{{Kind: acts.Reopen, Member: "consumer-0", At: 8}}
	f("graceful", again)
	done[0].Member = "consumer-1"
	f("stale", again)
	done[0].Member, done[0].At = "consumer-0", 10
	f("stale", again)
}

func TestEndOffsets(t *testing.T) {
	f := func(end int64, want string) {
		t.Helper()
		logs := []Log{producer(batch(record.Acked, 0, 10, 0, 1), batch(record.Failed, 10, 2, -1, 1)),
			reader("consumer-0", batch(record.Delivered, 0, 12, 0, 2), batch(record.Delivered, 3, 1, 12, 3))}
		r := Check(&results.Trial{Kind: workloads.EndToEnd, Topic: "t", End: map[int32]int64{0: end}}, logs)
		if got := strings.Join(results.Lines(r.Warnings), "\n"); got != want {
			t.Errorf("end %d: %q, want %q", end, got, want)
		}
	}
	f(13, "") // ten acked, two unanswered, one written twice
	f(12, "audit.offsets: t/0 ends at offset 12, but acked, written twice, unanswered and foreign records make 13")

	// What others sent after the broker was asked for its end is behind that end.
	f = func(end int64, want string) {
		t.Helper()
		logs := []Log{producer(batch(record.Acked, 0, 10, 0, 1)),
			reader("consumer-0", batch(record.Delivered, 0, 10, 0, 2), batch(record.Foreign, 0, 4, 10, 3))}
		r := Check(&results.Trial{Kind: workloads.EndToEnd, Topic: "t", End: map[int32]int64{0: end}}, logs)
		if got := strings.Join(results.Lines(r.Warnings), "\n"); got != want {
			t.Errorf("end %d: %q, want %q", end, got, want)
		}
	}
	f(10, "")
	f(12, "")
	f(14, "")
	f(15, "audit.offsets: t/0 ends at offset 15, but acked, written twice, unanswered and foreign records make 14")
	f(9, "audit.offsets: t/0 ends at offset 9, but acked, written twice, unanswered and foreign records make 10")
}

func TestExamples(t *testing.T) {
	// The loss crosses a cut between two acked spans and is one example.
	logs := []Log{producer(batch(record.Acked, 0, 50, 0, 1), batch(record.Acked, 50, 50, 50, 2)),
		reader("consumer-0", batch(record.Delivered, 0, 40, 0, 2), batch(record.Delivered, 60, 40, 60, 2), batch(record.Delivered, 98, 2, 98, 4))}
	r := Check(&results.Trial{Kind: workloads.EndToEnd}, logs)
	var got []string
	for _, e := range r.Examples {
		got = append(got, e.String())
	}
	want := []string{
		"lost: t/0 producer 0 sequence 40..59 at offset 40",
		"duplicate (other): t/0 producer 0 sequence 98..99 at offset 98 by consumer-0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want to got:\n%s", diff)
	}
}

// A hundred million records are as easy as the spans that they lie in.
func TestCostIsThatOfSpans(t *testing.T) {
	const spans, each = 2000, 50_000
	var acked, delivered []record.Span
	for i := range uint64(spans) {
		acked = append(acked, batch(record.Acked, i*each, each, int64(i*each), int64(i)))
		delivered = append(delivered, batch(record.Delivered, i*each, each-1, int64(i*each), int64(i)))
	}
	r := Check(&results.Trial{Kind: workloads.EndToEnd}, []Log{producer(acked...), reader("consumer-0", delivered...)})
	if r.Sent != spans*each || r.Lost != spans {
		t.Errorf("sent %d, lost %d", r.Sent, r.Lost)
	}
}

func ExampleExample() {
	fmt.Println(Example{What: "duplicate", Cause: "crash", Worker: "consumer-1", Topic: "t", Partition: 4, First: 10, Count: 3, Offset: 77})
	// Output: duplicate (crash): t/4 producer 0 sequence 10..12 at offset 77 by consumer-1
}
