package evidence

import (
	"cmp"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/cause"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
)

// Causes are the rebalances of the group, and why each came about, by the wire and by
// signs of life: what was done to it on purpose is not looked at.
func (e *Trial) Causes() []cause.Rebalance { return e.why() }

// causes puts what was recorded into the terms of package cause. What members do when
// they are told to end is not part of the trial.
func (e *Trial) causes() []cause.Rebalance {
	if e.Group == "" {
		return nil
	}
	in := cause.Input{Session: int64(e.Spec.Group.Session)}
	for i := range e.Workers {
		w := &e.Workers[i]
		switch w.Role {
		case results.RoleConsumer, results.RoleBoth:
			in.Members = append(in.Members, e.memberOf(w))
		case results.RoleObserver:
			in.Views = append(in.Views, views(w)...)
		}
	}
	for _, s := range e.Audit().Strangers {
		in.Strangers = append(in.Strangers, cause.Stranger{Name: s.Member, First: s.First, Last: s.Last})
	}
	closing := e.Phase(results.PhaseClose).From
	return slices.DeleteFunc(cause.Find(in), func(r cause.Rebalance) bool { return closing != 0 && r.Known >= closing })
}

// lost are the members that the group lost because they could not be reached.
func (e *Trial) lost() (out []window.Lost) {
	for _, r := range e.Causes() {
		for _, why := range append([]cause.Reason{r.Reason}, r.Also...) {
			if why.Evicted || why.Cause == cause.Network {
				out = append(out, window.Lost{Worker: why.Worker, At: why.At, Evicted: why.Evicted})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b window.Lost) int { return cmp.Compare(a.At, b.At) })
	return out
}

func (e *Trial) memberOf(w *Worker) cause.Member {
	m := cause.Member{Worker: w.Name, Calls: group.Pair(w.Group, e.Group)}
	for _, l := range w.Late {
		m.Still = append(m.Still, cause.Still{Interval: results.Interval{From: l.Due, To: l.T}, CPU: l.CPU})
	}
	slices.SortFunc(m.Still, func(a, b cause.Still) int { return cmp.Compare(a.From, b.From) })
	var still []results.Interval
	for _, s := range m.Still {
		still = append(still, s.Interval)
	}
	for _, c := range w.Canary {
		m.Heard = append(m.Heard, results.Interval{From: c.From, To: c.To})
	}
	m.Heard = results.Without(results.Union(m.Heard), results.Union(still))
	m.Gone, m.End = e.gone(w)
	m.Wire = wireOf(w)
	return m
}

// gone is when a process was seen to have ended: by the first sample of the machine that
// has it no more, or else by the last that it wrote down; 0 where it did not.
func (e *Trial) gone(w *Worker) (at int64, how string) {
	if w.Exit.How == results.Running {
		return 0, ""
	}
	was := false
	for _, s := range e.Machine {
		if s.Host != w.Host {
			continue
		}
		_, is := s.Procs[w.Name]
		if was && !is {
			return s.T, w.Exit.String()
		}
		was = was || is
	}
	if !was && w.Exit.How != results.Exited && len(w.Canary) > 0 {
		return w.Canary[len(w.Canary)-1].To, w.Exit.String()
	}
	return 0, ""
}

// wireOf is what the tap of a worker saw beside its calls. Connections on which nothing
// comes back are told of once a second, those of a stretch are one.
func wireOf(w *Worker) (out cause.Wire) {
	type quiet struct {
		conn int
		node string
		from int64
	}
	until := map[quiet]*cause.Waiting{}
	var order []quiet
	for _, s := range w.Wire {
		for _, q := range s.Waiting {
			k := quiet{q.Conn, q.Node, q.From}
			if until[k] == nil {
				until[k] = &cause.Waiting{Interval: results.Interval{From: q.From}, Node: q.Node, API: q.API}
				order = append(order, k)
			}
			until[k].To = s.To
		}
		if s.Undialled > 0 {
			out.Undialled = append(out.Undialled, results.Interval{From: s.From, To: s.To})
		}
	}
	for _, k := range order {
		out.Waiting = append(out.Waiting, *until[k])
	}
	for _, h := range w.Hangups {
		out.Hangups = append(out.Hangups, cause.Hangup{At: h.T, Node: h.Node})
	}
	has := map[string]int{}
	for _, s := range w.Counts {
		for _, c := range s.Counts {
			out.Topics = append(out.Topics, cause.Topic{At: s.T, Name: c.Topic, Had: has[c.Topic], Has: c.Partitions})
			has[c.Topic] = c.Partitions
		}
	}
	return out
}

// views are the members as the coordinator told the observer of them.
func views(w *Worker) (out []cause.View) {
	for _, ev := range w.Group {
		if ev.K != record.EvGroup || ev.View == nil {
			continue
		}
		v := cause.View{Interval: results.Interval{From: ev.From, To: ev.T}}
		for _, m := range ev.View.Members {
			v.IDs = append(v.IDs, m.ID)
		}
		out = append(out, v)
	}
	return out
}
