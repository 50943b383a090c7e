package window

import (
	"cmp"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
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
	Calls        []Call         // in the order of their requests
	Reported     []record.Event // assigned, revoked, lost: what the client says
	Delivered    []record.Span  // in the order of time
}

// Call is a request about the group and its response. Resp is 0 where no
// response was recorded.
type Call struct {
	API, V       int16
	Req, Resp    int64
	Err          int16
	ID, Instance string // of the member
	Session      int64  // ns, as a JoinGroup asks for it
	Generation   int32  // the request's; of a JoinGroup the response's
	Epoch        int32  // ConsumerGroupHeartbeat: the response's
	Protocol     string
	Asked, Given []int32 // partitions in the request and in the response
	// NoneAsked and NoneGiven say that there was a list, and none in it.
	NoneAsked, NoneGiven bool
}

// lists says that the request of a beat of KIP-848 tells what its member has, and
// assigns that the response tells what it is to have; without a list nothing has
// changed.
func (c *Call) lists() bool   { return len(c.Asked) > 0 || c.NoneAsked }
func (c *Call) assigns() bool { return len(c.Given) > 0 || c.NoneGiven }

func (c *Call) ok() bool { return c.Resp != 0 && c.Err == 0 }

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
		if w.Role == "consumer" || w.Role == "both" {
			client[w.Name] = w.Client
		}
	}
	return client
}

func newWorker(l audit.Log, client, group string) Worker {
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
	w.Calls = pair(l.Events, group)
	return w
}

// pair puts responses to their requests. Correlation ids count up on each
// connection, so the two name a request.
func pair(events []record.Event, group string) []Call {
	type key struct {
		conn int
		corr int32
	}
	var calls []Call
	open := map[key]int{}
	for _, e := range events {
		k := key{e.Conn, e.Corr}
		switch e.K {
		case record.EvRequest:
			if e.Group != "" && group != "" && e.Group != group {
				continue
			}
			open[k] = len(calls)
			calls = append(calls, Call{
				API: e.API, V: e.V, Req: e.T, ID: e.Member, Instance: e.Instance, Session: int64(e.SessionMs) * 1e6,
				Generation: e.Generation, Protocol: e.Protocol, Asked: numbers(e), NoneAsked: e.Empty,
			})
		case record.EvResponse:
			i, ok := open[k]
			if !ok || calls[i].API != e.API {
				continue
			}
			delete(open, k)
			c := &calls[i]
			c.Resp, c.Err, c.Epoch, c.Given, c.NoneGiven = e.T, e.Err, e.Generation, numbers(e), e.Empty
			if e.Member != "" {
				c.ID = e.Member
			}
			if e.Protocol != "" {
				c.Protocol = e.Protocol
			}
			if e.API == apiJoin {
				c.Generation = e.Generation
			}
		}
	}
	slices.SortStableFunc(calls, func(a, b Call) int { return cmp.Compare(a.Req, b.Req) })
	return calls
}

// numbers are the partitions of an event, by their numbers in the trial: the audit
// has put them there when it loaded the events.
func numbers(e record.Event) []int32 {
	var out []int32
	for _, p := range e.Parts {
		if p.Partition >= 0 {
			out = append(out, p.Partition)
		}
	}
	slices.Sort(out)
	return out
}
