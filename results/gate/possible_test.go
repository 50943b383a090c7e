package gate

import (
	"strings"
	"testing"

	"github.com/kbench/kbench/workloads"
)

func TestPossible(t *testing.T) {
	spec := func(by string, members, backlog int, maximal bool) *workloads.Spec {
		return &workloads.Spec{
			Name: "w", Link: workloads.Default().Link, Produce: workloads.Produce{By: by, Rate: workloads.Rate{Max: maximal}}, Consume: workloads.Consume{Members: members, Backlog: backlog},
		}
	}
	plan := func(s *workloads.Spec, events ...string) []Planned {
		return []Planned{{Arm: "sarama/range", Client: "sarama", Lane: "best", Spec: s, Events: events}, {Arm: "franz-go", Client: "franz-go", Lane: "matched", Spec: s, Events: events}}
	}
	f := func(arms []Planned, expr, want string) {
		t.Helper()
		err := Possible(expr, arms)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", expr, err, want)
		}
	}
	producing, endToEnd := plan(spec("arm", 0, 0, true)), plan(spec("arm", 3, 0, false))
	backlog, churn := plan(spec("arm", 1, 1000, false)), plan(spec("reference", 3, 0, false), "crash", "stall")

	for _, arms := range [][]Planned{producing, endToEnd, backlog, churn} {
		f(arms, "audit.lost == 0", "")
		f(arms, "produce.failed == 0", "")
		f(arms, "cpu.per_record < 1us", "")
		f(arms, "audit.lost{arm=sarama/range} == 0", "")
		f(arms, "audit.lost{lane=best,client=sarama} == 0", "")
		f(arms, "audit.lost{client=kafka-go} == 0", "no client of this run is called kafka-go")
		f(arms, "audit.lost{client=franz-go,lane=best} == 0", "no lane")
		f(arms, "audit.lost{workload=v} == 0", "no workload")
	}
	f(producing, "produce.throughput > 1k/s", "")
	f(producing, "p99(produce.service) < 1s", "")
	f(producing, "p99(produce.response) < 1s", "ask for produce.service")
	f(producing, "produce.throughput{role=reference} > 1k/s", "has no reference producer")
	f(producing, "consume.throughput > 1k/s", "of consumers")
	f(producing, "p99(e2e.response) < 1s", "w has none")
	f(producing, "audit.zombie == 0", "w has none")

	f(endToEnd, "p99(e2e.response) < 1s", "")
	f(endToEnd, "group.generations == 1", "")
	f(endToEnd, "max(pause.gap) < 1s", "w has no churn")
	f(endToEnd, "pause.availability > 0.9", "w has no churn")
	linked, behind := spec("reference", 3, 0, false), spec("arm", 0, 0, false)
	linked.Link, behind.Link = workloads.Link{Loss: 0.05}, workloads.Link{Loss: 0.05}
	f(plan(linked), "pause.availability > 0.9", "")
	f(plan(linked), "audit.late < 100", "")
	f(plan(linked), "max(pause.gap) < 1s", "w has no churn")
	f(plan(behind), "pause.availability > 0.9", "w has no churn")
	f(endToEnd, "max(group.rounds{event=join}) < 1", "no event of the kind join; it has none")

	f(backlog, "consume.throughput > 1k/s", "")
	f(backlog, "produce.throughput > 1k/s", "nothing is produced")
	f(backlog, "p99(e2e.response) < 1s", "w has none")

	f(churn, "max(pause.gap{event=stall 5s}) < 1s", "")
	f(churn, "max(pause.gap{event=crash#2}) < 1s", "")
	f(churn, "max(pause.gap{event=leave}) < 1s", "it has crash, stall")
	f(churn, "leak.goroutines{class=stayed} < 10", "w has none; write leaks: true")
	read := plan(spec("reference", 3, 0, false), "crash")
	read[0].Spec.Leaks = true
	f(read, "leak.goroutines{class=stayed} < 10", "")
	f(read, "leak.heap{class=reopened} < 1MiB", "no act that opens the client of a member again")
	read[0].Spec.Churn = []workloads.ChurnEntry{{Do: "reopen"}}
	f(read, "leak.connections{class=reopened_after} < 10", "")
	f(churn, "p99(produce.response) < 1s", "ask for it with {role=reference}")
	f(churn, "p99(produce.response{role=reference}) < 1s", "")
	f(nil, "audit.lost == 0", "") // every arm is refused, with a reason of its own

	// Acts on nodes of the broker are called by what they do, and to which.
	node := spec("reference", 3, 0, false)
	node.Churn = []workloads.ChurnEntry{{Do: "broker", Fault: "kill", Node: "leader"}}
	nodes := plan(node, "kill leader", "stop any")
	f(nodes, "max(recover.delivered{event=kill leader}) < 20s", "")
	f(nodes, "max(recover.delivered{event=stop any 2s}) < 20s", "")
	f(nodes, "max(recover.delivered{event=kill any}) < 20s", "no event of the kind kill any; it has kill leader, stop any")
	f(nodes, "max(broker.leaders) < 20s", "")
	f(churn, "max(broker.leaders) < 20s", "broker.leaders is a figure of acts on nodes of the broker, and w has none")
	f(endToEnd, "max(recover.acked) < 20s", "w has no churn")
}
