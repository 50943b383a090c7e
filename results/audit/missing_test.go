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

// TestStuckAtTheEnd says of what is undelivered that its owner was stuck only where it
// still was when the trial was over.
func TestStuckAtTheEnd(t *testing.T) {
	acked := producer(record.Span{Kind: record.Acked, Count: 400, Offset: 0, At: s, LastAt: 41 * s})
	f := func(want Cause, spans ...record.Span) {
		t.Helper()
		trial := groupTrial()
		trial.End = map[int32]int64{0: 400}
		got := Check(trial, []Log{withEvents(reader("consumer-0", spans...), given(0, 1)), acked})
		if diff := cmp.Diff([]Cause{want}, got.Undelivered); diff != "" || got.Group.Stuck != 1 {
			t.Errorf("%d stuck, want to got:\n%s", got.Group.Stuck, diff)
		}
	}
	f(Cause{missingStuck, 300}, tenureOf(1, 0, 100, s, 11*s))
	f(Cause{missingDrain, 100}, tenureOf(1, 0, 100, s, 11*s), tenureOf(1, 100, 200, 25*s, 55*s)) // it came back
}
