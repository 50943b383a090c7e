package summary

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// crashTrial is a trial from 0 to 60 s with one crash at 20 s. One partition has a
// record each 100 ms. They take 2 ms, but nothing is delivered from the crash to
// 31 s, where what had waited comes at once, and what is due in the second after
// takes 500 ms. The second record before the crash was still on its way. Its acks
// take 1 ms throughout.
func crashTrial() (*results.Trial, *window.Input, *window.Report, []audit.Log) {
	const ms = int64(1e6)
	t := &results.Trial{Workers: []results.Worker{{Name: "reference-0", Role: results.RoleReference}, {Name: "consumer-0", Role: results.RoleConsumer}}}
	var acked, delivered []record.Span
	for due := int64(-1000); due < 61_000; due += 100 {
		r := window.Record{Due: due * ms, At: (due + 2) * ms}
		switch {
		case due == 19_800:
			r.At = 31_000 * ms
		case due == 25_000:
			r.Lost, r.At, r.By = true, 99_000*ms, -1
		case due >= 20_000 && due < 31_000:
			r.At = 31_000 * ms
		case due >= 31_000 && due < 32_000:
			r.At = (due + 500) * ms
		}
		one := record.Span{Kind: record.Acked, First: uint64(len(acked)), Offset: int64(len(acked)), Count: 1, Due: due * ms, LastDue: due * ms, At: (due + 1) * ms, LastAt: (due + 1) * ms, MaxLate: ms}
		acked = append(acked, one)
		if one.Kind, one.At, one.LastAt, one.MaxLate = record.Delivered, r.At, r.At, r.Late(); !r.Lost {
			delivered = append(delivered, one)
		}
	}
	logs := []audit.Log{{Worker: "reference-0", Spans: record.HoldSpans(acked...)}, {Worker: "consumer-0", Spans: record.HoldSpans(delivered...)}}
	in := window.NewInput(t, logs, audit.Report{})
	report := &window.Report{Events: []window.Event{{Name: "crash#1", Counted: true, Window: window.Interval{From: 20_000 * ms, To: 32_000 * ms}, Resumed: 31_000 * ms}}}
	return t, &in, report, logs
}

func splitOf() *split {
	t, in, r, logs := crashTrial()
	s := newSplit(t, part{0, 60 * second}, in, r, logs)
	s.setClock(nil)
	return s
}

// Each record counts for the part in which it was due, whenever it came.
func TestSplit(t *testing.T) {
	b := &builder{inputs: &inputs{trial: &results.Trial{Ref: results.TrialRef{Workload: "w", Arm: "a", N: 1}}, split: splitOf()}, thin: &thinData{}}
	b.warn = func(r results.Remark) { t.Errorf("warning: %s", r) }
	b.splitRows()
	got := map[string]string{}
	for _, r := range b.rows {
		if m, ok := results.LookupMetric(r.Metric); !ok || m.Unit != r.Unit || !m.HasStat(r.Stat) {
			t.Errorf("row %+v does not fit the table of metrics", r)
		}
		if r.Stat == "min" || r.Stat == "max" {
			key := string(r.Role) + " " + r.Metric + " " + r.Class
			got[key] += fmt.Sprintf("%s %.0f ms of %d; ", r.Stat, r.Value/1e6, r.N)
		}
	}
	if diff := cmp.Diff(map[string]string{
		// 200 records before the crash but for the one that it caught, 280 after.
		"consumer e2e.response steady": "min 2 ms of 479; max 2 ms of 479; ",
		// 110 due, one of them lost, and the one that was caught; 11.2 s to 3 digits.
		"consumer e2e.response rebalance":      "min 100 ms of 110; max 11207 ms of 110; ",
		"consumer e2e.response catch_up":       "min 500 ms of 10; max 500 ms of 10; ",
		"reference produce.response steady":    "min 1 ms of 480; max 1 ms of 480; ",
		"reference produce.response rebalance": "min 1 ms of 110; max 1 ms of 110; ",
		"reference produce.response catch_up":  "min 1 ms of 10; max 1 ms of 10; ",
	}, got); diff != "" {
		t.Errorf("want to got:\n%s", diff)
	}

	// A gate reaches a part by its class, and without one is about the whole.
	whole := results.Row{Workload: "w", Arm: "a", Trial: 1, Role: results.RoleConsumer, Metric: results.E2EResponse, Stat: "p99", Unit: results.UnitNs, Value: 3e9, N: 1}
	f := func(expr string, pass bool, value float64) {
		t.Helper()
		res := gate.Of(&results.Run{Specs: []workloads.Spec{{Name: "w", Gate: []string{expr}}}}, append(b.rows, whole))[0]
		if len(res.Arms) != 1 {
			t.Errorf("%s: %s", expr, res.Why)
		} else if (res.Verdict == results.Met) != pass || int64(res.Arms[0].Value/1e6) != int64(value) {
			t.Errorf("%s: %t with %g ms", expr, (res.Verdict == results.Met), res.Arms[0].Value/1e6)
		}
	}
	f("p99(e2e.response{class=rebalance}) < 2s", false, 11_005)
	f("p99(e2e.response{class=steady}) < 3ms", true, 2)
	f("max(e2e.response{class=catch_up}) < 0.4s", false, 500)
	f("p99(e2e.response) <= 3s", true, 3000)
}

// A burst leaves only the ends of its spans, and too many of them make the steady
// part coarse.
func TestSplitSaysWhatIsInterpolated(t *testing.T) {
	tr, in, r, logs := crashTrial()
	logs[1].Spans = record.HoldSpans(
		record.Span{Kind: record.Delivered, Count: 12, Due: second, LastDue: second, At: second, LastAt: second},
		record.Span{Kind: record.Delivered, Count: 80, Due: 2 * second, LastDue: 2 * second, At: 2 * second, LastAt: 2 * second},
		record.Span{Kind: record.Delivered, Count: 8, Due: 21 * second, LastDue: 21 * second, At: 31 * second, LastAt: 31 * second},
	)
	var said []string
	b := &builder{
		inputs: &inputs{trial: tr, split: newSplit(tr, part{0, 60 * second}, in, r, logs)}, thin: &thinData{},
		warn: func(r results.Remark) { said = append(said, r.String()) },
	}
	b.splitRows()
	if len(said) != 1 || !bytes.Contains([]byte(said[0]), []byte("96% of its records")) {
		t.Errorf("warnings: %q", said)
	}
	if n := b.split.counts[splitPart{results.E2EResponse, window.Rebalance}]; n != (thin{8, 6}) {
		t.Errorf("%+v of the rebalance", n)
	}
}

// The file is one that any tool for histogram logs reads, and always the same.
func TestSplitFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), results.SplitFile)
	if err := derive(path, true, splitOf().encode); err != nil {
		t.Fatal(err)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := derive(path, true, splitOf().encode); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(first, again) {
		t.Errorf("a second time gives other bytes (%v)", err)
	}
	if !bytes.Contains(first, []byte("1 records on their way when an act came")) {
		t.Error("the file does not say how many records an act caught")
	}

	type line struct {
		tag, from, length string
		n                 int64
	}
	var got []line
	for l := range strings.Lines(string(first)) {
		if tagged, ok := strings.CutPrefix(l, "Tag="); ok {
			f := strings.Split(strings.TrimSpace(tagged), ",")
			h, err := hdrhistogram.Decode([]byte(f[4]))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, line{f[0], f[1], f[2], h.TotalCount()})
		}
	}
	want := []line{
		{"produce.response.steady", "0.000000000", "20.000000000", 200}, {"e2e.response.steady", "0.000000000", "20.000000000", 199},
		{"produce.response.rebalance", "20.000000000", "11.000000000", 110}, {"e2e.response.rebalance", "20.000000000", "11.000000000", 110},
		{"produce.response.catch_up", "31.000000000", "1.000000000", 10}, {"e2e.response.catch_up", "31.000000000", "1.000000000", 10},
		{"produce.response.steady", "32.000000000", "28.000000000", 280}, {"e2e.response.steady", "32.000000000", "28.000000000", 280},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(line{})); diff != "" {
		t.Errorf("want to got:\n%s", diff)
	}

	// The library's own reader, by its own rules.
	r := hdrhistogram.NewHistogramLogReader(bytes.NewReader(first))
	seen := map[string]int64{}
	for {
		h, err := r.NextIntervalHistogram()
		if err != nil || h == nil {
			break
		}
		seen[h.Tag()] += h.TotalCount()
	}
	if diff := cmp.Diff(map[string]int64{
		"produce.response.steady": 480, "e2e.response.steady": 479, "produce.response.rebalance": 110, "e2e.response.rebalance": 110,
		"produce.response.catch_up": 10, "e2e.response.catch_up": 10,
	}, seen); diff != "" {
		t.Errorf("by the library's reader, want to got:\n%s", diff)
	}

	// A trial that has no split any more keeps no file of an earlier one.
	if err := derive(path, false, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("a stale file stays: %v", err)
	}
}
