package verify

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/drivers/sarama"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// asked are answers to one case, of which some are out of their bound and some
// are wrong in another way.
func asked(c Case, n, missed, grave int) []Answer {
	out := make([]Answer, n)
	for i := range out {
		over := int64(i)
		x := Excess{Stop: 100 * ms, Gap: 100*ms + over, Over: over, Most: 25 * ms}
		var wrong []string
		switch {
		case i < missed:
			x.Over = 26 * ms
			wrong = []string{"the gap must be"}
		case i < missed+grave:
			wrong = []string{"audit.lost is 1 where nothing of the kind was injected"}
		}
		out[i] = Answer{Case: c, Wrong: wrong, Excess: &x}
	}
	return out
}

// TestTallies: of 20 stops of a client one may be out of its bound; of fewer
// none; and what is wrong in another way never.
func TestTallies(t *testing.T) {
	client, exact := stop(sarama.New(), time.Second), stop(loopback.New(), time.Second)
	f := func(answers []Answer, found, need int, ok bool) {
		t.Helper()
		got := Tallies(answers)
		if len(got) != 1 {
			t.Fatalf("%d tallies of one question to one client", len(got))
		}
		if got[0].Cases != len(answers) || got[0].Found != found || got[0].Need != need || got[0].OK != ok {
			t.Errorf("%d of %d found, need %d, ok %t; want %d, need %d, ok %t", got[0].Found, got[0].Cases, got[0].Need, got[0].OK, found, need, ok)
		}
		if len(got[0].Wrong) != len(answers)-found {
			t.Errorf("%d are said to be wrong, want %d", len(got[0].Wrong), len(answers)-found)
		}
	}
	f(asked(client, 20, 0, 0), 20, 19, true)
	f(asked(client, 20, 1, 0), 19, 19, true)
	f(asked(client, 20, 2, 0), 18, 19, false)
	f(asked(client, 20, 0, 1), 19, 19, false)
	f(asked(client, 19, 1, 0), 18, 19, false)
	f(asked(client, 40, 2, 0), 38, 38, true)
	f(asked(exact, 50, 0, 0), 50, 50, true)
	f(asked(exact, 50, 1, 0), 49, 50, false)

	both := Tallies(append(asked(client, 20, 1, 0), asked(exact, 50, 0, 0)...))
	if len(both) != 2 || both[0].Client != "sarama" || both[1].Client != "loopback" || !both[0].OK || !both[1].OK {
		t.Errorf("got %+v", both)
	}
	if w := both[0].Worst; w == nil || w.Over != 26*ms {
		t.Errorf("the worst is %+v, not the one beyond its bound", w)
	}
	if w := both[1].Worst; w == nil || w.Over != 49 {
		t.Errorf("the worst is %+v, not the longest", w)
	}
	// A stop that was shorter than it can have been is worse than a long one.
	short := asked(client, 2, 0, 0)
	short[0].Excess.Over, short[0].Wrong = -1, []string{"the gap must be"}
	if w := Tallies(short)[0].Worst; w.Over != -1 {
		t.Errorf("the worst is %+v", w)
	}
}

// TestThorough: every question is asked of every client as often as it says,
// with lengths that the seed decides and that cover their range, and a worker
// knows every driver.
func TestThorough(t *testing.T) {
	table := []drivers.Driver{franzgo.New(), sarama.New(), kafkago.New(), loopback.New()}
	n := DefaultCounts()
	if err := n.Check(); err != nil {
		t.Fatal(err)
	}
	cases, err := Thorough(table, n)
	if err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, d := range append(Drivers(table), table...) {
		known = append(known, d.Name())
	}
	times := map[string]int{}
	for _, c := range cases {
		times[c.label()+" "+c.Client()]++
		if !slices.Contains(known, c.Driver.Name()) {
			t.Errorf("no worker knows %s", c.Driver.Name())
		}
		if _, err := plan.Expand([]workloads.Spec{c.Spec}, []string{c.Driver.Name()}, []string{string(drivers.Matched)}, plan.Rounds{Timed: 1}, seed); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
	want := map[string]int{"stop loopback": 50}
	for _, blamed := range []string{"client", "machine", "burn", "litter", "reference", "broker", "supervisor"} {
		for _, d := range table {
			if !drivers.IsBrokerless(d) || !slices.Contains([]string{"reference", "broker", "supervisor"}, blamed) {
				want["blame "+blamed+" "+d.Name()] = 20
			}
		}
	}
	for _, client := range []string{"franz-go", "sarama", "kafka-go"} {
		want["stop "+client], want["quiet "+client] = 20, 20
		want["process stopped "+client], want["stopped beyond session "+client], want["link "+client] = 5, 2, 5
		want["cause "+client] = 20
		want["node "+client], want["node moved "+client] = 5, 5
		for _, f := range append(faulty.Faults(), faulty.Fault{Kind: faulty.Rewind}) {
			want[string(f.Kind)+" "+client] = 1
		}
	}
	for label, count := range want {
		if times[label] != count {
			t.Errorf("%s is there %d times, want %d", label, times[label], count)
		}
	}
	if len(times) != len(want) {
		t.Errorf("%d questions, want %d: %v", len(times), len(want), times)
	}
	if d := Estimate(cases); d > 40*time.Minute {
		t.Errorf("it takes about %s", d)
	}
	for _, bad := range []Counts{{}, {Stops: 1, Quiet: 1}, {Stops: 1, QuietLength: time.Second}, {Quiet: 1, QuietLength: time.Second}} {
		if bad.Check() == nil {
			t.Errorf("%+v is allowed", bad)
		}
	}
}

// TestLengths: the same seed draws the same lengths, another one others; none is
// out of range, and as many are below the geometric middle as above it.
func TestLengths(t *testing.T) {
	a := lengths("x", 1, 1000, longestStop)
	if !slices.Equal(a, lengths("x", 1, 1000, longestStop)) {
		t.Error("one seed draws different lengths")
	}
	if slices.Equal(a, lengths("x", 2, 1000, longestStop)) || slices.Equal(a, lengths("y", 1, 1000, longestStop)) {
		t.Error("the seed or the stream does not matter")
	}
	if slices.Min(a) < shortestStop || slices.Max(a) > longestStop {
		t.Errorf("from %s to %s", slices.Min(a), slices.Max(a))
	}
	const middle = 1225 * time.Millisecond // the root of 100ms times 15s
	below := 0
	for _, d := range a {
		if d < middle {
			below++
		}
	}
	if below < 400 || below > 600 {
		t.Errorf("%d of 1000 are below %s", below, middle)
	}
	if got := slices.Max(lengths("x", 1, 1000, 5*time.Second)); got > 5*time.Second {
		t.Errorf("%s, with a limit of 5s", got)
	}
}

// event is a process stopped for so long, with one partition.
func event(length, gap int64) Evidence {
	return with(func(e *Evidence) {
		from := 1000 * ms
		e.Pauses = &window.Report{Events: []window.Event{{
			Acts: []results.Act{{Kind: "stall", Member: "consumer-0", At: from, Resumed: from + length}},
			Partitions: []window.Partition{
				{Partition: 0, Class: window.Untouched, OldOwner: "consumer-0", Records: 100, Gap: gap, Floor: length, FloorKnown: true},
				{Partition: 1, Class: window.Untouched, OldOwner: "consumer-1", Records: 100, Gap: 900 * ms},
			},
		}}}
		e.Canary = []Canary{{Worker: "consumer-0", To: 99000 * ms, Worst: length}, {Worker: "consumer-1", To: 99000 * ms, Worst: 3 * ms}}
	})
}

// evicted is a process stopped for 8 s whose session is said to have ended, and
// whose partition has a floor.
func evicted(expiry, floor, gap int64) Evidence {
	e := event(8000*ms, gap)
	ev := &e.Pauses.Events[0]
	ev.Rebalanced, ev.T0 = true, 1000*ms+expiry
	ev.Partitions[0].Class, ev.Partitions[0].Floor = window.Orphaned, floor
	return e
}

// TestProcessStops: what must be said of a process that was stopped.
func TestProcessStops(t *testing.T) {
	f := func(v verdict, wrong ...string) {
		t.Helper()
		if v.injected == "" || v.reported == "" {
			t.Errorf("injected %q, reported %q: a column would be empty", v.injected, v.reported)
		}
		if len(v.wrong) != len(wrong) {
			t.Errorf("%d things are wrong, want %d: %q", len(v.wrong), len(wrong), v.wrong)
			return
		}
		for i, w := range wrong {
			if !strings.Contains(v.wrong[i], w) {
				t.Errorf("%q does not say %q", v.wrong[i], w)
			}
		}
	}
	edit := func(e Evidence, how func(*window.Event)) Evidence {
		how(&e.Pauses.Events[0])
		return e
	}
	paused, gone := ownTime{}.pauseFound, ownTime{}.evictFound
	f(paused(event(2000*ms, 2000*ms)))
	f(paused(event(2000*ms, 1990*ms)))
	f(paused(event(2000*ms, 1990*ms-1)), "-10ms to 30ms longer than the stop; the machine itself was late by up to 3ms")
	f(paused(event(2000*ms, 2030*ms)))
	f(paused(event(2000*ms, 2030*ms+1)), "-10ms to 30ms")
	f(paused(edit(event(2000*ms, 2000*ms), func(e *window.Event) { e.Rebalanced = true })), "is said to have rebalanced")
	f(paused(edit(event(2000*ms, 2000*ms), func(e *window.Event) { e.Partitions[0].Floor-- })), "with a floor of")
	f(paused(edit(event(2000*ms, 2000*ms), func(e *window.Event) { e.Partitions[0].OldOwner = "" })), "nothing was tested")
	f(paused(edit(event(2000*ms, 2000*ms), func(e *window.Event) { e.Acts[0].Resumed = 0 })), "the act is stall, went on at 0")
	f(paused(good()), "one event with one act")
	lossy := event(2000*ms, 2000*ms)
	lossy.Counts[results.AuditDuplicate] = 1
	f(paused(lossy), "audit.duplicate is 1")

	f(gone(evicted(6000*ms, 6400*ms, 6430*ms)))
	f(gone(evicted(5000*ms, 5400*ms, 5430*ms)))
	f(gone(evicted(4979*ms, 5400*ms, 5430*ms)), "ended 4.979s after the stop")
	f(gone(evicted(6021*ms, 6400*ms, 6430*ms)), "ended 6.021s after the stop")
	f(gone(evicted(6000*ms, 6400*ms, 6390*ms)))
	f(gone(evicted(6000*ms, 6400*ms, 6389*ms)), "-10ms to 30ms longer than the floor")
	f(gone(evicted(6000*ms, 6400*ms, 6431*ms)), "-10ms to 30ms longer than the floor")
	f(gone(edit(evicted(6000*ms, 6400*ms, 6430*ms), func(e *window.Event) { e.Rebalanced = false })), "nobody is said to have been evicted")
	f(gone(edit(evicted(6000*ms, 6400*ms, 6430*ms), func(e *window.Event) { e.Partitions[0].Class = window.Moved })), "partition 0 is moved")
	late := evicted(6000*ms, 6400*ms, 6430*ms)
	late.Counts[results.AuditZombie], late.Counts[results.AuditLost] = 3, 1
	f(gone(late), "audit.lost is 1")

	// What a client takes by its own code is granted to it alone, and is said.
	for _, client := range []drivers.Driver{franzgo.New(), sarama.New(), kafkago.New()} {
		g := func(c Case, within, beyond Evidence, own time.Duration, why string) {
			t.Helper()
			f(c.judge(within))
			f(c.judge(beyond), fmt.Sprintf("-10ms to %s longer than", 30*time.Millisecond+own))
			if own > 0 != strings.Contains(c.Bound, "100ms more: "+client.Name()) || !strings.Contains(c.Bound, why) {
				t.Errorf("%s, %s: the bound is said to be %s", c.Name, client.Name(), c.Bound)
			}
		}
		ofPause, ofAssignment := time.Duration(0), time.Duration(0)
		whyPause, whyAssignment := "", ""
		switch client.Name() {
		case "kafka-go":
			ofPause, whyPause = 100*time.Millisecond, "ReadBackoffMin"
		case "sarama":
			ofAssignment, whyAssignment = 100*time.Millisecond, "partitionConsumersBatchTimeout"
		}
		most := 2030*ms + int64(ofPause)
		g(pause(client, 2*time.Second), event(2000*ms, most), event(2000*ms, most+1), ofPause, whyPause)
		most = 6430*ms + int64(ofAssignment)
		g(evict(client, 8*time.Second), evicted(6000*ms, 6400*ms, most), evicted(6000*ms, 6400*ms, most+1), ofAssignment, whyAssignment)
	}
}

// TestBusy: a missed bound is a matter of the machine where that was later than
// the case itself allows for.
func TestBusy(t *testing.T) {
	f := func(d drivers.Driver, gap, canary int64, want bool) {
		t.Helper()
		c := stop(d, 100*time.Millisecond)
		v := c.judge(stopped(gap, canary))
		a := Answer{Case: c, Wrong: v.wrong, Excess: v.excess}
		if a.Busy() != want {
			t.Errorf("%s, gap %d, canary %d: busy is %t: %+v %q", d.Name(), gap, canary, a.Busy(), a.Excess, a.Wrong)
		}
	}
	f(sarama.New(), 500*ms, 19*ms, false)
	f(sarama.New(), 500*ms, 21*ms, true)
	f(sarama.New(), 110*ms, 21*ms, false) // nothing was missed
	f(loopback.New(), 500*ms, 1*ms, false)
	f(loopback.New(), 500*ms, 3*ms, true)
}

// TestQuietPauses: a rebalance or an event that nobody caused is none of a quiet run.
func TestQuietPauses(t *testing.T) {
	f := func(r *window.Report, wrong string) {
		t.Helper()
		v := quiet(with(func(e *Evidence) { e.Pauses = r }))
		if got := strings.Join(v.wrong, "; "); got != wrong {
			t.Errorf("got %q, want %q", got, wrong)
		}
	}
	f(&window.Report{}, "")
	f(&window.Report{Generations: 2}, "the group is said to have rebalanced 2 times")
	f(&window.Report{Events: make([]window.Event, 1)}, "1 events are reported")
}
