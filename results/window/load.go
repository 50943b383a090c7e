package window

import (
	"cmp"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
)

// Input is what the analysis works on.
type Input struct {
	Heartbeat, Session, Theta int64
	// Slow says that the handler takes theta or more for a record, or more time
	// than there is for all of them. Lateness is then the queue before it and tells
	// no pause: gaps are not known, and windows close on the wire alone.
	Slow        bool
	Watch       int64 // how often members look for new partitions
	Partitions  []int32
	Measured    Interval
	End         int64 // the last moment that the trial knows of
	Acts        []results.Act
	Workers     []Worker
	Records     Records
	Redelivered []audit.Redelivery
	TooLate     []audit.Redelivery // handed on behind a later record of their stream
	Strangers   []audit.Stranger   // members of the group that kbench did not start
	Stalls      *Stalls            // nil where nobody listened
	Served      *Served            // nil without acts on nodes of the broker, or where nobody asked them
	Lost        []Lost             // members that a bad link took from the group, in the order of time
}

// Lost is that a member was evicted, or gave its membership up by itself because it could
// not reach its coordinator, as package cause finds it.
type Lost struct {
	Worker  string
	At      int64
	Evicted bool
}

// Stalls are those of all that is not the client under test, and what decides which
// partitions they concern.
type Stalls struct {
	All         []blame.Stall
	Leaders     map[int32]int32
	Coordinator int32 // -1 without a group
	Producers   []string
	Hosts       map[string]string // by worker
	Served      *Served           // nil without acts on nodes of the broker

	// Unacked are the records of the reference producer whose acks were late, by partition
	// and in the order in which they were due; nil without acts on nodes of the broker, of
	// which it has to find its way back as a client does.
	Unacked   map[int32][]record.Span
	Reference string
}

// Worker is one member process.
type Worker struct {
	Name, Client string
	Calls        []group.Call   // in the order of their requests
	Reported     []record.Event // assigned, revoked, lost: what the client says
	Spans        *record.Spans  // nil where they are left out
}

// NewInput arranges what the workers of a trial recorded.
func NewInput(t *results.Trial, logs []audit.Log, truth audit.Report) Input {
	in := Input{
		Heartbeat: int64(t.Spec.Group.Heartbeat), Session: int64(t.Spec.Group.Session), Theta: int64(t.Spec.Pause.Theta),
		Watch: int64(t.Spec.Metadata.Refresh),
		Acts:  stallLengths(t.Acts, t.Spec.Churn), Redelivered: truth.Redelivered, TooLate: truth.TooLate, Strangers: truth.Strangers,
	}
	in.Slow = in.Theta > 0 && int64(t.Spec.Consume.Handler.Time) >= in.Theta || t.Spec.Overloaded()
	in.Measured, in.End = Measured(t), t.Until()
	client := clients(t)
	for _, l := range logs {
		if c, member := client[l.Worker]; member {
			in.Workers = append(in.Workers, newWorker(l, c, t.Group))
		}
	}
	made := newRecords(logs, in.Workers, in.End)
	in.Records = made
	seen := map[int32]bool{}
	for p := range t.Spec.Topic.Partitions {
		seen[int32(p)] = true
	}
	for p := range made.partitions {
		seen[p] = true
	}
	for p := range seen {
		in.Partitions = append(in.Partitions, p)
	}
	slices.Sort(in.Partitions)
	return in
}

// Measured is the measured part of a trial.
func Measured(t *results.Trial) Interval {
	p := t.Phase(results.PhaseMeasure)
	return Interval{From: p.From, To: p.To}
}

// clients are the members of a trial and the client of each.
func clients(t *results.Trial) map[string]string {
	client := map[string]string{}
	for _, w := range t.Workers {
		if w.Role == results.RoleConsumer || w.Role == results.RoleBoth {
			client[w.Name] = w.Client
		}
	}
	return client
}

func newWorker(l audit.Log, client, groupID string) Worker {
	w := Worker{Name: l.Worker, Client: client, Spans: l.Spans}
	for _, e := range l.Events {
		switch e.K {
		case record.EvAssigned, record.EvRevoked, record.EvLost:
			w.Reported = append(w.Reported, e)
		}
	}
	w.Calls = group.Pair(l.Events, groupID)
	return w
}

// lanes are those of the deliveries of the worker.
func (w *Worker) lanes(yield func(*record.Lane) bool) {
	if w.Spans == nil {
		return
	}
	for _, l := range w.Spans.Lanes {
		if l.Kind == record.Delivered && !yield(l) {
			return
		}
	}
}

// delivered is the first delivery of some partitions from a time on.
func (w *Worker) delivered(since int64, of func(partition int32) bool) (at int64, ok bool) {
	var buf record.Buffer
	for l := range w.lanes {
		i, _ := slices.BinarySearchFunc(l.Pages, since, func(p record.Page, t int64) int { return cmp.Compare(p.AtMost, t) })
		if !of(l.Partition) || i == len(l.Pages) {
			continue
		}
		for _, s := range l.Read(i, &buf) {
			if s.At >= since && (!ok || s.At < at) {
				at, ok = s.At, true
			}
		}
	}
	return at, ok
}

// lastBefore is the last delivery before a time. A span may go on beyond it, with
// records at most 10 ms apart.
func (w *Worker) lastBefore(t int64) int64 {
	var last int64
	var buf record.Buffer
	for l := range w.lanes {
		for i := range l.Pages {
			p := &l.Pages[i]
			if p.AtMost <= t {
				last = max(last, min(p.LastAt, t))
				continue
			}
			if p.FirstAt > t {
				break
			}
			for _, s := range l.Read(i, &buf) {
				if s.At <= t {
					last = max(last, min(s.LastAt, t))
				}
			}
		}
	}
	return last
}
