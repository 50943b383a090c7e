package summary

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/window"
)

// What an event is worth to a reader of rows: the worst of its partitions and
// members, by class where there are classes, and nothing where nothing is known.
func TestPauseRows(t *testing.T) {
	const ms = int64(1e6)
	var warnings []string
	r := &window.Report{
		Availability: 0.75, Late: 9, Generations: 3, Changes: 2, Amplification: 1.5, Warnings: []results.Remark{{Words: "one of two is noisy"}},
		StormsSought: true, Recovery: 7000 * ms, Recoveries: 1, Storms: []window.Storm{{Interval: window.Interval{To: 60_000 * ms}, Severity: 0.5, Why: "it fed on itself"}},
		Events: []window.Event{
			{
				Name: "join#1", Counted: true, Window: window.Interval{From: 5 * ms}, T0: 12 * ms, Lost: 4, Rebalanced: true, Wire: 30 * ms, Floor: 20 * ms, WireExcess: 10 * ms, Rounds: 2,
				UAny: 500 * ms, Movement: 0.25, BaselineKnown: true, Baseline: ms,
				Partitions: []window.Partition{
					{Class: window.Moved, Records: 5, Gap: 8 * ms, FloorKnown: true, Excess: -2 * ms, Unexplained: &blame.Bounds{Least: 3 * ms, Most: 4 * ms}},
					{Class: window.Moved, Records: 5, Gap: 9 * ms, FloorKnown: true, Excess: -3 * ms},
					{Class: window.Orphaned, Records: 5, Gap: 40 * ms},
					{Class: window.Untouched, Gap: 99 * ms}, // without records: no gap
				},
				Members: []window.Member{
					{Spent: map[window.Phase]int64{window.React: 3 * ms, window.Start: ms}, Paused: 7 * ms},
					{Spent: map[window.Phase]int64{window.React: 5 * ms}, Paused: 4 * ms},
				},
				Duplicates: audit.Duplicates{Crash: 2, Stale: 1},
				Others:     &window.Others{Metric: results.PauseGap, Figure: 40 * ms, Sum: 30 * ms, Most: blame.Share{Source: blame.SourceBroker, Bounds: blame.Bounds{Least: 20 * ms}}},
			},
			{Name: "leave#2"}, // restores the group
			{Name: "stall#3", Counted: true, Noisy: true, Merged: true, Further: []string{"join", "join"}},
		},
	}
	b := &builder{
		inputs: &inputs{trial: &results.Trial{}, churn: r},
		warn:   func(r results.Remark) { warnings = append(warnings, r.String()) },
	}
	b.pauses()
	got := map[string]float64{}
	for _, row := range b.rows {
		key := row.Event + " " + row.Class + " " + row.Metric
		if _, twice := got[key]; twice {
			t.Errorf("two rows for %s", key)
		}
		got[key] = row.Value
		m, known := results.LookupMetric(row.Metric)
		if !known || m.Unit != row.Unit || !m.HasStat(row.Stat) {
			t.Errorf("row %+v does not fit the table of metrics: %+v", row, m)
		}
		if row.Event != "" && !m.PerEvent {
			t.Errorf("%s is given per event, and the table does not say so", row.Metric)
		}
	}
	for key, want := range map[string]float64{
		"  pause.availability": 0.75, "  audit.late": 9, "  group.generations": 3, "  group.amplification": 1.5, "  group.storms": 1, "  group.recovery": 7e9,
		"join#1  pause.total": 37e6, "join#1  pause.lost_records": 4, "join#1  pause.wire": 30e6, "join#1  pause.floor": 20e6, "join#1  pause.wire_excess": 10e6,
		"join#1  pause.gap": 40e6, "join#1 moved pause.gap": 9e6, "join#1 orphaned pause.gap": 40e6,
		"join#1  pause.gap_excess": -2e6, "join#1 moved pause.gap_excess": -2e6,
		"join#1  pause.gap_unexplained": 4e6, "join#1 moved pause.gap_unexplained": 4e6, "join#1 least pause.gap_unexplained": 3e6,
		"join#1  pause.others": 30e6, "join#1 broker pause.others": 20e6,
		"join#1  pause.start": 1e6, "join#1  pause.react": 5e6, "join#1  pause.member": 7e6, "join#1  pause.baseline": 1e6,
		"join#1  pause.u_any": 0.5, "join#1  group.rounds": 2, "join#1  group.movement": 0.25,
		"join#1  pause.duplicates": 3, "join#1 crash pause.duplicates": 2, "join#1 stale pause.duplicates": 1,
		"join#1  pause.noisy": 0, "stall#3  pause.noisy": 1,
		"join#1  pause.merged": 0, "stall#3  pause.merged": 1, "stall#3 join pause.merged": 2,
	} {
		if have, ok := got[key]; !ok || have != want {
			t.Errorf("%s is %v (%t), want %v", key, have, ok, want)
		}
	}
	for _, key := range []string{"join#1 untouched pause.gap", "join#1 orphaned pause.gap_excess", "stall#3  pause.wire", "stall#3  pause.total", "stall#3  pause.gap", "stall#3  pause.baseline", "leave#2  pause.noisy"} {
		if v, ok := got[key]; ok {
			t.Errorf("%s is not known, and there is a row: %v", key, v)
		}
	}
	if diff := cmp.Diff([]string{"storm of 1m0s, 50% of the partition time lost: it fed on itself", "one of two is noisy"}, warnings); diff != "" {
		t.Errorf("warnings, want to got:\n%s", diff)
	}
}

// Findings between members are rows of every trial that consumes.
func TestGroupRows(t *testing.T) {
	var warnings []string
	b := &builder{inputs: &inputs{trial: &results.Trial{}}, warn: func(r results.Remark) { warnings = append(warnings, r.String()) }}
	b.group(audit.Report{Died: []string{"consumer-3"}, Group: audit.Group{Zombies: 1, Overlaps: 2, Regressions: 3, Stuck: 4, Ghosts: 5, Examples: []results.Remark{{Words: "zombie: there"}}}})
	want := map[string]float64{results.AuditZombie: 1, results.AuditOverlap: 2, results.AuditCommitRegression: 3, results.AuditStuck: 4, results.AuditGhost: 5, results.GroupStrangers: 0}
	got := map[string]float64{}
	for _, row := range b.rows {
		got[row.Metric] = row.Value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want to got:\n%s", diff)
	}
	if text := strings.Join(warnings, "\n"); !strings.Contains(text, "zombie: there") || !strings.Contains(text, "consumer-3 ended by itself") {
		t.Errorf("warnings: %s", text)
	}
}

// Partitions that kept their owner are told apart by the node that leads them.
func TestLedByCoordinator(t *testing.T) {
	const ms = int64(1e6)
	e := &window.Event{Name: "join#1", Partitions: []window.Partition{
		{Partition: 0, Class: window.Untouched, Records: 5, Gap: 900 * ms},
		{Partition: 1, Class: window.Untouched, Records: 5, Gap: 30 * ms},
		{Partition: 2, Class: window.Untouched, Records: 5, Gap: 40 * ms},
		{Partition: 3, Class: window.Moved, Records: 5, Gap: 7000 * ms},
		{Partition: 4, Class: window.Untouched, Gap: 8000 * ms},             // no records, no gap
		{Partition: 5, Class: window.Untouched, Records: 5, Gap: 9000 * ms}, // nobody knows who leads it
	}}
	f := func(coordinator int32, want map[string]float64) {
		t.Helper()
		b := &builder{inputs: &inputs{trial: &results.Trial{Coordinator: coordinator, Leaders: map[int32]int32{0: 2, 1: 1, 2: 3, 3: 2, 4: 2}}}}
		got := map[string]float64{}
		b.led(e, func(metric, class string, value float64, _ int64) { got[metric+" "+class] = value })
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("coordinator %d (-want +got):\n%s", coordinator, d)
		}
	}
	f(2, map[string]float64{"pause.gap untouched_coordinator": 900e6, "pause.gap untouched_elsewhere": 40e6})
	f(7, map[string]float64{}) // nothing to hold against each other
}

// Where a slow handler makes lateness say nothing, nothing of it has a row.
func TestSlowRows(t *testing.T) {
	rows := func(slow bool) map[string]bool {
		b := &builder{
			inputs: &inputs{trial: &results.Trial{}, churn: &window.Report{Slow: slow, Events: []window.Event{{Name: "join#1", Counted: true}}}},
			warn:   func(results.Remark) {},
		}
		b.pauses()
		out := map[string]bool{}
		for _, r := range b.rows {
			out[r.Metric] = true
		}
		return out
	}
	all, slow := rows(false), rows(true)
	for _, m := range []string{results.PauseAvailability, results.AuditLate, results.PauseLost, results.PauseUAny, results.PauseUAll, results.PauseCatchUp} {
		if !all[m] || slow[m] {
			t.Errorf("%s: %t, and with a slow handler %t", m, all[m], slow[m])
		}
	}
	// Nor have storms that were not looked for, and a recovery from none.
	if all[results.GroupStorms] || all[results.GroupRecovery] {
		t.Errorf("what nobody looked for has a row: %v", all)
	}
	if !slow[results.PauseLostRecords] || !slow[results.GroupGenerations] {
		t.Errorf("what is known has no row: %v", slow)
	}
}
