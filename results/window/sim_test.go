package window

import (
	"iter"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/workloads/acts"
)

// ms is the unit of the timelines in these tests.
const ms = int64(1e6)

// sim is a trial put together by hand: H = 3 s, S = 10 s, four partitions with a
// record each 20 ms that takes 2 ms, up to 60 s.
type sim struct {
	in       Input
	records  listed
	interval int64
	end      int64
	stops    map[int32][]Interval // no deliveries; what was due comes at the end, 2 ms later
	protocol string
}

func newSim(workers ...string) *sim {
	s := &sim{interval: 20, end: 60_000, stops: map[int32][]Interval{}, protocol: "range"}
	s.in = Input{Heartbeat: 3000 * ms, Session: 10_000 * ms, Theta: 100 * ms, Partitions: []int32{0, 1, 2, 3}}
	for _, w := range workers {
		s.in.Workers = append(s.in.Workers, Worker{Name: w, Client: "sarama"})
	}
	return s
}

func (s *sim) act(kind acts.Kind, member string, at int64) *results.Act {
	s.in.Acts = append(s.in.Acts, results.Act{N: len(s.in.Acts) + 1, Kind: kind, Member: member, At: at * ms, Counted: true})
	return &s.in.Acts[len(s.in.Acts)-1]
}

// call adds a call; resp 0 is one without a response.
func (s *sim) call(worker int, api int16, req, resp int64, code int16, generation int32) *group.Call {
	w := &s.in.Workers[worker]
	w.Calls = append(w.Calls, group.Call{API: api, Req: req * ms, Resp: resp * ms, Err: code, Generation: generation})
	return &w.Calls[len(w.Calls)-1]
}

func (s *sim) beat(worker int, at int64, code int16) {
	s.call(worker, group.Heartbeat, at, at+1, code, 0)
}

// beats are quiet ones, every 3 s, from one time up to another.
func (s *sim) beats(worker int, from, before int64) {
	for t := from; t < before; t += 3000 {
		s.beat(worker, t, 0)
	}
}

// join is a JoinGroup and the SyncGroup after it: the latter is sent 1 ms after
// the former's response.
func (s *sim) join(worker int, req, resp, synced int64, generation int32, parts ...int32) {
	s.call(worker, group.JoinGroup, req, resp, 0, generation).Protocol = s.protocol
	s.call(worker, group.SyncGroup, resp+1, synced, 0, generation).Given = parts
}

func (s *sim) stop(from, to int64, parts ...int32) {
	for _, p := range parts {
		s.stops[p] = append(s.stops[p], Interval{From: from, To: to})
	}
}

// compute makes the records and analyses the trial.
func (s *sim) compute() *Report {
	s.in.Measured, s.in.End = Interval{From: 2000 * ms, To: s.end * ms}, (s.end+2000)*ms
	s.records = listed{}
	s.in.Records = s.records
	for i := range s.in.Workers {
		slices.SortStableFunc(s.in.Workers[i].Calls, func(a, b group.Call) int { return int((a.Req - b.Req) / ms) })
	}
	for _, p := range s.in.Partitions {
		for due := int64(2000); due < s.end; due += s.interval {
			r := Record{Due: due * ms, At: (due + 2) * ms, By: int(p) / 2}
			for _, stop := range s.stops[p] {
				if stop.To < 0 && r.Due >= stop.From*ms {
					r.At, r.Lost = s.in.End, true
				} else if r.At >= stop.From*ms && r.At < stop.To*ms {
					r.At = (stop.To + 2) * ms
				}
			}
			s.records[p] = append(s.records[p], r)
		}
	}
	return Compute(s.in)
}

// listed is records that are held.
type listed map[int32][]Record

func (l listed) Each(p int32, _ *Bounds) iter.Seq[*Batch] {
	return func(yield func(*Batch) bool) {
		for _, r := range l[p] {
			if !yield(&Batch{[]int64{r.Due}, []int64{r.At}, r.By, r.Lost}) {
				return
			}
		}
	}
}

// only computes and returns the one event that there must be.
func (s *sim) only(t *testing.T) Event {
	t.Helper()
	r := s.compute()
	if len(r.Events) != 1 {
		t.Fatalf("%d events, want 1: %+v", len(r.Events), r.Events)
	}
	return r.Events[0]
}

// figures are those of an event, in ms.
type figures struct {
	Start, T0, Settled int64
	Wire, Floor, Over  int64 // Over: the wire excess
	Rounds             int
	UAny, UAll, Lost   int64
}

func figuresOf(e Event) figures {
	return figures{
		e.Window.From / ms, e.T0 / ms, e.Window.To / ms, e.Wire / ms, e.Floor / ms, e.WireExcess / ms, e.Rounds,
		e.UAny / ms, e.UAll / ms, e.LostPartitionTime / ms,
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s, want to got:\n%s", what, diff)
	}
}

// part is what an event did to a partition, in ms.
type part struct {
	Class              Class
	Gap, Floor, Excess int64
}

func parts(e Event) []part {
	var out []part
	for _, p := range e.Partitions {
		out = append(out, part{p.Class, p.Gap / ms, p.Floor / ms, p.Excess / ms})
	}
	return out
}

// spent are the phases of a member, in ms.
func spent(t *testing.T, e Event, worker string) map[Phase]int64 {
	t.Helper()
	for _, m := range e.Members {
		if m.Worker == worker {
			out := map[Phase]int64{}
			for p, d := range m.Spent {
				out[p] = d / ms
			}
			return out
		}
	}
	t.Fatalf("%s took no part in %s", worker, e.Name)
	return nil
}

// joining is a join that takes the client 8 ms beyond the floor.
func joining() *sim {
	s := two("consumer-2")
	s.act("join", "consumer-2", 20_000)
	s.beats(0, 1000, 20_000)
	s.beats(1, 500, 20_000)
	// The new member is told to come back with an id.
	s.call(2, group.JoinGroup, 20_100, 20_101, group.MemberIDRequired, 0)
	s.join(2, 20_102, 22_005, 22_008, 2, 3)
	s.beat(1, 21_500, group.RebalanceInProgress)
	s.join(1, 21_510, 22_005, 22_009, 2, 2)
	s.beat(0, 22_000, group.RebalanceInProgress)
	s.join(0, 22_004, 22_005, 22_007, 2, 0, 1)
	s.beats(0, 25_000, 60_000)
	s.beats(1, 25_000, 60_000)
	s.beats(2, 25_000, 60_000)
	s.stop(22_001, 22_008, 0, 1)
	s.stop(21_502, 22_010, 2, 3)
	return s
}
