package window

import (
	"cmp"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
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
	Records     map[int32][]Record // by partition, in the order in which they were due
	Redelivered []audit.Redelivery
}

// Worker is one member process.
type Worker struct {
	Name, Client string
	Calls        []group.Call   // in the order of their requests
	Reported     []record.Event // assigned, revoked, lost: what the client says
	Delivered    []record.Span  // in the order of time
}

// NewInput arranges what the workers of a trial recorded.
func NewInput(t *results.Trial, logs []audit.Log, truth audit.Report) Input {
	in := Input{
		Heartbeat: int64(t.Spec.Group.Heartbeat), Session: int64(t.Spec.Group.Session), Theta: int64(t.Spec.Pause.Theta),
		Watch: int64(t.Spec.Metadata.Refresh),
		Acts:  stallLengths(t.Acts, t.Spec.Churn), Redelivered: truth.Redelivered,
	}
	in.Slow = in.Theta > 0 && int64(t.Spec.Consume.Handler.Time) >= in.Theta || t.Spec.Overloaded()
	for _, p := range t.Phases {
		if p.Name == "measure" {
			in.Measured = Interval{p.From, p.To}
		}
		if p.Name == "measure" || p.Name == "drain" {
			in.End = max(in.End, p.To)
		}
	}
	client := clients(t)
	for _, l := range logs {
		if c, member := client[l.Worker]; member {
			in.Workers = append(in.Workers, newWorker(l, c, t.Group))
		}
	}
	in.Records = records(logs, in.Workers, in.End)
	seen := map[int32]bool{}
	for p := range t.Spec.Topic.Partitions {
		seen[int32(p)] = true
	}
	for p := range in.Records {
		seen[p] = true
	}
	for p := range seen {
		in.Partitions = append(in.Partitions, p)
	}
	slices.Sort(in.Partitions)
	return in
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
	w := Worker{Name: l.Worker, Client: client}
	for _, s := range l.Spans {
		if s.Kind == record.Delivered && s.Count > 0 {
			w.Delivered = append(w.Delivered, s)
		}
	}
	slices.SortStableFunc(w.Delivered, func(a, b record.Span) int { return cmp.Compare(a.At, b.At) })
	for _, e := range l.Events {
		switch e.K {
		case record.EvAssigned, record.EvRevoked, record.EvLost:
			w.Reported = append(w.Reported, e)
		}
	}
	w.Calls = group.Pair(l.Events, groupID)
	return w
}
