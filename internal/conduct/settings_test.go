package conduct_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// TestFreeRevokeAndSyncCommits: what a revoke does to a running handler, and who
// commits when, are settings that reach the wire. Committed is after so many records
// of a member, by every client alike; and where a revoke is free it finds handlers
// at work, where it waits it finds none. Nothing is lost by either.
func TestFreeRevokeAndSyncCommits(t *testing.T) {
	onEmbedded(t)
	waits := threeMembers(t, "  - {cycle: [join, leave], when: stable, restore: false}\n")
	waits.Name = "waits"
	waits.Produce.Rate = workloads.Rate{PerSecond: 60}
	waits.Consume.Handler = workloads.HandlerSpec{Time: 50 * time.Millisecond, Lanes: drivers.LanesPartition, Revoke: drivers.RevokeWait}
	waits.Consume.Commit.Mode, waits.Consume.Commit.Records = string(drivers.CommitSync), 4
	free := waits
	free.Name, free.Consume.Handler.Revoke = "free", drivers.RevokeFree
	all := append(trials([]workloads.Spec{waits}, "franz-go"), trials([]workloads.Spec{free}, clients[:]...)...)
	for i := range all {
		all[i].N, all[i].Dir = i+1, all[i].Workload+"-"+all[i].Arm.Client
	}
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), all))
	if err != nil {
		t.Error(err)
	}
	for _, trial := range got.trials {
		name := trial.Ref.Workload + " " + trial.Ref.Client
		if trial.State != results.StateComplete {
			t.Errorf("%s: %s: %s%s", name, trial.State, trial.Error, trial.Ref.Refused)
			continue
		}
		e := got.evidence(t, trial)
		if truth := e.Audit(); truth.Lost != 0 || truth.Corrupt != 0 || truth.Delivered == 0 {
			t.Errorf("%s: %d lost, %d corrupt of %d delivered: %v", name, truth.Lost, truth.Corrupt, truth.Delivered, truth.Examples)
		}
		commits, handled, interrupted, late := 0, 0, 0, 0
		for _, w := range e.Workers {
			c, h, i := atWork(e, w, waits.Consume.Handler.Time)
			commits, handled, interrupted = commits+c, handled+h, interrupted+i
			late += meanwhile(w, time.Duration(waits.Consume.Commit.Records)*waits.Consume.Handler.Time)
		}
		t.Logf("%s: %d commits of %d records, %d partitions revoked with a record in hand", name, commits, handled, interrupted)
		// One that nobody waited for is counted with the next, and so are those that were
		// due while one was not answered; and there is one more when a member goes, or
		// loses a partition.
		if want := handled / waits.Consume.Commit.Records; commits+late < want*8/10 || commits > want+60 || commits < 10 {
			t.Errorf("%s: %d commits on the wire, %d due while others were not answered, want about %d", name, commits, late, want)
		}
		if trial.Ref.Client == "franz-go" && (interrupted > 0) != (trial.Spec.Consume.Handler.Revoke == drivers.RevokeFree) {
			t.Errorf("%s: %d partitions were revoked with a record in hand", name, interrupted)
		}
	}
}

// meanwhile is how often one commit more was due while one was not answered, where one is
// due at most as often as that.
func meanwhile(w evidence.Worker, every time.Duration) (due int) {
	type id struct {
		conn int
		corr int32
	}
	open := map[id]int64{}
	for _, ev := range w.Group {
		switch at := (id{ev.Conn, ev.Corr}); {
		case ev.API != group.OffsetCommit:
		case ev.K == record.EvRequest:
			open[at] = ev.T
		case ev.K == record.EvResponse && open[at] != 0:
			due += int((ev.T - open[at]) / int64(every))
			delete(open, at)
		}
	}
	return due
}

// atWork is how often a member committed, what it handled, and how many partitions
// were taken from it while it handled a record of theirs.
func atWork(e *evidence.Trial, w evidence.Worker, each time.Duration) (commits, handled, interrupted int) {
	begun := map[int32][]int64{} // by partition: when the handler was entered, as far as it is known
	e.EachSpan(w.Name, func(s *record.Span) {
		if s.Kind == record.Delivered {
			handled += int(s.Count)
			begun[s.Partition] = append(begun[s.Partition], s.At, s.LastAt)
		}
	})
	for _, ev := range w.Group {
		switch {
		case ev.K == record.EvRequest && ev.API == group.OffsetCommit:
			commits++
		case ev.K == record.EvRevoked:
			for _, p := range ev.Parts {
				if slices.ContainsFunc(begun[p.Partition], func(at int64) bool { return at < ev.T && ev.T < at+int64(each) }) {
					interrupted++
				}
			}
		}
	}
	return commits, handled, interrupted
}
