package audit

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results/record"
)

// TestStays has records that nobody was handed stay in the log, where failed sends
// before them let sequences run ahead of offsets.
func TestStays(t *testing.T) {
	f := func(what string, reread map[int32]int64, want Report) {
		t.Helper()
		trial := groupTrial()
		trial.End, trial.Reread, trial.Leaderless = map[int32]int64{0: 10}, reread, []int32{0}
		got := Check(trial, []Log{producer(batch(record.Failed, 0, 5, -1, 1), batch(record.Acked, 5, 10, 0, 1)), reader("consumer-0", batch(record.Delivered, 5, 4, 0, 2))})
		if diff := cmp.Diff(want, Report{Lost: got.Lost, Undelivered: got.Undelivered}); diff != "" {
			t.Errorf("%s: want to got:\n%s", what, diff)
		}
	}
	f("nobody looked", nil, Report{Undelivered: []Cause{{missingNode, 6}}})
	f("looked at from the seventh on", map[int32]int64{0: 7}, Report{Lost: 3, Undelivered: []Cause{{missingNode, 3}}})
}
