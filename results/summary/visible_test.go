package summary

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/results"
)

// TestBenchIsVisible: what a name or a broker's title holds is not obeyed by a terminal
// that bench.txt is printed on.
func TestBenchIsVisible(t *testing.T) {
	const hostile = "\x1b[2J\u009b\u202e"
	run := &results.Run{Machine: results.Machine{CPU: "cpu " + hostile}}
	s := &results.Summary{Rows: []results.Row{{
		Workload: "w", Client: "c" + hostile, Arm: "c" + hostile, Lane: "matched", Trial: 1, Role: results.RoleConsumer,
		Metric: results.ConsumeThroughput, Unit: results.UnitRate, Value: 1,
	}}}
	got := string(Bench(s, run))
	if strings.ContainsAny(got, "\x1b\u009b\u202e") || strings.Count(got, `\u001b[2J\u009b\u202e`) < 2 {
		t.Errorf("%q", got)
	}
}
