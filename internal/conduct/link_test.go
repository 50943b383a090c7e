package conduct_test

import (
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/workloads"
)

// badLinks has a link for one of two members, with one node alone, and two acts on
// both of them.
const badLinks = `
name: bad-links
topic:   {partitions: 4, replication: 1}
produce: {by: reference, rate: 200/s}
consume: {members: 2, commit: {mode: marked, every: 200ms}}
group:   {session: 6s, heartbeat: 500ms}
phases:  {warmup: 500ms, drain: 30s}
pause:   {theta: 1s}
link:    {delay: 30ms, node: coordinator, members: 1}
churn:
  - {do: link, at: 1s, for: 1s, target: all, with: {delay: 60ms, node: any}}
  - {do: link, at: 3s, target: all, with: {cut: true, node: any}}
`

// TestLinks: who has a link has it with the nodes that it is about and while it lasts,
// nobody else has one, and all that was done is in the files.
func TestLinks(t *testing.T) {
	onEmbedded(t)
	spec := written(t, badLinks)
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go")))
	got.wantStates(t, "complete")
	if err != nil {
		t.Fatal(err)
	}
	trial := got.trials[0]
	e := got.evidence(t, trial)
	slow, cut := trial.Acts[0], trial.Acts[1]
	if took := time.Duration(slow.Resumed - slow.At); slow.Member != "" || slow.Link == nil || took < time.Second || cut.Link == nil || cut.Resumed < cut.At {
		t.Fatalf("acts: %+v, %+v", slow, cut)
	}
	coordinator := ""
	for addr, id := range trial.Nodes {
		if id == trial.Coordinator {
			coordinator = addr
		}
	}
	for _, w := range e.Workers {
		before, meanwhile, elsewhere, cuts := 0, 0, 0, 0
		for _, l := range w.Links {
			cuts += l.Cut
			for _, h := range l.Held {
				switch {
				case h.To < slow.At && l.Node == coordinator:
					before++
				case h.To < slow.At:
					elsewhere++
				case h.From > slow.At && h.From < slow.Resumed:
					meanwhile++
				}
			}
		}
		switch {
		case w.Role != results.RoleConsumer:
			if len(w.Links) > 0 {
				t.Errorf("%s has a link", w.Name)
			}
		case elsewhere > 0 || meanwhile == 0 || cuts == 0 || (before > 0) != (w.Name == "consumer-0"):
			t.Errorf("%s: held back %d times before the act, %d with other nodes, %d in it; %d cuts", w.Name, before, elsewhere, meanwhile, cuts)
		}
		openAfter(t, &w, cut.At)
	}
}

// openAfter expects a member that lost its connections to have others.
func openAfter(t *testing.T, w *evidence.Worker, at int64) {
	t.Helper()
	opened := 0
	for _, sum := range w.Wire {
		if sum.To > at {
			opened += sum.Opened
		}
	}
	if w.Role == results.RoleConsumer && opened == 0 {
		t.Errorf("%s opened no connection after its were cut", w.Name)
	}
}

// TestLinkWithNobody: a node that the cluster has not is named before a client starts,
// also where an act names it.
func TestLinkWithNobody(t *testing.T) {
	onEmbedded(t)
	f := func(text, want string, set ...string) {
		t.Helper()
		spec := written(t, text, set...)
		got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go")))
		got.wantStates(t, "failed")
		if err == nil || !strings.Contains(got.trials[0].Error, want) {
			t.Errorf("%v; want %q", got.trials[0].Error, want)
		}
		for _, w := range got.trials[0].Workers {
			if w.Role.UnderTest() {
				t.Errorf("%s was started", w.Name)
			}
		}
	}
	const none = "link.node: the cluster has no such node as 9; its nodes are [0 1 2]"
	f(badLinks, none, "link.node=9")
	f(strings.Replace(badLinks, "cut: true, node: any", "cut: true, node: 9", 1), "act 2, link: "+none)
}
