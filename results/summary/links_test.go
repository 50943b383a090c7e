package summary

import (
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// TestLinks: what links did in the measured part is summed over the workers of a role;
// without a link there is no row, and what it never did has none.
func TestLinks(t *testing.T) {
	const second = int64(1e9)
	in := func(from int64, l record.Link) evidence.Link {
		return evidence.Link{From: from * second, To: (from + 1) * second, Link: l}
	}
	member := func(name string, links ...evidence.Link) *worker {
		return &worker{Worker: &evidence.Worker{Worker: results.Worker{Name: name, Role: results.RoleConsumer}, Links: links}}
	}
	of := func(ns ...int64) (list []record.Time) {
		for _, n := range ns {
			list = record.AddTime(list, n, 1)
		}
		return list
	}
	b := &builder{inputs: &inputs{trial: &results.Trial{Spec: workloads.Default()}, measured: part{5 * second, 8 * second}, workers: []*worker{
		member("consumer-0",
			in(4, record.Link{Conn: 1, Requests: 100, Cut: 1}),
			in(5, record.Link{Conn: 1, Requests: 2, Responses: 1, Bytes: 300, Delays: of(10, 20, 100), Stalls: of(200)})),
		member("consumer-1",
			in(6, record.Link{Conn: 1, Requests: 1, Bytes: 100, Delays: of(30), Cut: 1}),
			in(7, record.Link{Node: "b:1", Dials: of(7, 9)}),
			in(8, record.Link{Conn: 1, Requests: 100})),
	}}}
	if b.links(); len(b.rows) != 0 {
		t.Errorf("without a link: %v", b.rows)
	}
	b.trial.Spec.Link.Delay = 1
	b.links()
	got := map[string]float64{}
	for _, r := range b.rows {
		if _, known := results.LookupMetric(r.Metric); !known || r.Role != results.RoleConsumer {
			t.Errorf("%+v", r)
		}
		got[r.Metric+" "+r.Stat] = r.Value
	}
	want := map[string]float64{
		"link.delayed ": 4, "link.bytes ": 400, "link.delay p50": 20, "link.delay max": 100, "link.stalls ": 1, "link.stall p50": 200, "link.stall max": 200,
		"link.cuts ": 1, "link.dial p50": 7, "link.dial max": 9,
	}
	if len(got) != len(want) {
		t.Errorf("%v", got)
	}
	for name, value := range want {
		if got[name] != value {
			t.Errorf("%s is %g, not %g", name, got[name], value)
		}
	}
}
