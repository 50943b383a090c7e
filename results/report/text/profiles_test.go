package text

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/profiles/layers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/profiled"
	"github.com/kbench/kbench/results/summary"
)

// producers are the CPU profiles of the producers of an arm, a million records each.
func producers(arm string, samples int64) *profiled.Set {
	return &profiled.Set{
		Key: profiled.Key{Workload: "w", Arm: arm, Role: results.RoleProducer, Kind: profiles.CPU}, Client: arm, Version: "v1",
		Samples: samples, Cost: summary.Cost{Records: 1_000_000, Known: true},
	}
}

func TestLedgers(t *testing.T) {
	of := func(encode, gc int64) layers.Ledger {
		l := layers.Ledger{Type: layers.CPUTime, Total: layers.Entry{Value: encode + gc}}
		l.Lines = []layers.Line{{Layer: layers.Encode, Entry: layers.Entry{Value: encode}}, {Layer: layers.GC, Entry: layers.Entry{Value: gc}}}
		return l
	}
	l := profiled.Ledger{Workload: "w", Role: results.RoleProducer, Unit: results.UnitNs, Columns: []profiled.Column{
		{Set: producers("franz-go", 900), Ledger: of(900e6, 0), Whole: 1e9, Counted: true},
		{Set: producers("sarama", 150), Ledger: of(2e9, 500e6), Whole: 2.5e9},
	}}
	nothing := producers("kafka-go", 900)
	nothing.Cost.Records = 0
	none := profiled.Ledger{Workload: "w", Role: results.RoleProducer, Unit: results.UnitNs, Columns: []profiled.Column{
		{Set: nothing, Ledger: of(900e6, 100e6), Whole: 1e9, Counted: true},
	}}
	f := func(width int, want string) {
		t.Helper()
		var got strings.Builder
		if err := Ledgers(&got, []profiled.Ledger{l, none}, []string{"Both are clients."}, Options{Width: width}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got.String()); d != "" {
			t.Errorf("at %d columns (-want +got):\n%s", width, d)
		}
		for line := range strings.Lines(got.String()) {
			if n := len([]rune(line)) - 1; n > width {
				t.Errorf("%d columns, more than %d: %s", n, width, line)
			}
		}
	}
	f(80, `w, producer: ns of CPU per record, by layer
                       franz-go          sarama
 ───────────────────────────────────────────────
  encode            1,000  100%     2,000   80%
  gc                    0    0%       500   20%
 ───────────────────────────────────────────────
  all        ns     1,000           2,500
  franz-go: 900 samples; they cover 90% of what the process's counters say, to
  which figures are scaled
  sarama: 150 samples, fewer than 200: what is hottest may be chance; figures
  are their sums alone, since the counters of its processes do not span the
  measured part

w, producer: ns of CPU per record, by layer
                        kafka-go
 ────────────────────────────────
  encode         not known   90%
  gc             not known   10%
 ────────────────────────────────
  all        ns  not known
  kafka-go: 900 samples; nothing was acked or delivered in the measured part, so
  that there is no cost per record

Both are clients.
`)
}

func TestTops(t *testing.T) {
	top := &profiled.Top{A: producers("sarama", 150), What: "CPU", Unit: results.UnitNs, Per: "per record", Sum: 1000, Lines: []profiled.Function{
		{Name: "runtime.chansend", Layer: layers.Scheduler, Flat: 600, Cum: 700},
		{Name: "runtime.memmove", Flat: 400, Cum: 400},
		{Name: "main.main", Cum: 1000},
	}}
	f := func(top *profiled.Top, lines int, want string) {
		t.Helper()
		var got strings.Builder
		if err := Tops(&got, []*profiled.Top{top}, lines, Options{Width: 80}); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got.String()); d != "" {
			t.Errorf("(-want +got):\n%s", d)
		}
	}
	f(top, 2, `w, sarama v1, producer, cpu: CPU per record
  150 samples; fewer than 200: what is hottest may be chance; 0 rounds, 0
  workers
     flat µs      %     cum µs  layer      function
       0.600   60.0      0.700  scheduler  runtime.chansend
       0.400   40.0      0.400             runtime.memmove
  and 1 function more; --top=3 shows it
`+"\n")
	less := *top
	less.B = producers("sarama", 400)
	less.B.Version = "v2"
	less.Sum, less.Lines = -50, []profiled.Function{{Name: "runtime.chansend", Layer: layers.Scheduler, Flat: -50, Cum: -50}}
	f(&less, 20, `w, producer, cpu: sarama v1 less sarama v2: CPU per record
  150 samples against 400; fewer than 200: what is hottest may be chance
     flat ns      %     cum ns  layer      function
       -50.0             -50.0  scheduler  runtime.chansend
  in all -50.0 ns
`+"\n")
}
