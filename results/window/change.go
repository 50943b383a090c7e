package window

import (
	"cmp"
	"math"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/workloads/acts"
)

// change is a moment at which the coordinator's idea of the group changed by an
// act: its t0.
type change struct {
	worker  int
	at, low int64       // low < at where a request without a recorded response leaves it open
	since   int64       // from when on no new generation can have worker in it: the request to leave, the stop of the process
	ghost   *group.Call // the round that has worker in it, although it was stopped before that was complete
	expiry  bool        // the session of worker ended
	joins   bool
	notice  bool // worker was a member already, and noticed what the act brought
	act     int
}

// stops says whether an act stops its member for a while.
func stops(act results.Act) bool { return acts.Of(act.Kind).Stops }

// findChanges reads off the wire what each act changed. A session ends once, even if
// its member is first stopped and then killed: by the first act.
func (a *seen) findChanges() [][]change {
	changes := make([][]change, len(a.Acts))
	type end struct {
		worker int
		at     int64
	}
	ended := map[end]bool{}
	for _, i := range a.actsInTime() {
		list := slices.DeleteFunc(a.changesBy(a.Acts[i]), func(c change) bool {
			k := end{c.worker, c.at}
			again := c.expiry && ended[k]
			ended[k] = ended[k] || c.expiry
			return again
		})
		for j := range list {
			list[j].act = i
		}
		slices.SortStableFunc(list, func(x, y change) int { return cmp.Compare(x.at, y.at) })
		changes[i] = list
	}
	return changes
}

// expect adds to the course of the group that a member who is gone must be followed
// by a generation.
func (a *seen) expect(changes [][]change) {
	if a.wire.KIP {
		return
	}
	for _, i := range a.actsInTime() {
		for _, c := range changes[i] {
			if !c.joins {
				a.wire.Add(c.since, c.worker, group.Need, c.ghost)
			}
		}
	}
	a.wire.Sort()
}

func (a *seen) changesBy(act results.Act) []change {
	var out []change
	add := func(c change, ok bool) {
		if ok {
			out = append(out, c)
		}
	}
	switch d := acts.Of(act.Kind); {
	case d.Ends && d.Joins:
		old, next := a.index(act.Ended()), a.index(act.Member)
		join, joined := a.joined(next, act.At)
		add(join, joined)
		// Who comes back under the same static identity was never gone.
		if c, ok := a.parted(old, act.At); ok && !(joined && c.expiry && join.at < c.at && a.instance(old) != "" && a.instance(old) == a.instance(next)) {
			out = append(out, c)
		}
	case d.Joins:
		add(a.joined(a.index(act.Member), act.At))
	case d.Abrupt:
		v := a.index(act.Member)
		add(a.parted(v, a.halted(v, act.At, math.MaxInt64)))
	case d.Ends:
		add(a.parted(a.index(act.Member), act.At))
	case d.Grows:
		add(a.noticed(act.At))
	case d.Link:
		return a.lostTo(act)
	case d.Stops:
		if act.Refused() {
			return nil
		}
		v := a.index(act.Member)
		c, ok := a.expiry(v, a.halted(v, act.At, cmp.Or(act.Resumed, math.MaxInt64)))
		if ok && (act.Resumed == 0 || c.at < act.Resumed || a.wasRejected(v, act.Resumed)) {
			out = append(out, c)
			if act.Resumed != 0 {
				add(a.joined(v, act.Resumed))
			}
		}
	}
	return out
}

// halted is when a worker that was stopped or killed had sent its last request: a
// signal takes a moment to arrive, and whoever is stopped and then killed has one
// last request and not two.
func (a *seen) halted(worker int, at, until int64) int64 {
	last := at
	if worker < 0 {
		return last
	}
	for _, c := range a.Workers[worker].Calls {
		if c.Req > at && c.Req < until {
			last = c.Req
		}
	}
	return last
}

// joined is the first request of a worker from a time on that made it a member.
func (a *seen) joined(worker int, from int64) (change, bool) {
	if worker < 0 {
		return change{}, false
	}
	var open *group.Call
	for i := range a.Workers[worker].Calls {
		c := &a.Workers[worker].Calls[i]
		if c.Req < from || !c.Joins() {
			continue
		}
		if c.Resp != 0 {
			return change{worker: worker, at: c.Req, low: c.Req, since: c.Req, joins: true}, true
		}
		open = cmp.Or(open, c)
	}
	if open == nil {
		return change{}, false
	}
	return change{worker: worker, at: open.Req, low: open.Req, since: open.Req, joins: true}, true
}

// parted is when a worker left, by its own request or by the end of its session.
func (a *seen) parted(worker int, from int64) (change, bool) {
	if worker < 0 {
		return change{}, false
	}
	for _, c := range a.Workers[worker].Calls {
		if c.Req >= from && c.Leaves() {
			return change{worker: worker, at: c.Req, low: c.Req, since: c.Req}, true
		}
	}
	return a.expiry(worker, from)
}
