package conduct_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// TestReadBackNeverAnswers has a broker hang up on whoever reads the log back. The trial
// keeps every figure that does not come from there and says which are not known, and the
// run fails.
func TestReadBackNeverAnswers(t *testing.T) {
	onEmbedded(t)
	f := func(name string, change func(*workloads.Spec), known, unknown []string) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := endToEnd("deaf", 4*time.Second) // in which something is answered on any machine
			change(&s)
			c := ownBroker(t, 1)
			o, _ := attachedTo(t, c, s, "franz-go")
			o.Deadlines.Transfer = time.Second
			spy := o.Launcher.(*spy)
			c.ControlKey(int16(kmsg.Fetch), func(kmsg.Request) (kmsg.Response, error, bool) {
				c.KeepControl()
				reading := slices.ContainsFunc(spy.all(), func(p spied) bool { return p.name == "readback" })
				return nil, context.Canceled, reading
			})
			got, err := run(t, bounded(t), o)
			if err == nil {
				t.Error("the run passed")
			} else {
				wantWords(t, err.Error(), "1 of 1 trials", "not read back")
			}
			got.wantStates(t, "complete")
			got.wantSums(t)
			has := func(metric string) bool {
				return slices.ContainsFunc(got.summary.Rows, func(r results.Row) bool { return r.Metric == metric })
			}
			for _, metric := range append(known, results.ProduceThroughput, results.ProduceResponse, results.ProduceFailed, results.CPUPerRecord, results.TrialNotRead) {
				if !has(metric) {
					t.Errorf("%s is gone", metric)
				}
			}
			for _, metric := range unknown {
				if has(metric) {
					t.Errorf("%s cannot be known", metric)
				}
			}
			wantWords(t, got.warned(results.TrialNotRead), "readback", "within 1", "lost", "not known")
		})
	}
	f("producing", func(s *workloads.Spec) { s.Consume.Members = 0 }, nil,
		[]string{results.AuditLost, results.AuditDuplicate, results.AuditReordered, results.AuditCorrupt, results.AuditForeign, results.AuditUnanswered})
	f("left behind", func(s *workloads.Spec) {
		s.Consume.Handler.Time, s.Phases.Warmup, s.Phases.Drain = 20*time.Millisecond, 0, 300*time.Millisecond
	}, []string{results.E2EResponse, results.AuditDuplicate, results.AuditReordered, results.AuditCorrupt},
		[]string{results.AuditLost, results.AuditUndelivered})
}
