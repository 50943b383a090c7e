package window

import (
	"cmp"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/workloads/acts"
)

// stormWindow is how long a stretch is looked at for a storm, and stormStep how
// far it slides.
const (
	stormWindow = int64(60e9)
	stormStep   = int64(1e9)
)

// Storm is a stretch in which rebalances fed on themselves.
type Storm struct {
	Interval
	Amplification float64 `json:"amplification"` // the largest of its windows
	Severity      float64 `json:"severity"`      // 1 - availability
	Recovery      int64   `json:"recovery_ns"`   // from the last counted act before its end until everything was quiet; 0 where not known
	Why           string  `json:"why"`           // of its first window
}

// generation is one completed round of the group.
type generation struct {
	number int32
	from   int64 // the first JoinGroup
	at     int64 // the last assignment
}

// tenure is the time that a worker had a partition in one generation, and
// whether it was empty: no delivery although records were due.
type tenure struct {
	end   int64
	empty bool
}

// generations lists those completed in the measured part.
func (a *seen) generations() []generation {
	byNumber := map[int32]*generation{}
	for _, s := range a.wire.Steps {
		if s.Kind != group.Synced {
			continue
		}
		number, from := s.Call.Generation, s.Call.Req
		if s.Call.API == group.ConsumerGroupHeartbeat {
			number = s.Call.Epoch
		}
		g := byNumber[number]
		if g == nil {
			g = &generation{number: number, from: from}
			byNumber[number] = g
		}
		if s.Call.API == group.SyncGroup || g.at == 0 { // the responses to later beats repeat an epoch
			g.at = s.At
		}
	}
	for _, s := range a.wire.Steps {
		if s.Kind == group.Join && s.Call.OK() {
			if g := byNumber[s.Call.Generation]; g != nil {
				g.from = min(g.from, s.Call.Req)
			}
		}
	}
	var out []generation
	for _, g := range byNumber {
		if a.Measured.Contains(g.at) {
			out = append(out, *g)
		}
	}
	slices.SortFunc(out, func(x, y generation) int { return cmp.Compare(x.at, y.at) })
	return out
}

// tenures lists the assignments that ended in the measured part.
func (a *seen) tenures() []tenure {
	type key struct {
		worker    int
		partition int32
	}
	open := map[key]int64{}
	var out []tenure
	end := func(k key, at int64) {
		from, ok := open[k]
		if !ok {
			return
		}
		delete(open, k)
		if !a.Measured.Contains(at) || !a.any(k.partition, DueIn(from, at), func(Record) bool { return true }) {
			return
		}
		within := Everything()
		within.Since, within.Until = from, at
		out = append(out, tenure{at, !a.any(k.partition, within, func(r Record) bool { return r.By == k.worker })})
	}
	protocol := group.Eager
	for _, s := range a.wire.Steps {
		if s.Kind == group.Join && s.Call.Protocol != "" {
			protocol = group.ProtocolOf(s.Call.Protocol)
		}
		for _, p := range a.Partitions {
			k := key{s.Member, p}
			switch {
			case s.Kind == group.Gone, s.Kind == group.Synced && s.Call.API == group.SyncGroup && !slices.Contains(s.Call.Given, p):
				end(k, s.At)
			case s.Kind == group.Synced && s.Call.API == group.SyncGroup:
				if _, had := open[k]; !had || protocol == group.Eager {
					end(k, s.At)
					open[k] = s.At
				}
			}
		}
	}
	return out
}

// storms finds the storms and the amplification.
func (a *analysis) storms(r *Report) {
	generations := a.generations()
	r.Generations = len(generations)
	for _, list := range a.byAct {
		for _, c := range list {
			if a.Measured.Contains(c.at) {
				r.Changes++
			}
		}
	}
	if a.wire.KIP {
		return // epochs count no rounds
	}
	if r.Changes > 0 {
		r.Amplification = float64(r.Generations) / float64(r.Changes)
	}
	r.StormsSought = true
	tenures := a.tenures()
	last := max(a.Measured.From, a.Measured.To-stormWindow)
	for from := a.Measured.From; from <= last; from += stormStep {
		in := Interval{From: from, To: min(from+stormWindow, a.Measured.To)}
		x, why := a.stormIn(in, generations, tenures)
		if why == "" {
			continue
		}
		if n := len(r.Storms); n > 0 && in.From <= r.Storms[n-1].To {
			s := &r.Storms[n-1]
			s.To, s.Amplification = in.To, max(s.Amplification, x)
			continue
		}
		r.Storms = append(r.Storms, Storm{Interval: in, Amplification: x, Why: why})
	}
	for i := range r.Storms {
		a.measure(&r.Storms[i])
	}
}

// stormIn says why a stretch is part of a storm, or "". A change counts as long
// as its window reaches into the stretch, since so do the generations it made. A node of
// the broker to which something was done counts as one: its members may have to come back.
func (a *analysis) stormIn(in Interval, generations []generation, tenures []tenure) (x float64, why string) {
	var took []int64
	for _, g := range generations {
		if in.Contains(g.at) {
			took = append(took, g.at-g.from)
		}
	}
	changes := 0
	for _, w := range a.windows {
		if w.From > in.To || w.To < in.From {
			continue
		}
		changes += len(a.changesOf(w))
		for _, i := range w.acts {
			if b := a.Acts[i].Broker; b != nil {
				changes += len(b.Nodes)
			}
		}
	}
	ended, empty := 0, 0
	for _, t := range tenures {
		if in.Contains(t.end) {
			ended++
			if t.empty {
				empty++
			}
		}
	}
	n := len(took)
	x = float64(n) / float64(max(changes, 1))
	slices.Sort(took)
	switch {
	case x > 3 && n >= 5:
		why = "more than three generations per change"
	case n >= 3 && changes == 0:
		why = "generations without any act"
	case n > 0 && float64(n)*float64(took[n/2]) > 0.5*float64(in.Length()):
		why = "more than half of the time spent rebalancing"
	case ended >= minTenures && float64(empty) > 0.3*float64(ended):
		why = "partitions taken away before a record was read"
	}
	return x, why
}

// minTenures is from how many tenures on a share of them means something.
const minTenures = 10

// measure fills in how bad a storm was and how long it lasted after the last
// act before its end.
func (a *analysis) measure(s *Storm) {
	var total, down int64
	for _, p := range a.Partitions {
		total += max(s.To-max(s.From, a.born(p)), 0)
		down += results.TotalLength(results.Clip(a.late[p], s.Interval))
	}
	if total > 0 {
		s.Severity = float64(down) / float64(total)
	}
	for _, i := range a.actsInTime() {
		if act := a.Acts[i]; act.Counted && act.At <= s.To {
			s.Recovery, _ = a.recovery(act)
		}
	}
}

// stormy says whether an act came from an entry whose acts are meant to come
// before the group has settled.
func stormy(act results.Act) bool { return acts.Of(acts.Kind(act.Group)).Storm }

// recovery is the time from an act until nothing was disturbed for 2H. It is not
// known where another act came first, or the end.
func (a *analysis) recovery(act results.Act) (took int64, known bool) {
	next := a.End
	for _, i := range a.actsInTime() {
		if at := a.Acts[i].At; at > act.At {
			next = min(next, at)
		}
	}
	quiet := settle(a.bad, act.At, next-a.Theta, 2*a.Heartbeat)
	if quiet >= min(next, a.Measured.To) {
		return 0, false
	}
	return quiet - act.At, true
}

// recovered finds the longest recovery from a storm or crash loop that was asked
// for: from its last act on, whether or not it made the group storm.
func (a *analysis) recovered(r *Report) {
	order := slices.DeleteFunc(a.actsInTime(), func(i int) bool { return !a.Acts[i].Counted })
	for n, i := range order {
		act := a.Acts[i]
		if !stormy(act) || n+1 < len(order) && a.Acts[order[n+1]].Group == act.Group {
			continue
		}
		took, known := a.recovery(act)
		if !known {
			r.warn(results.Remarkf(results.KindNotRecovered, "the group had not recovered from the %s that ended with act %d when the next act or the end of the measured part came", act.Group, act.N).
				With("act", results.UnitCount, float64(act.N)))
			continue
		}
		r.Recoveries++
		r.Recovery = max(r.Recovery, took)
	}
}
