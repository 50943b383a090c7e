package blame

import (
	"cmp"
	"slices"

	"github.com/kbench/kbench/results"
)

// Find makes stalls of signs, in the order of sources and of time.
//
// A sign may be late because its source stood still, or because the source could
// not get a processor. The kernel counts how long threads wait for one, and that
// decides. Where it was not recorded, and processors stood idle meanwhile, it was the
// former; where none did, and another process could not get one either, the latter.
// Who had the processors then had the time: others than kbench are the machine's, the
// client under test has nobody but itself to blame, and our own processes are
// contention.
func Find(s Signs) []Stall {
	f := &finder{machines: map[string]*Machine{}, processes: map[string]*Process{}, lates: map[string][]results.Interval{}}
	for i := range s.Machines {
		f.machines[s.Machines[i].Host] = &s.Machines[i]
	}
	for i := range s.Processes {
		p := &s.Processes[i]
		f.processes[p.Name] = p
		f.lates[p.Name] = p.late()
		if p.Kind == Supervisor {
			f.supervisor = p
		}
	}
	for _, i := range s.Injected {
		s := Stall{Source: SourceInjected, Who: i.Worker, Node: i.Node, Certain: i.Interval, Possible: i.Interval, Group: i.Group, Excuses: true}
		if i.Unserved.Is {
			s.Who, s.Node, s.Unserved, s.Possible = i.What, -1, i.Unserved, results.Interval{From: min(i.Possible.From, i.From), To: max(i.Possible.To, i.To)}
		}
		f.stalls = append(f.stalls, s)
	}
	for i := range s.Processes {
		f.process(&s.Processes[i])
	}
	for i := range s.Answers {
		f.answers(&s.Answers[i])
	}
	for i := range s.Generators {
		f.generator(&s.Generators[i])
	}
	order := sources()
	slices.SortStableFunc(f.stalls, func(a, b Stall) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.Source), slices.Index(order, b.Source)), cmp.Compare(a.Certain.From, b.Certain.From), cmp.Compare(a.Who, b.Who))
	})
	return f.stalls
}

type finder struct {
	machines   map[string]*Machine
	processes  map[string]*Process
	lates      map[string][]results.Interval // when the canary of each was late
	supervisor *Process
	stalls     []Stall
}

// bounds are the stretches that a late sign tells of, where it is late enough.
func (l Late) bounds(usual int64) (certain, possible results.Interval, late bool) {
	from := l.Due + usual
	return results.Interval{From: from, To: l.At}, results.Interval{From: min(l.Timely, from), To: l.At}, l.At-from > Threshold
}

// process takes the late wake-ups of one process. One that worked meanwhile was
// not suspended, however late its canary was.
func (f *finder) process(p *Process) {
	for _, n := range p.Late {
		certain, possible, late := n.bounds(p.Usual)
		if !late || n.CPU < 0 || 4*n.CPU > certain.Length() {
			continue
		}
		f.add(Stall{Source: SourceProcess, Who: p.Name, Node: -1, Certain: certain, Possible: possible, Excuses: p.Kind != Client}, p.Host, p.Name)
	}
}

// answers takes the late answers of one node. Who asked may have been late itself,
// in sending or in reading: of that time the answer says nothing.
func (f *finder) answers(a *Answers) {
	var deaf []results.Interval
	host := ""
	if by := f.processes[a.By]; by != nil {
		host = by.Host
		deaf = f.lates[a.By]
	}
	for _, l := range a.Late {
		certain, possible, late := l.bounds(a.Usual)
		if !late {
			continue
		}
		for _, piece := range results.Without([]results.Interval{possible}, results.Clip(deaf, possible)) {
			sure := results.Clip([]results.Interval{certain}, piece)
			if results.TotalLength(sure) > Threshold {
				f.add(Stall{Source: SourceBroker, Who: results.BrokerProcess(int(a.Node)), Node: a.Node, Certain: sure[0], Possible: piece, Group: a.Asked == Coordinator, Excuses: true}, host, a.Process)
			}
		}
	}
}

// generator takes the lateness of one loop. In a process of the client it waits for
// the client, or is suspended with it, and excuses nobody.
func (f *finder) generator(g *Generator) {
	host := ""
	if p := f.processes[g.Worker]; p != nil {
		if host = p.Host; p.Kind == Client {
			return
		}
	}
	for _, l := range g.Late {
		if certain, possible, late := l.bounds(g.Usual); late {
			f.add(Stall{Source: SourceGenerator, Who: g.Worker, Node: -1, Certain: certain, Possible: possible, Excuses: true}, host, g.Worker)
		}
	}
}

// add adds a stall, or what it was in truth where its process could not get a
// processor.
func (f *finder) add(s Stall, host, process string) {
	missing := s.Certain.Length()
	u, known := f.use(host, s.Certain, process)
	starved := known && 2*u.own < missing
	if waited, counted := f.waited(host, s.Certain, process); counted {
		starved = starved && 2*waited > missing
	} else {
		starved = starved && 2*u.idle < missing && f.seen(host, process, s.Certain)
	}
	switch {
	case !starved:
	case 2*u.foreign > missing && u.foreign >= u.client: // a client that has more of a machine of many cores is not excused by the rest
		s = Stall{Source: SourceMachine, Who: host, Node: -1, Certain: s.Certain, Possible: s.Possible, Excuses: true}
	case 2*u.client > missing:
		return
	case 2*u.others > missing:
		s = Stall{Source: SourceContention, Who: host, Node: -1, Certain: s.Certain, Possible: s.Possible}
	}
	f.stalls = append(f.stalls, s)
}

// late is when a canary was late, or may have been.
func (p *Process) late() []results.Interval {
	var out []results.Interval
	for _, n := range p.Late {
		if _, possible, late := n.bounds(p.Usual); late {
			out = append(out, possible)
		}
	}
	return results.Union(out)
}

// brief is how long a process may wait for a processor while another, that asks for
// one at another moment, does not.
const brief = 5 * Threshold

// seen says whether another bears out that processors were not to be had in a stretch,
// and was late for most of it too: the supervisor or, where it is the supervisor that
// is asked about, anybody. Of a brief one they need not have noticed, and of another
// host the supervisor cannot tell.
func (f *finder) seen(host, process string, over results.Interval) bool {
	if f.supervisor == nil || host != f.supervisor.Host || over.Length() < brief {
		return true
	}
	late := func(of string) bool {
		return 2*results.TotalLength(results.Clip(f.lates[of], over)) > over.Length()
	}
	if process != f.supervisor.Name {
		return late(f.supervisor.Name)
	}
	for name, p := range f.processes {
		if p.Host == host && name != process && late(name) {
			return true
		}
	}
	return false
}

// waited is for how long threads of a process waited for processors in a stretch. A
// wait is in the sample in which it ended, however long before that it began: each
// sample that has a part of the stretch counts whole. It has to be the whole process: a
// thread that nothing keeps from running, such as its canary, may need what another one
// holds that waits.
func (f *finder) waited(host string, over results.Interval, process string) (sum int64, counted bool) {
	m := f.machines[host]
	if m == nil {
		return 0, false
	}
	for _, l := range m.during(over) {
		ns, there := l.Waited[process]
		sum, counted = sum+ns, counted || there
	}
	return sum, counted
}

// during are the samples that have a part of a stretch.
func (m *Machine) during(over results.Interval) []Load {
	from, _ := slices.BinarySearchFunc(m.Loads, over.From+1, func(l Load, t int64) int { return cmp.Compare(l.To, t) })
	to, _ := slices.BinarySearchFunc(m.Loads, over.To, func(l Load, t int64) int { return cmp.Compare(l.From, t) })
	return m.Loads[from:max(from, to)]
}

// usage is who used the processors of a host in a stretch, ns of CPU time. What the
// kernel gave to others than kbench, or the host below to other machines, is
// foreign.
type usage struct{ idle, foreign, own, client, others int64 }

// use adds up the samples of a stretch, those at its ends by their share of it. It
// is not known where they do not cover most of it.
func (f *finder) use(host string, over results.Interval, own string) (u usage, known bool) {
	m := f.machines[host]
	if m == nil {
		return u, false
	}
	var covered int64
	for _, l := range m.during(over) {
		common := min(l.To, over.To) - max(l.From, over.From)
		part := func(ns int64) int64 { return int64(float64(ns) * float64(common) / float64(l.Length())) }
		covered += common
		u.idle += part(l.Idle)
		u.foreign += part(l.Foreign) + part(l.Steal)
		for name, ns := range l.Procs {
			p := f.processes[name]
			switch {
			case p != nil && p.Kind == Client:
				u.client += part(ns)
			case name != own:
				u.others += part(ns)
			}
			if name == own {
				u.own += part(ns)
			}
		}
	}
	return u, 2*covered > over.Length()
}
