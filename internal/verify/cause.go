package verify

import (
	"fmt"
	"slices"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/results/cause"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// This file is the cases that ask why a group rebalanced. A member joins, leaves, is
// killed, is cut off from the network, or the topic grows; the wire and the signs of life,
// which know nothing of that, must tell which it was. One of 20 may be left open, and none
// may be named wrong with certainty.

// questionCause is what they are counted under.
const questionCause = "cause"

// causeCases are those of one client, one for each kind of cause.
func causeCases(d drivers.Driver, table []drivers.Driver) []Case {
	stay := false
	one := workloads.ChurnEntry{At: time.Second, Times: 1, Restore: &stay}
	of := func(name cause.Cause, change func(*workloads.Spec, *workloads.ChurnEntry)) Case {
		s := small("cause")
		s.Name = fileName(fmt.Sprintf("verify-cause-%s-%s", name, d.Name()))
		s.Consume.Members = 3
		s.Group.Heartbeat, s.Group.Session, s.Group.Rebalance, s.Group.RejoinBackoff = pauseHeartbeat, pauseSession, pauseSession, 100*time.Millisecond
		s.Consume.Fetch.Wait = 100 * time.Millisecond
		s.Phases.Warmup, s.Phases.Measure = time.Second, 2*time.Second
		e := one
		change(&s, &e)
		s.Churn = []workloads.ChurnEntry{e}
		return Case{Name: "cause " + string(name), Question: questionCause, Driver: d, Spec: s, judge: causeNamed, weight: waiting, missable: true}
	}
	do := func(kind acts.Kind, target string) func(*workloads.Spec, *workloads.ChurnEntry) {
		return func(_ *workloads.Spec, e *workloads.ChurnEntry) { e.Do, e.Target = string(kind), target }
	}
	cases := []Case{
		of(cause.Network, func(_ *workloads.Spec, e *workloads.ChurnEntry) {
			e.Do, e.Target, e.Restore = string(acts.Link), "oldest", nil
			e.For, e.With = pauseSession+4*time.Second, map[string]any{"link.blackhole": true}
		}),
		of(cause.Process, do(acts.Crash, "oldest")),
		of(cause.Join, do(acts.Join, "")), of(cause.Leave, do(acts.Leave, "newest")),
	}
	grows := of(cause.Metadata, func(s *workloads.Spec, e *workloads.ChurnEntry) {
		e.Do, e.Restore, e.Count = string(acts.AddPartitions), nil, 2
		s.Metadata.Refresh, s.Consume.Start = time.Second, "earliest"
	})
	if i := slices.IndexFunc(table, func(r drivers.Driver) bool { return r.Name() == conduct.Reference }); i >= 0 {
		grows.Spec.Produce.By, grows.beside = "reference", table[i:i+1]
	}
	return append(cases, grows)
}

// causeNamed expects the first rebalance after the act to have the name of what was done,
// and to be the doing of the member that it was done to.
func causeNamed(e Evidence) (v verdict) {
	v.injected, v.reported = "an act", e.found()
	if e.Pauses == nil || len(e.Pauses.Events) != 1 || len(e.Pauses.Events[0].Acts) != 1 {
		v.wrong = append(e.others(), "there must be one event with one act")
		return v
	}
	act := e.Pauses.Events[0].Acts[0]
	v.injected = string(act.Kind)
	if act.Member != "" {
		v.injected += " of " + act.Member
	}
	i := slices.IndexFunc(e.Causes, func(r cause.Rebalance) bool { return r.Known >= act.At })
	if i < 0 {
		v.off("no rebalance was found after it")
		return v
	}
	r := &e.Causes[i]
	v.reported = fmt.Sprintf("%s, %s", r.Cause, r.Sure)
	if r.Worker != "" {
		v.reported += ", by " + r.Worker
	}
	right := slices.Contains(cause.Expected(&act), r.Cause) && (act.Member == "" || r.Worker == act.Member)
	if !right {
		v.off("it is named %s: %s", v.reported, r.Why)
	}
	if !right && r.Sure == cause.Certain {
		v.off("and that with certainty")
	}
	return v
}
