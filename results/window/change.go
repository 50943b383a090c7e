package window

import (
	"cmp"
	"slices"

	"github.com/kbench/kbench/results"
)

// Kinds of acts, as trial.json names them.
const (
	actJoin    = "join"
	actLeave   = "leave"
	actCrash   = "crash"
	actStall   = "stall"
	actRestart = "restart"
)

// change is a moment at which the coordinator's idea of the group changed by an
// act: its t0.
type change struct {
	worker  int
	at, low int64 // low < at where a request without a recorded response leaves it open
	since   int64 // from when on no generation can have worker in it: the request to leave, the stop of the process
	expiry  bool  // the session of worker ended
	joins   bool
	act     int
}

// ended is the worker whose process an act ended, or "".
func ended(act results.Act) string {
	switch act.Kind {
	case actLeave, actCrash:
		return act.Member
	case actRestart:
		return act.Replaces
	default:
		return ""
	}
}

// findChanges reads off the wire what each act changed, and adds to the course
// of the group that a member who is gone must be followed by a generation.
func (a *analysis) findChanges() {
	a.changes = make([][]change, len(a.Acts))
	for i, act := range a.Acts {
		if act.At == 0 {
			continue
		}
		list := a.changesBy(act)
		for j := range list {
			list[j].act = i
		}
		slices.SortStableFunc(list, func(x, y change) int { return cmp.Compare(x.at, y.at) })
		a.changes[i] = list
		for _, c := range list {
			if !c.joins && !a.wire.kip {
				a.wire.add(c.since, c.worker, stepNeed, nil)
			}
		}
	}
	a.wire.sort()
}

func (a *analysis) changesBy(act results.Act) []change {
	var out []change
	add := func(c change, ok bool) {
		if ok {
			out = append(out, c)
		}
	}
	switch act.Kind {
	case actJoin:
		add(a.joined(a.index(act.Member), act.At))
	case actLeave, actCrash:
		add(a.parted(a.index(act.Member), act.At))
	case actRestart:
		old, next := a.index(act.Replaces), a.index(act.Member)
		join, joined := a.joined(next, act.At)
		add(join, joined)
		// Who comes back under the same static identity was never gone.
		if c, ok := a.parted(old, act.At); ok && !(joined && c.expiry && join.at < c.at && a.instance(old) != "" && a.instance(old) == a.instance(next)) {
			out = append(out, c)
		}
	case actStall:
		v := a.index(act.Member)
		c, ok := a.expiry(v, act.At)
		if ok && (act.Resumed == 0 || c.at < act.Resumed || a.wasRejected(v, act.Resumed)) {
			out = append(out, c)
			if act.Resumed != 0 {
				add(a.joined(v, act.Resumed))
			}
		}
	}
	return out
}

// joined is the first request of a worker from a time on that made it a member.
func (a *analysis) joined(worker int, from int64) (change, bool) {
	if worker < 0 {
		return change{}, false
	}
	var open *Call
	for i := range a.Workers[worker].Calls {
		c := &a.Workers[worker].Calls[i]
		if c.Req < from || !c.joins() {
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
func (a *analysis) parted(worker int, from int64) (change, bool) {
	if worker < 0 {
		return change{}, false
	}
	for _, c := range a.Workers[worker].Calls {
		if c.Req >= from && c.leaves() {
			return change{worker: worker, at: c.Req, low: c.Req, since: c.Req}, true
		}
	}
	return a.expiry(worker, from)
}

// expiry is when the session of a worker ended that was stopped at a time: the
// session timeout after its last request that renews it. The coordinator renews
// at the end of a join or a sync, which it may hold back, and else when it gets
// the request. Whether it got one that has no recorded response is not known.
// A member may have asked for a session of its own.
func (a *analysis) expiry(worker int, stopped int64) (change, bool) {
	if worker < 0 {
		return change{}, false
	}
	var last, sure int64
	session := a.Session
	for _, c := range a.Workers[worker].Calls {
		if c.Req > stopped {
			break
		}
		if c.API == apiJoin && c.Session > 0 {
			session = c.Session
		}
		if !c.renews(a.wire.kip) {
			continue
		}
		at := c.Req
		if c.API == apiJoin || c.API == apiSync {
			at = max(c.Req, c.Resp)
		}
		last = max(last, at)
		if c.Resp != 0 {
			sure = max(sure, at)
		}
	}
	if last == 0 {
		return change{}, false
	}
	low := sure
	if low == 0 {
		low = last
	}
	return change{worker: worker, at: last + session, low: low + session, since: stopped, expiry: true}, true
}

// renews says whether the coordinator renews the session of its member on the
// request.
func (c *Call) renews(kip bool) bool {
	if c.rejected() || c.Err == errIllegalGeneration || c.Err == errStaleEpoch || c.Err == errMemberIDRequired {
		return false
	}
	if kip {
		return c.API == apiConsumer
	}
	return c.API == apiBeat || c.API == apiCommit || c.API == apiJoin || c.API == apiSync
}

// wasRejected says whether the first that a worker heard after it went on was
// that the group has forgotten it.
func (a *analysis) wasRejected(worker int, resumed int64) bool {
	for _, c := range a.Workers[worker].Calls {
		if c.Resp > resumed && c.renews(a.wire.kip) {
			return false
		}
		if c.Resp > resumed && c.rejected() {
			return true
		}
	}
	return false
}

// instance is the static identity of a worker, "" without one.
func (a *analysis) instance(worker int) string {
	if worker < 0 {
		return ""
	}
	for _, c := range a.Workers[worker].Calls {
		if c.Instance != "" {
			return c.Instance
		}
	}
	return ""
}
