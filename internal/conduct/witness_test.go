package conduct_test

import (
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// The figures rest on what the taps saw of the group's requests. In these tests
// the broker gives its own account of the same group, and the two must agree:
// on generations, on who was in them and owned what, and on the order of things.
// The order follows from cause and effect, so that it holds on a machine of any
// speed: a broker can act on a request only after it was written, and a response
// can be read only after the broker has acted.

// lateEviction is how much later than the tap says a broker may drop a member
// whose session is over, where neither the machine nor the broker was late. It has
// the timers of the broker in it, and the heartbeat of a member that was killed
// after it was written and before it was noted. A few ms are usual.
const lateEviction = 1500 * time.Millisecond

// noted is how much later than it was written a request may have been noted, where
// the machine was not late: its time is read after the write, and the broker can
// have acted by then. It is well below what an error of the floor would be.
const noted = 300 * time.Millisecond

// comeAndGo is a timeline with a join, a leave and a crash in a small group.
// Theta is so long that a busy machine is not taken for a pause.
const comeAndGo = `
name: come-and-go
topic:   {partitions: 6, replication: 1}
records: {size: 128, entropy: 0.5}
produce: {by: reference, rate: 300/s}
consume: {members: 2, fetch: {wait: 100ms}, commit: {mode: marked, every: 500ms}, handler: {lanes: member, revoke: wait}}
group:   {protocol: classic, assignors: [range], session: 6s, heartbeat: 500ms, rebalance: 10s}
phases:  {warmup: 1s, drain: 30s}
pause:   {theta: 1s}
churn:
  - {cycle: [join, leave, crash], when: stable, target: oldest, restore: false}
`

// coming is the timeline under a protocol.
func coming(t *testing.T, name, protocol, assignor string) workloads.Spec {
	t.Helper()
	doc, err := workloads.Parse("come-and-go.yaml", []byte(comeAndGo), workloads.Options{Set: []string{
		"name=" + name, "group.protocol=" + protocol, "group.assignors=[" + assignor + "]",
	}})
	if err != nil {
		t.Fatal(err)
	}
	return *doc.Spec
}

// tap is what the taps of a trial saw, and what was made of it.
type tap struct {
	window.Input
	events   map[string]window.Event // by kind of act
	measured window.Interval
	clock    []record.Event // pairs of wall and monotonic time
	// woken is the worst wake-up of a thread that only sleeps, in any process but
	// one that was stopped on purpose: so late the machine may have been with
	// anything. answered is the longest that such a process waited, in the measured
	// part, for the answer to a heartbeat, which is given at once: so late the
	// broker may have been. It tells nothing where a client sends its heartbeats
	// behind its fetches, as sarama does.
	woken, answered time.Duration
}

func tapOf(t *testing.T, got *outcome, trial *results.Trial) *tap {
	t.Helper()
	path := got.dir.TrialPath(trial.Ref)
	loaded := got.evidence(t, trial)
	out := &tap{Input: *loaded.Input(), events: map[string]window.Event{}}
	for _, e := range loaded.Windows().Events {
		for _, a := range e.Acts {
			out.events[string(a.Kind)] = e
		}
	}
	for _, p := range trial.Phases {
		if p.Name == "measure" {
			out.measured = window.Interval{From: p.From, To: p.To}
		}
	}
	canaries := 0
	for _, worker := range trial.Workers {
		stopped := worker.Name == out.victim("stall")
		err := record.ReadEvents(filepath.Join(path, worker.Name, results.EventsFile), func(e record.Event) error {
			switch {
			case e.K == record.EvClock && worker.Name == "observer":
				out.clock = append(out.clock, e)
			case e.K == record.EvCanary && !stopped:
				canaries++
				out.woken = max(out.woken, time.Duration(e.Worst))
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	beats := 0
	for _, worker := range out.Workers {
		for _, c := range worker.Calls {
			if c.Beats() && c.Resp != 0 && c.Req > out.measured.From && worker.Name != out.victim("stall") {
				beats++
				out.answered = max(out.answered, time.Duration(c.Resp-c.Req))
			}
		}
	}
	if len(out.clock) == 0 || canaries == 0 || beats == 0 {
		t.Fatalf("%d readings of both clocks, %d of a canary, %d heartbeats", len(out.clock), canaries, beats)
	}
	return out
}

// noted is how much later than it was written a request of this trial may have
// been noted.
func (w *tap) noted() time.Duration { return noted + w.woken }

// lateEviction is how much later than the tap says a member of this trial may
// have been dropped.
func (w *tap) lateEviction() time.Duration { return lateEviction + w.woken + w.answered }

// wall is a moment of the monotonic clock in the time that a broker's log has.
func (w *tap) wall(at int64) time.Time {
	pair := w.clock[0]
	for _, c := range w.clock {
		if c.T <= at {
			pair = c
		}
	}
	return time.Unix(0, pair.Wall+at-pair.T)
}

// generation is what the taps saw of one generation of the classic protocol.
type generation struct {
	joinAsked int64              // the last JoinGroup of it was written
	joined    int64              // the first response to one was read
	syncAsked int64              // the first SyncGroup was written
	members   map[string][]int32 // by member id: what SyncGroup gave
}

func (w *tap) generations() map[int32]*generation {
	out := map[int32]*generation{}
	for _, worker := range w.Workers {
		for _, c := range worker.Calls {
			if c.Resp == 0 || c.Err != 0 || c.API != group.JoinGroup && c.API != group.SyncGroup {
				continue
			}
			g := out[c.Generation]
			if g == nil {
				g = &generation{members: map[string][]int32{}}
				out[c.Generation] = g
			}
			switch c.API {
			case group.JoinGroup:
				g.joinAsked = max(g.joinAsked, c.Req)
				g.joined = earliest(g.joined, c.Resp)
			case group.SyncGroup:
				g.syncAsked = earliest(g.syncAsked, c.Req)
				g.members[c.ID] = slices.Sorted(slices.Values(c.Given))
			}
		}
	}
	return out
}

func earliest(a, b int64) int64 {
	if a == 0 {
		return b
	}
	return min(a, b)
}

// in are the generations that were formed in the measured part.
func (w *tap) in() []int32 {
	var out []int32
	for n, g := range w.generations() {
		if g.joined > w.measured.From && g.joined < w.measured.To {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// member is the id by which the coordinator knew a worker.
func (w *tap) member(worker string) string {
	for _, o := range w.Workers {
		for _, c := range o.Calls {
			if o.Name == worker && c.Resp != 0 && c.Err == 0 && (c.API == group.SyncGroup || c.API == group.ConsumerGroupHeartbeat) {
				return c.ID
			}
		}
	}
	return ""
}

// asked is when a worker asked to join in the first request that was accepted.
func (w *tap) asked(worker string) int64 {
	for _, o := range w.Workers {
		for _, c := range o.Calls {
			if o.Name == worker && c.Err == 0 && c.Resp != 0 && (c.API == group.JoinGroup || c.API == group.ConsumerGroupHeartbeat) {
				return c.Req
			}
		}
	}
	return 0
}

// victim is the worker of the first act of a kind.
func (w *tap) victim(kind string) string {
	for _, a := range w.Acts {
		if string(a.Kind) == kind {
			return a.Member
		}
	}
	return ""
}
