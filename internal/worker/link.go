package worker

import (
	"sync"
	"time"

	"github.com/kbench/kbench/internal/wire/link"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// links is the link of a worker, with the law of the whole trial and those of the acts
// that are under way: the latest of these holds, whichever is over first.
type links struct {
	*link.Link
	mu       sync.Mutex
	standing link.Law
	acts     []*link.Law
}

// startLink puts a link below the tap where the workload has one for this worker, and
// nothing where it has none.
func (s *session) startLink(tls bool) {
	job := &s.job
	standing := link.Law{}
	if hits(job) {
		standing = law(&job.Spec.Link, job.LinkNodes)
	}
	if !standing.Any() && !(job.Role == results.RoleConsumer && job.Spec.LinkActs()) {
		return
	}
	trips := 1
	if tls {
		trips++
	}
	s.link = &links{standing: standing, Link: link.New(link.Options{
		Now: record.Now, Emit: s.events.Write, Law: standing, Seed: job.Seed, Worker: job.Name, RoundTrips: trips,
	})}
}

// hits says whether the link of the whole trial is that of this worker.
func hits(job *Job) bool {
	l := &job.Spec.Link
	switch job.Role {
	case results.RoleConsumer:
		return l.On != "producers" && (l.Members == 0 || int(job.Number) < l.Members)
	case results.RoleProducer:
		return l.On != "members" && l.Members == 0
	default:
		return false
	}
}

// law is a link as the workload has it, with the addresses of the nodes that it is
// about.
func law(l *workloads.Link, nodes []string) link.Law {
	return link.Law{
		Delay: l.Delay, Jitter: l.Jitter, Shape: link.Shape(l.Shape),
		Out: l.Direction != "in", In: l.Direction != "out",
		Loss: float64(l.Loss), Bandwidth: l.Bandwidth, Hole: l.Blackhole,
		Refuse: float64(l.Refuse), Dial: l.Dial, Idle: l.Idle,
		Nodes: nodes, Share: float64(l.Share),
	}
}

// during lets another law hold for a time, and cuts connections where it says so.
func (l *links) during(of *workloads.Link, nodes []string, length time.Duration) {
	own := law(of, nodes)
	if length > 0 {
		l.mu.Lock()
		l.acts = append(l.acts, &own)
		l.Set(own)
		l.mu.Unlock()
		time.AfterFunc(length, func() { l.over(&own) })
	}
	if of.Cut {
		l.Cut(&own)
	}
}

// over ends an act.
func (l *links) over(act *link.Law) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, a := range l.acts {
		if a == act {
			l.acts = append(l.acts[:i], l.acts[i+1:]...)
			break
		}
	}
	now := l.standing
	if n := len(l.acts); n > 0 {
		now = *l.acts[n-1]
	}
	l.Set(now)
}
