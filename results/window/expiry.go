package window

import (
	"cmp"
	"math"

	"github.com/kbench/kbench/results/group"
)

// expiry is when the coordinator dropped a worker that was stopped at a time: at
// the end of its session, counted from its last request that renews it. A member
// may have asked for a session of its own. Whether the coordinator got a request
// that has no recorded response is not known.
func (a *seen) expiry(worker int, stopped int64) (change, bool) {
	if worker < 0 {
		return change{}, false
	}
	out := change{worker: worker, since: stopped, expiry: true}
	var last, sure int64
	var generation int32
	session := a.Session
	for i := range a.Workers[worker].Calls {
		c := &a.Workers[worker].Calls[i]
		if c.Req > stopped {
			break
		}
		if c.API == group.JoinGroup && c.Session > 0 {
			session = c.Session
		}
		if !c.Renews(a.wire.KIP) {
			continue
		}
		if c.API == group.JoinGroup && c.OK() {
			generation = c.Generation
		}
		var at int64
		at, out.ghost = a.renewed(worker, c, stopped)
		last = max(last, at)
		if c.Resp != 0 {
			sure = max(sure, at)
		}
	}
	if last == 0 {
		return change{}, false
	}
	out.at, out.low = last+session, cmp.Or(sure, last)+session
	if out.ghost != nil {
		out.since = max(out.since, out.ghost.Resp)
	} else if a.instance(worker) == "" {
		// A round that was completed without it, when the rebalance timeout was
		// over, dropped it before its session ended. Not so a static member.
		if r := a.completed(worker, stopped, out.low, generation); r != nil {
			out.at, out.low = r.Resp, r.Resp
		}
	}
	return out, true
}

// renewed is when a request renewed the session of a worker that was stopped at a
// time: when the coordinator got it, but at the end of a join or a sync, which it
// may hold back. One that was stopped in the middle of a join is part of the round
// all the same, as a ghost; its session begins when the round is complete.
func (a *seen) renewed(worker int, c *group.Call, stopped int64) (at int64, ghost *group.Call) {
	answered := c.Resp != 0 && c.Resp <= stopped
	switch {
	case answered && (c.API == group.JoinGroup || c.API == group.SyncGroup):
		return c.Resp, nil
	case !answered && c.API == group.JoinGroup:
		if ghost = a.completed(worker, c.Req, math.MaxInt64, 0); ghost != nil {
			return ghost.Resp, ghost
		}
	}
	return c.Req, nil
}

// completed is the first JoinGroup of another worker that was answered between
// two times with a newer generation, nil without one: all of a round are answered
// when it is complete.
func (a *seen) completed(worker int, after, before int64, generation int32) *group.Call {
	var first *group.Call
	for i := range a.Workers {
		if i == worker {
			continue
		}
		for j := range a.Workers[i].Calls {
			c := &a.Workers[i].Calls[j]
			if c.API == group.JoinGroup && c.OK() && c.Generation > generation && c.Resp > after && c.Resp < before && (first == nil || c.Resp < first.Resp) {
				first = c
			}
		}
	}
	return first
}

// wasRejected says whether the first that a worker heard after it went on was
// that the group has forgotten it.
func (a *seen) wasRejected(worker int, resumed int64) bool {
	for _, c := range a.Workers[worker].Calls {
		if c.Resp > resumed && c.Renews(a.wire.KIP) {
			return false
		}
		if c.Resp > resumed && c.Rejected() {
			return true
		}
	}
	return false
}

// instance is the static identity of a worker, "" without one.
func (a *seen) instance(worker int) string {
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
