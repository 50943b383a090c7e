package report_test

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kbench/kbench/internal/golden"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/cause"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

const ms = int64(1e6)

// at is a time in ms after the act; the clock has run for a while by then.
func at(millis int64) int64 { return (1_000_000 + millis) * ms }

func beats(from, to, every int64) []group.Call {
	var out []group.Call
	for t := from; t <= to; t += every {
		out = append(out, group.Call{API: group.Heartbeat, Req: at(t), Resp: at(t) + 1})
	}
	return out
}

func trialNo(n int, arm string) *results.Trial {
	return &results.Trial{Ref: results.TrialRef{N: n, Workload: "churn", Arm: arm, Client: "sarama", Lane: "matched", Round: 1}, State: results.StateComplete}
}

// joined is a join: everybody is told after 2 s and reacts within 40 ms.
func joined() report.Closeup {
	rejoin := func(told, join, joined, synced int64) []group.Call {
		return append(beats(-3000+told-2000, 1000, 3000),
			group.Call{API: group.Heartbeat, Req: at(told) - 1, Resp: at(told), Err: group.RebalanceInProgress},
			group.Call{API: group.JoinGroup, Req: at(join), Resp: at(joined)},
			group.Call{API: group.SyncGroup, Req: at(joined) + 1, Resp: at(synced)})
	}
	member := func(name string, told, join int64, react int64) window.Member {
		return window.Member{Worker: name, Client: "sarama", Paused: 80 * ms,
			Rounds: []window.Round{{Generation: 2, Told: at(told), Join: at(join), Joined: at(2040), Asked: at(2041), Synced: at(2050)}},
			Spent:  map[window.Phase]int64{window.Detect: (told - 30) * ms, window.React: react * ms, window.Barrier: (2040 - join) * ms, window.Assign: ms, window.Sync: 9 * ms, window.Position: 2 * ms, window.Deliver: 60 * ms}}
	}
	return report.Closeup{N: 1, Trial: trialNo(2, "sarama/range"),
		Input: &window.Input{Heartbeat: 3000 * ms, Session: 10_000 * ms, Theta: 100 * ms,
			Acts: []results.Act{{N: 1, Kind: "join", Counted: true, Member: "consumer-2", At: at(0)}, {N: 2, Kind: "leave", Member: "consumer-2", At: at(9000)},
				{N: 3, Kind: "join", Member: "consumer-3", At: at(15_000)}},
			Workers: []window.Worker{
				{Name: "consumer-0", Client: "sarama", Calls: rejoin(2000, 2010, 2040, 2050)},
				{Name: "consumer-1", Client: "sarama", Calls: rejoin(1990, 2035, 2040, 2050)},
				{Name: "consumer-2", Client: "sarama", Calls: []group.Call{{API: group.JoinGroup, Req: at(30), Resp: at(2040)}, {API: group.SyncGroup, Req: at(2041), Resp: at(2050)}}},
				{Name: "consumer-3", Client: "sarama"}, // not there yet
			}},
		Event: &window.Event{Name: "join#1", Counted: true, Settled: true, Protocol: "eager", Rounds: 1, Rebalanced: true,
			Acts:   []results.Act{{N: 1, Kind: "join", Counted: true, Member: "consumer-2", At: at(0)}},
			Window: window.Interval{From: at(0), To: at(2120)}, T0: at(30), T0Low: at(30), Wire: 2020 * ms, Floor: 1970 * ms, FloorHigh: 1970 * ms, WireExcess: 50 * ms,
			Partitions: []window.Partition{
				{Partition: 0, Class: window.Untouched, OldOwner: "consumer-0", NewOwner: "consumer-0", Records: 100, Gap: 120 * ms, FloorKnown: true, Floor: 10 * ms, Excess: 110 * ms, Down: []window.Interval{{From: at(2000), To: at(2120)}}},
				{Partition: 1, Class: window.Moved, OldOwner: "consumer-1", NewOwner: "consumer-2", Records: 100, Gap: 20 * ms, FloorKnown: true, Excess: 20 * ms},
				{Partition: 2, Class: window.Moved, OldOwner: "consumer-1", NewOwner: "consumer-2"},
			},
			Members: []window.Member{member("consumer-0", 2000, 2010, 10), member("consumer-1", 1990, 2035, 45),
				{Worker: "consumer-2", Client: "sarama", Rounds: []window.Round{{Generation: 2, Join: at(30), Joined: at(2040), Asked: at(2041), Synced: at(2050)}},
					Spent: map[window.Phase]int64{window.Start: 30 * ms, window.Barrier: 2010 * ms, window.Assign: ms, window.Sync: 9 * ms}}},
			UAny: 120 * ms, LostPartitionTime: 120 * ms, Late: 6, BaselineKnown: true, Baseline: 4 * ms,
			Duplicates: audit.Duplicates{Stale: 7}, Words: []results.Remark{{Words: "sarama consumer-0: deliver 60 ms"}}},
	}
}

// stalled is a stop that the group did not notice, merged with a crash that it
// did but that nobody could tell the end of.
func stalled() report.Closeup {
	acts := []results.Act{
		{N: 3, Kind: "stall", Counted: true, Member: "consumer-1", At: at(0), Resumed: at(4000)},
		{N: 4, Kind: "crash", Counted: true, Member: "consumer-0", At: at(5000), Gone: at(5001)},
	}
	return report.Closeup{N: 2, Trial: trialNo(12, "kafka-go"),
		Input: &window.Input{Heartbeat: 3000 * ms, Session: 10_000 * ms, Acts: acts, Workers: []window.Worker{
			{Name: "consumer-0", Calls: beats(-1000, 5000, 3000)}, {Name: "consumer-1", Calls: beats(-500, 0, 3000)},
		}},
		Event: &window.Event{Name: "stall#3", Counted: true, Protocol: "eager", Acts: acts, Window: window.Interval{From: at(0), To: at(20_000)}, T0: at(15_000),
			Partitions: []window.Partition{
				{Partition: 0, Class: window.Orphaned, OldOwner: "consumer-0", Records: 50, Gap: 15_000 * ms, Lost: 3, Down: []window.Interval{{From: at(5010), To: at(20_010)}}},
				{Partition: 1, Class: window.Untouched, OldOwner: "consumer-1", NewOwner: "consumer-1", Records: 50, Gap: 4000 * ms, FloorKnown: true, Floor: 4000 * ms, Down: []window.Interval{{From: at(0), To: at(4000)}}},
			},
			Lost: 3, Late: 40, Notes: []results.Remark{{Words: "merged with crash#4, which came before everything was quiet again"}, {Words: "no member got an assignment after the change"}}},
	}
}

// unreachable is a member from which nothing comes through for 8 s, so that it is evicted.
func unreachable() report.Closeup {
	act := results.Act{N: 5, Kind: "link", Counted: true, Member: "consumer-1", At: at(0), For: 8000 * ms, Resumed: at(8000), Link: &workloads.Link{Blackhole: true, Direction: "both", Share: 0.5}}
	return report.Closeup{N: 3, Trial: trialNo(12, "franz-go"),
		Input: &window.Input{Heartbeat: 3000 * ms, Session: 6000 * ms, Acts: []results.Act{act}, Workers: []window.Worker{
			{Name: "consumer-0", Calls: beats(-1000, 11_000, 3000)}, {Name: "consumer-1", Calls: beats(-500, 0, 3000)},
		}},
		Causes: []cause.Rebalance{{Known: at(6900), Reason: cause.Reason{At: at(5500), Cause: cause.Network, Sure: cause.Certain, Worker: "consumer-1", Why: "the session of consumer-1 ran out"}}},
		Event: &window.Event{Name: "link#5", Counted: true, Settled: true, Protocol: "eager", Rounds: 1, Rebalanced: true, Acts: []results.Act{act}, Window: window.Interval{From: at(0), To: at(9000)},
			T0: at(5500), Wire: 1500 * ms, Floor: 1400 * ms, FloorHigh: 1400 * ms, WireExcess: 100 * ms,
			Partitions: []window.Partition{{Partition: 0, Class: window.Orphaned, OldOwner: "consumer-1", NewOwner: "consumer-0", Records: 50, Gap: 7000 * ms, Down: []window.Interval{{From: at(0), To: at(7000)}}}},
		},
	}
}

func TestDrawCloseup(t *testing.T) {
	f := func(name string, c report.Closeup, width int) {
		t.Helper()
		var buf bytes.Buffer
		if err := text.Closeup(&buf, &c, text.Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		golden.Check(t, filepath.Join("testdata", name), buf.Bytes())
		within(t, name, buf.String(), width)
	}
	f("event-join.txt", joined(), 100)
	f("event-join-narrow.txt", joined(), 60)
	f("event-join-wide.txt", joined(), 160)
	f("event-stall.txt", stalled(), 100)
	f("event-link.txt", unreachable(), 100)
}

// restoring is the leave that ends what a join began; no figure counts it.
func restoring() report.Closeup {
	c := joined()
	e := *c.Event
	e.Name, e.Counted, e.Acts = "leave#2", false, c.Input.Acts[1:2]
	c.N, c.Event = 0, &e
	return c
}

// Whatever the event, drawing it fits and does not fail.
func TestDrawFits(t *testing.T) {
	for _, length := range []int64{0, 1, ms, 90 * 1e9, 3600 * 1e9} {
		for width := 60; width <= 130; width += 7 {
			c := joined()
			c.Event.Window.To = c.Event.Window.From + length
			var buf bytes.Buffer
			if err := text.Closeup(&buf, &c, text.Options{Width: width}); err != nil {
				t.Fatal(err)
			}
			within(t, fmt.Sprintf("%d ns, %d columns", length, width), buf.String(), width)
		}
	}
}

func TestFindCloseup(t *testing.T) {
	list := []report.Closeup{joined(), restoring(), stalled()}
	f := func(name, want string) {
		t.Helper()
		c, err := report.FindCloseup(list, name)
		if err != nil || c.Event.Name != want {
			t.Errorf("%s: %v, %v, want %s", name, c, err, want)
		}
	}
	f("1", "join#1")
	f("2.1", "join#1")
	f("2.2", "leave#2")
	f("2", "stall#3")
	f("12.3", "stall#3") // by the act that opened its window
	f("12.4", "stall#3") // by the one that was merged into it
	for _, name := range []string{"0", "3", "2.3", "-1", "12", "", "join#1"} {
		if c, err := report.FindCloseup(list, name); err == nil || !strings.Contains(err.Error(), "1 to 2, and by trial and act 2.1 to 12.3") {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
	if _, err := report.FindCloseup(nil, "1"); err == nil || !strings.Contains(err.Error(), "no completed trial") {
		t.Errorf("a run without events: %v", err)
	}
}

func TestListOfEvents(t *testing.T) {
	var buf bytes.Buffer
	if err := text.Events(&buf, []report.Closeup{joined(), restoring(), stalled()}, text.Options{}); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, filepath.Join("testdata", "events.txt"), buf.Bytes())
	within(t, "events.txt", buf.String(), 100)
}
