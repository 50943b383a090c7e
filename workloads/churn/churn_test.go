package churn_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
	"github.com/kbench/kbench/workloads/churn"
)

func parse(t *testing.T, doc string) *workloads.Spec {
	t.Helper()
	d, err := workloads.Parse("w.yaml", []byte("name: x\n"+doc+"\n"), workloads.Options{})
	if err != nil {
		t.Fatalf("%s\n%v", doc, err)
	}
	return d.Spec
}

func expand(t *testing.T, doc string, seed uint64) []churn.Act {
	t.Helper()
	acts, err := churn.Expand(parse(t, doc), seed)
	if err != nil {
		t.Fatalf("%s\n%v", doc, err)
	}
	return acts
}

// brief is an act in short: when, what, to whom; + is counted, - restores.
func brief(a churn.Act) string {
	s := fmt.Sprintf("%s%s %d", map[bool]string{true: "+", false: "-"}[a.Counted], a.Kind, a.Member)
	if a.NewMember != churn.Nobody {
		s += fmt.Sprintf(">%d", a.NewMember)
	}
	if a.When == churn.At {
		s += "@" + a.At.String()
	}
	return s
}

func briefs(acts []churn.Act) string {
	var parts []string
	for _, a := range acts {
		parts = append(parts, brief(a))
	}
	return strings.Join(parts, ", ")
}

func TestExpand(t *testing.T) {
	f := func(doc, want string) {
		t.Helper()
		if got := briefs(expand(t, doc, 1)); got != want {
			t.Errorf("%s\ngot  %s\nwant %s", doc, got, want)
		}
	}
	f("", "")
	// Single acts, and what undoes them.
	f("churn: [{do: join, when: stable, times: 2}]", "+join 3, -leave 3, +join 4, -leave 4")
	f("churn: [{do: leave, when: stable, target: oldest, times: 2}]", "+leave 0, -join 3, +leave 1, -join 4")
	f("churn: [{do: crash, when: stable, target: newest}]", "+crash 2, -join 3")
	f("churn: [{do: crash, when: stable, target: oldest, restore: false, times: 2}]", "+crash 0, +crash 1")
	f("churn: [{do: stall, when: stable, for: 1s, target: oldest, times: 2}]", "+stall 0, +stall 0")
	// A member that was stalled beyond its session comes back as the newest.
	f("churn: [{do: stall, when: stable, for: 12s, target: oldest, times: 2}]", "+stall 0, +stall 1")
	f("churn: [{do: restart, when: stable, target: oldest, times: 2}]", "+restart 0>3, +restart 1>4")
	f("group: {static: true}\nchurn: [{do: restart, when: stable, target: oldest, times: 2}]", "+restart 0>3, +restart 3>4")
	// A cycle that ends where it began needs no restoring; another one does.
	f("churn: [{cycle: [join, leave], when: stable, target: newest, times: 2}]", "+join 3, +leave 3, +join 4, +leave 4")
	f("churn: [{cycle: [join, leave, crash], when: stable, target: oldest}]", "+join 3, +leave 0, +crash 1, -join 4")
	// One that opens its client again has another place in the group, and no other process.
	f("churn: [{do: reopen, when: stable, target: newest, times: 2}, {do: join, when: stable, restore: false}]", "+reopen 2, +reopen 2, +join 3")
	f("churn: [{do: reopen, when: stable, target: oldest, times: 4}]", "+reopen 0, +reopen 1, +reopen 2, +reopen 0")
	f("group: {static: true}\nchurn: [{do: reopen, when: stable, target: oldest, times: 2}]", "+reopen 0, +reopen 0")
	// Sequences.
	f("churn: [{do: rolling, when: stable}]", "+restart 0>3, +restart 1>4, +restart 2>5")
	f("group: {static: true}\nchurn: [{do: rolling, when: stable, times: 2}]",
		"+restart 0>3, +restart 1>4, +restart 2>5, +restart 3>6, +restart 4>7, +restart 5>8")
	f("churn: [{do: join, when: stable, restore: false}, {do: rolling, at: 60s, every: 20s}]",
		"+join 3, +restart 0>4@1m0s, +restart 1>5@1m20s, +restart 2>6@1m40s, +restart 3>7@2m0s")
	f("churn: [{do: crashloop, at: 10s, for: 15s, target: oldest}]", "+restart 0>3@10s, +restart 3>4@15s, +restart 4>5@20s")
	f("churn: [{do: assignor-roll, when: stable, to: [cooperative-sticky]}]",
		"+assignor-step 0>3, +assignor-step 1>4, +assignor-step 2>5, +assignor-step 3>6, +assignor-step 4>7, +assignor-step 5>8")
	f("churn: [{do: add-partitions, at: 5s, count: 6}, {do: join, when: stable}]", "+join 3, +add-partitions -1@5s, -leave 3")
	f("churn: [{do: subscribe, when: stable, times: 2}]", "+subscribe -1, +subscribe -1")
	// Offsets and stable groups are merged by the expected course: the crash and
	// what it takes to recover from it stand between the joins.
	f("churn: [{do: join, when: stable, restore: false, times: 3}, {do: crash, at: 15s, target: oldest}]",
		"+join 3, +join 4, +crash 0@15s, -join 5, +join 6")
	// Acts that come before the group has recovered, and are undone after that.
	f("churn: [{do: crash, at: 1s, every: 2s, times: 2, target: oldest}]", "+crash 0@1s, +crash 1@3s, -join 3, -join 4")
}

func TestDetails(t *testing.T) {
	acts := expand(t, "churn: [{do: crashloop, at: 10s, for: 10s}, {do: restart, when: stable}]", 1)
	for _, a := range acts {
		if a.SameID || a.Kill != (a.Of == "crashloop") {
			t.Errorf("%+v", a)
		}
	}
	acts = expand(t, "group: {static: true}\nchurn: [{do: restart, when: stable, id: new}, {do: rolling, when: stable}]", 1)
	for _, a := range acts {
		if a.SameID != (a.Of == "rolling") {
			t.Errorf("%+v", a)
		}
	}
	acts = expand(t, "churn: [{do: join, at: 5s, phase: best}, {do: crash, at: 60s, target: newest, phase: 0.25}, {do: leave, at: 200s}]", 1)
	for i, want := range []float64{0.95, -1, 0.25, -1, -1, -1} {
		if acts[i].Phase != want {
			t.Errorf("act %d, %s: phase %v, want %v", i, brief(acts[i]), acts[i].Phase, want)
		}
	}
	if acts[0].PhaseOf != 0 || acts[2].PhaseOf != acts[2].Member {
		t.Errorf("the phase of the join is that of %d, of the crash of %d that of %d", acts[0].PhaseOf, acts[2].Member, acts[2].PhaseOf)
	}
	if a := expand(t, "churn: [{do: join, when: stable, phase: worst}]", 1)[0]; a.Phase != 0.05 {
		t.Errorf("the worst phase is %v", a.Phase)
	}
}

func TestAssignorRoll(t *testing.T) {
	done := expand(t, "group: {assignors: [range]}\nchurn: [{do: assignor-roll, at: 10s, every: 20s, to: [cooperative-sticky]}, {do: join, at: 300s}]", 1)
	for i, a := range done[:6] {
		want := []string{"cooperative-sticky", "range"}
		if i >= 3 {
			want = want[:1]
		}
		if !slices.Equal(a.To, want) || !reflect.DeepEqual(a.With["group.assignors"], anys(want)) {
			t.Errorf("act %d: %v, with %v; want %v", i+1, a.To, a.With, want)
		}
	}
	// Who joins later must speak the group's new protocol.
	if got := done[6].With["group.assignors"]; done[6].Kind != acts.Join || !reflect.DeepEqual(got, anys([]string{"cooperative-sticky"})) {
		t.Errorf("%+v", done[6])
	}
}

func anys(words []string) (list []any) {
	for _, w := range words {
		list = append(list, w)
	}
	return list
}

func TestSettings(t *testing.T) {
	acts := expand(t, "churn: [{do: crash, when: stable, target: oldest, with: {group.session: 20s}}, {do: restart, when: stable, target: oldest, with: {consume.fetch.wait: 1s}}]", 1)
	want := map[int]map[string]any{0: {"group.session": "20s"}, 4: {"consume.fetch.wait": "1s"}}
	if got := churn.Settings(acts); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %v, want %v", briefs(acts), got, want)
	}
}

func TestRefusals(t *testing.T) {
	f := func(doc, want string) {
		t.Helper()
		acts, err := churn.Expand(parse(t, doc), 1)
		if err == nil || err.Error() != want {
			t.Errorf("%s\ngot  %v (%s)\nwant %s", doc, err, briefs(acts), want)
		}
	}
	f("churn: [{do: crash, at: 1s, every: 1s, times: 3}]",
		"churn[0]: act 3, a crash, would leave the group empty; write more consume.members, let others join first or leave restore on")
	f("churn: [{do: stall, at: 1s, for: 1s, target: oldest, with: {group.session: 20s}}, {do: crash, at: 40s, target: oldest, with: {group.session: 30s}}]",
		"churn[1]: act 2 wants group.session of 30s from member 0, which has been given 20s; write another target or the same value")
}

func TestLength(t *testing.T) {
	f := func(doc string, least, most time.Duration) {
		t.Helper()
		s := parse(t, doc)
		acts, err := churn.Expand(s, 1)
		if got := churn.Length(s, acts); err != nil || got < least || got > most {
			t.Errorf("%s: %v, %v; want %v to %v", doc, got, err, least, most)
		}
	}
	f("", 0, 0)
	const h, s = 3 * time.Second, 10 * time.Second
	f("churn: [{do: join, when: stable, restore: false}]", 2*h, 5*h)
	f("churn: [{do: crash, when: stable, restore: false}]", s+2*h, s+4*h)
	f("churn: [{do: crash, when: stable}]", s+4*h, s+8*h)
	f("churn: [{do: stall, when: stable, for: 60s}]", time.Minute+2*h, time.Minute+5*h)
	f("churn: [{do: crash, at: 100s, with: {group.session: 20s}}]", 120*time.Second+4*h, 120*time.Second+8*h)
	f("churn: [{do: storm, at: 5s, for: 120s, rate: 12/m}]", 100*time.Second, 250*time.Second)
	f("group: {static: true}\nchurn: [{do: leave, when: stable, restore: false}]", s+2*h, s+5*h)
}

// TestLinkActs: what an act does to the link is the act's, and no setting that its
// member is started with; one on all is of nobody.
func TestLinkActs(t *testing.T) {
	const doc = `
link: {delay: 5ms}
churn:
  - {do: link, at: 10s, for: 20s, target: oldest, with: {loss: 10%, link.node: coordinator}}
  - {do: link, at: 40s, for: 5s, target: all, with: {blackhole: true}}
  - {do: link, when: stable, with: {cut: true}}
  - {do: join, at: 60s, with: {link.delay: 50ms}, restore: false}`
	list := expand(t, doc, 1)
	if len(list) != 4 {
		t.Fatal(briefs(list))
	}
	first, all, cut, join := list[0], list[1], list[2], list[3]
	if first.Kind == acts.Link && first.When == churn.Stable { // it waits for nothing
		first, all, cut = list[1], list[2], list[0]
	}
	if l := first.Link; first.Member != 0 || first.For != 20*time.Second || l.Loss != 0.1 || l.Delay != 5*time.Millisecond || l.Node != "coordinator" {
		t.Errorf("%+v", first)
	}
	if all.Member != churn.Nobody || all.PhaseOf != 0 || !all.Link.Blackhole || all.Link.Loss != 0 {
		t.Errorf("%+v", all)
	}
	if !cut.Link.Cut || cut.For != 0 || cut.Member == churn.Nobody {
		t.Errorf("%+v", cut)
	}
	if set := churn.Settings(list); len(set) != 1 || set[join.Member]["link.delay"] != "50ms" {
		t.Errorf("members are started with %v", set)
	}
	s := parse(t, doc)
	if got := churn.Length(s, list); got < 60*time.Second {
		t.Errorf("it takes %s", got)
	}
}

// TestBrokerActs: an act on nodes of the broker is nobody's in the group, and which node is
// taken, where several are meant, follows from the seed. What it takes is expected.
func TestBrokerActs(t *testing.T) {
	const doc = "churn: [{do: broker, fault: kill, node: any, for: 12s, when: stable, times: 2}, {do: broker, fault: move, node: leader, at: 200s}]"
	done := expand(t, doc, 1)
	if got := briefs(done); got != "+broker -1, +broker -1, +broker -1@3m20s" {
		t.Fatal(got)
	}
	kill, move := done[0], done[2]
	if kill.Fault != "kill" || kill.Node != "any" || kill.For != 12*time.Second || kill.Title() != "kill any" || kill.PhaseOf != 0 || kill.Started() != churn.Nobody {
		t.Errorf("%+v", kill)
	}
	if move.Fault != "move" || move.For != 0 {
		t.Errorf("%+v", move)
	}
	if again := expand(t, doc, 1); again[0].Pick != kill.Pick || expand(t, doc, 2)[0].Pick == kill.Pick || done[1].Pick == kill.Pick {
		t.Error("the choice of a node does not follow from the seed")
	}
	if apart := done[1].At - kill.At; apart < 24*time.Second || apart > 40*time.Second {
		t.Errorf("a kill is over after %v", apart)
	}
	roll := expand(t, "churn: [{do: broker, fault: restart, node: all, when: stable}]", 1)
	if got := churn.Length(parse(t, ""), roll); got < 36*time.Second || got > 60*time.Second {
		t.Errorf("a roll is expected to take %v", got)
	}
}
