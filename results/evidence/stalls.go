package evidence

import (
	"cmp"
	"maps"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads/acts"
)

// stalls are those of all that is not the client, by the signs that were recorded;
// nil in run directories in which nobody listened.
func (e *Trial) stalls() *window.Stalls {
	if len(e.Supervisor.Canary) == 0 {
		return nil
	}
	s := &window.Stalls{All: blame.Find(e.signs()), Leaders: e.Leaders, Coordinator: e.Coordinator, Hosts: map[string]string{}, Served: e.served()}
	for _, w := range e.Workers {
		s.Hosts[w.Name] = w.Host
		switch w.Role {
		case results.RoleReference, results.RoleProducer, results.RoleBoth:
			s.Producers = append(s.Producers, w.Name)
		}
	}
	if s.Served != nil {
		s.Unacked, s.Reference = e.unacked()
	}
	return s
}

// unacked are the spans of the reference producer with records whose acks were late.
func (e *Trial) unacked() (late map[int32][]record.Span, reference string) {
	role := map[string]results.Role{}
	for i := range e.Workers {
		role[e.Workers[i].Name] = e.Workers[i].Role
	}
	late = map[int32][]record.Span{}
	var buf record.Buffer
	for _, l := range e.Logs {
		if role[l.Worker] != results.RoleReference || l.Spans == nil {
			continue
		}
		reference = l.Worker
		for _, lane := range l.Spans.Lanes {
			for i := range lane.Pages {
				if lane.Kind != record.Acked || lane.Pages[i].Late <= blame.Threshold {
					continue
				}
				for _, s := range lane.Read(i, &buf) {
					if s.MaxLate > blame.Threshold {
						late[lane.Partition] = append(late[lane.Partition], s)
					}
				}
			}
		}
	}
	for _, spans := range late {
		slices.SortFunc(spans, func(a, b record.Span) int { return cmp.Compare(a.Due, b.Due) })
	}
	return late, reference
}

// signs puts what was recorded into the terms of package blame.
func (e *Trial) signs() blame.Signs {
	var s blame.Signs
	for _, a := range e.Acts {
		if acts.Of(a.Kind).Stops && a.At != 0 && a.Resumed > a.At {
			s.Injected = append(s.Injected, blame.Injected{Interval: results.Interval{From: a.At, To: a.Resumed}, What: string(a.Kind), Worker: a.Member, Node: -1})
		}
	}
	s.Injected = append(s.Injected, e.injectedLinks()...)
	s.Injected = append(s.Injected, unserved(e.served())...)
	s.Injected = append(s.Injected, e.answering()...)
	s.Processes = append(s.Processes, process(&e.Supervisor, blame.Supervisor))
	for i := range e.Workers {
		kind := blame.Watcher
		switch w := &e.Workers[i]; {
		case w.Role.UnderTest():
			kind = blame.Client
		case w.Role == results.RoleReference:
			kind = blame.Reference
		}
		s.Processes = append(s.Processes, process(&e.Workers[i], kind))
	}
	for i := range e.Workers {
		s.Answers = append(s.Answers, e.answers(&e.Workers[i])...)
		s.Answers = append(s.Answers, e.waits(&e.Workers[i])...)
	}
	for i := range e.Workers {
		if w := &e.Workers[i]; len(w.Behind) > 0 {
			g := blame.Generator{Worker: w.Name} // which is late by next to nothing as a rule
			for _, l := range w.Behind {
				g.Late = append(g.Late, sign(l))
			}
			s.Generators = append(s.Generators, g)
		}
	}
	s.Machines = machines(e.Machine)
	if e.unseen {
		takeForBroker(s.Machines)
	}
	return s
}

// sign is a late one in the terms of blame.
func sign(l record.Late) blame.Late { return blame.Late{Timely: l.Since, Due: l.Due, At: l.T} }

// process is the canary of a process. What is usual is the median of all seconds.
func process(w *Worker, kind blame.Kind) blame.Process {
	p := blame.Process{Name: w.Name, Host: w.Host, Kind: kind}
	var usual []int64
	for _, c := range w.Canary {
		usual = append(usual, c.Usual)
	}
	p.Usual = median(usual)
	for _, l := range w.Late {
		p.Late = append(p.Late, blame.Nap{Late: sign(l), CPU: l.CPU})
	}
	return p
}

// answers are those that the broker gave to the probe, by node and question. That a node
// gave none while an act had it away says nothing of it.
func (e *Trial) answers(w *Worker) []blame.Answers {
	type question struct {
		node int32
		api  int16
	}
	of, usual, away := map[question]*blame.Answers{}, map[question][]int64{}, e.away()
	var order []question
	for _, a := range w.Answers {
		q := question{a.Node, a.API}
		if of[q] == nil {
			order = append(order, q)
			of[q] = &blame.Answers{Node: a.Node, Asked: asked(a.API), By: w.Name, Process: e.nodeProcess(a.Node)}
		}
		if a.Count > 0 {
			usual[q] = append(usual[q], a.Usual)
		}
		for _, l := range a.Late {
			if way := (results.Interval{From: l.Since, To: l.T}); len(results.Clip(away[a.Node], way)) == 0 {
				of[q].Late = append(of[q].Late, sign(l))
			}
		}
	}
	var out []blame.Answers
	for _, q := range order {
		of[q].Usual = median(usual[q])
		out = append(out, *of[q])
	}
	return out
}

// waits are what the client of a worker waited for nodes, by node and API. Only the
// longest wait of each interval is known, and what is usual is the median of those:
// of a node that is often silent too much is taken for usual, and never too little. Of
// a wait in which the link held something back, or an act had it away, the node is not to
// blame.
func (e *Trial) waits(w *Worker) []blame.Answers {
	var out []blame.Answers
	held, away := e.held(w), e.away()
	for _, of := range []struct {
		api   int16
		asked blame.Asked
	}{{0, blame.Produce}, {1, blame.Fetch}} {
		var usual []int64
		late := map[int32][]blame.Late{}
		for _, l := range w.Waits {
			node, known := e.Nodes[l.Node]
			way := results.Interval{From: l.From, To: l.To}
			if l.API != of.api || !known || len(results.Clip(held[node], way)) > 0 || len(results.Clip(away[node], way)) > 0 {
				continue
			}
			usual = append(usual, l.To-l.From)
			late[node] = append(late[node], blame.Late{Timely: l.From, Due: l.From, At: l.To})
		}
		all := median(usual)
		for _, node := range slices.Sorted(maps.Keys(late)) {
			out = append(out, blame.Answers{Node: node, Asked: of.asked, By: w.Name, Process: e.nodeProcess(node), Usual: all, Late: late[node]})
		}
	}
	return out
}

// asked is what a question of the probe stands for, by its API key.
func asked(api int16) blame.Asked {
	const listOffsets, describeGroups = 2, 15
	switch api {
	case describeGroups:
		return blame.Coordinator
	case listOffsets:
		return blame.Leader
	default:
		return blame.Metadata
	}
}

// takeForBroker takes what others than kbench had for what an attached broker had: it
// is contention then, as that of a broker of ours, and excuses nobody.
func takeForBroker(of []blame.Machine) {
	for _, m := range of {
		for i := range m.Loads {
			l := &m.Loads[i]
			l.Procs[results.BrokerProcess(0)] += max(l.Foreign, 0)
			l.Foreign = 0
		}
	}
}

// nodeProcess is the name of a node's process in the samples of the machine: an
// embedded broker is all nodes at once, one that is attached is taken for that, and
// the nodes of Apache Kafka are numbered from 1.
func (e *Trial) nodeProcess(node int32) string {
	switch n := len(e.BrokerPIDs); {
	case n == 1 || e.unseen:
		return results.BrokerProcess(0)
	case n == 0:
		return ""
	default:
		return results.BrokerProcess(int(node) - 1)
	}
}

func median(values []int64) int64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// machines are the samples of each host as what was used between two of them. A
// worker that was not there before had used nothing by then.
func machines(samples []results.MachineSample) []blame.Machine {
	var out []blame.Machine
	last := map[string]results.MachineSample{}
	for _, b := range samples {
		a, there := last[b.Host]
		last[b.Host] = b
		if !there {
			out = append(out, blame.Machine{Host: b.Host})
			continue
		}
		l := blame.Load{
			Interval: results.Interval{From: a.T, To: b.T}, Idle: b.CPUIdle - a.CPUIdle, Steal: b.CPUSteal - a.CPUSteal, Procs: map[string]int64{},
		}
		for name, waited := range b.Waited {
			if was, known := a.Waited[name]; known {
				if l.Waited == nil {
					l.Waited = map[string]int64{}
				}
				l.Waited[name] = max(waited-was, 0) // threads end
			}
		}
		l.Foreign, _ = results.Foreign(a, b)
		for name, cpu := range b.Procs {
			if was, known := a.Procs[name]; known || !results.IsBrokerProcess(name) {
				l.Procs[name] = max(cpu-was, 0)
			}
		}
		i := slices.IndexFunc(out, func(m blame.Machine) bool { return m.Host == b.Host })
		out[i].Loads = append(out[i].Loads, l)
	}
	return out
}
