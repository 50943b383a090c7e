package blame

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kbench/kbench/results"
)

const ms = int64(1e6)

// the trial of these tests: a client and a reference producer on one machine of two
// cores, an embedded broker, a probe, the supervisor. The machine is idle, but from
// one second to two, where a test says who has it.
func trial(busy Load) Signs {
	busy.Interval = results.Interval{From: 1000 * ms, To: 2000 * ms}
	loads := []Load{{Interval: results.Interval{To: 1000 * ms}, Idle: 2000 * ms}, busy, {Interval: results.Interval{From: 2000 * ms, To: 9000 * ms}, Idle: 14_000 * ms}}
	return Signs{
		Processes: []Process{
			{Name: "consumer-0", Kind: Client, Usual: ms}, {Name: "producer-0", Kind: Reference, Usual: ms},
			{Name: "probe", Kind: Watcher, Usual: ms}, {Name: results.SupervisorProcess, Kind: Supervisor, Usual: ms},
		},
		Machines: []Machine{{Loads: loads}},
	}
}

const (
	client = iota
	reference
	probe
	supervisor
)

func idle() Load { return Load{Idle: 2000 * ms} }

// late is a sign that was due 5 ms after the last and came so much later.
func late(at, by int64) Late { return Late{Timely: at - 5*ms, Due: at, At: at + by} }

func (s Signs) naps(of int, by int64, cpu int64) Signs {
	s.Processes[of].Late = append(s.Processes[of].Late, Nap{late(1200*ms, by), cpu})
	return s
}

func (s Signs) silent(by int64) Signs {
	s.Answers = append(s.Answers, Answers{Node: 0, Asked: Metadata, By: "probe", Process: "broker-0", Usual: ms, Late: []Late{late(1200*ms, by)}})
	return s
}

func (s Signs) generator(worker string, by int64) Signs {
	s.Generators = append(s.Generators, Generator{Worker: worker, Usual: ms, Late: []Late{late(1200*ms, by)}})
	return s
}

// TestWhose has a known answer for each way in which a sign of a quarter of a second
// can come about.
func TestWhose(t *testing.T) {
	f := func(name string, s Signs, want ...Stall) {
		t.Helper()
		if d := cmp.Diff(want, Find(s)); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	certain := results.Interval{From: 1201 * ms, To: 1450 * ms}
	possible := results.Interval{From: 1195 * ms, To: 1450 * ms}
	stall := func(source Source, who string, node int32, excuses bool) Stall {
		return Stall{Source: source, Who: who, Node: node, Certain: certain, Possible: possible, Excuses: excuses}
	}
	const by = 250 * ms

	f("nothing", trial(idle()))
	f("ten ms are usual", trial(idle()).naps(reference, 11*ms, 0).silent(11*ms).generator("producer-0", 11*ms))

	f("suspended reference", trial(idle()).naps(reference, by, 0), stall(SourceProcess, "producer-0", -1, true))
	f("suspended supervisor", trial(idle()).naps(supervisor, by, 0), stall(SourceProcess, "supervisor", -1, true))
	f("suspended client", trial(idle()).naps(client, by, 0), stall(SourceProcess, "consumer-0", -1, false))
	f("client that works", trial(idle()).naps(client, by, by))
	f("reference that works", trial(idle()).naps(reference, by, by))
	f("nobody knows what it used", trial(idle()).naps(reference, by, -1))

	burner := Load{Foreign: 1900 * ms, Procs: map[string]int64{"consumer-0": 50 * ms, "broker-0": 50 * ms}}
	machine := stall(SourceMachine, "", -1, true)
	f("burner", trial(burner).naps(supervisor, by, 0).naps(probe, by, 0), machine, machine)
	f("burner, and a supervisor that was suspended", trial(burner).naps(supervisor, by, 0), stall(SourceProcess, "supervisor", -1, true))
	f("burner, and a client that starves", trial(burner).naps(client, by, 0).naps(supervisor, by, 0), machine, machine)
	f("burner, and a broker that starves", trial(burner).silent(by).naps(supervisor, by, 0).naps(reference, by, 0), machine, machine, machine)
	f("burner, and a client that was suspended", trial(burner).naps(client, by, 0), stall(SourceProcess, "consumer-0", -1, false))
	f("stolen", trial(Load{Steal: 1900 * ms}).naps(supervisor, by, 0).naps(probe, by, 0), machine, machine)
	f("foreign load beside idle processors starves nobody", trial(Load{Foreign: 1000 * ms, Idle: 1000 * ms}).naps(reference, by, 0), stall(SourceProcess, "producer-0", -1, true))

	// Where it is counted who waited for a processor, that decides.
	waited := func(l Load, ns int64, of ...string) Load {
		l.Waited = map[string]int64{"producer-0": 30 * ms, "consumer-0": 30 * ms, "supervisor": 30 * ms, "broker-0": 30 * ms}
		for _, name := range of {
			l.Waited[name] = ns
		}
		return l
	}
	f("burner, and a reference alone that waited", trial(waited(burner, by, "producer-0")).naps(reference, by, 0), machine)
	f("burner, and a client alone that waited", trial(waited(burner, by, "consumer-0")).naps(client, by, 0), machine)
	f("burner, and a supervisor alone that waited", trial(waited(burner, by, "supervisor")).naps(supervisor, by, 0), machine)
	f("burner, and a client that was suspended while another waited", trial(waited(burner, by, "supervisor")).naps(client, by, 0).naps(supervisor, by, 0),
		stall(SourceProcess, "consumer-0", -1, false), machine)
	f("burner, and a broker alone that waited", trial(waited(burner, by, "broker-0")).silent(by), machine)
	f("burner, and a broker that was suspended", trial(waited(burner, 0)).silent(by), stall(SourceBroker, "broker-0", 0, true))
	f("burner, and a generator alone that waited", trial(waited(burner, by, "producer-0")).generator("producer-0", by), machine)
	quota := Load{Foreign: 1100 * ms, Idle: 900 * ms}
	f("a quota that others used up", trial(waited(quota, by, "supervisor")).naps(supervisor, by, 0), machine)
	f("suspended beside others", trial(waited(quota, 0)).naps(supervisor, by, 0), stall(SourceProcess, "supervisor", -1, true))

	hog := Load{Procs: map[string]int64{"consumer-0": 1800 * ms, "broker-0": 100 * ms, "producer-0": 100 * ms}}
	f("hog is no excuse", trial(hog).naps(supervisor, by, 0).naps(reference, by, 0).silent(by).generator("producer-0", by))
	f("hog on eight cores, and a little of others", trial(Load{Foreign: 600 * ms, Idle: 100 * ms, Procs: map[string]int64{"consumer-0": 7300 * ms}}).naps(supervisor, by, 0).naps(reference, by, 0).silent(by))
	f("hog on two cores, and some of others", trial(Load{Foreign: 600 * ms, Procs: map[string]int64{"consumer-0": 1400 * ms}}).naps(supervisor, by, 0).naps(reference, by, 0))
	f("others on two cores, and some of the client", trial(Load{Foreign: 1400 * ms, Procs: map[string]int64{"consumer-0": 500 * ms}}).naps(supervisor, by, 0).naps(probe, by, 0), machine, machine)
	f("stolen, and some of the client", trial(Load{Steal: 1400 * ms, Procs: map[string]int64{"consumer-0": 500 * ms}}).naps(supervisor, by, 0).naps(probe, by, 0), machine, machine)
	ours := Load{Procs: map[string]int64{"consumer-0": 400 * ms, "broker-0": 1500 * ms, "producer-0": 100 * ms}}
	contention := stall(SourceContention, "", -1, false)
	f("contention", trial(ours).naps(supervisor, by, 0).naps(probe, by, 0), contention, contention)
	f("a broker that works and does not answer", trial(ours).silent(by), stall(SourceBroker, "broker-0", 0, true))

	group := trial(idle()).silent(by)
	group.Answers[0].Asked = Coordinator
	ofGroup := stall(SourceBroker, "broker-0", 0, true)
	ofGroup.Group = true
	f("broker that is silent about the group alone", group, ofGroup)
	f("silent broker", trial(idle()).silent(by), stall(SourceBroker, "broker-0", 0, true))
	f("probe that was suspended", trial(idle()).naps(probe, by, 0).silent(by), stall(SourceProcess, "probe", -1, true))
	f("generator", trial(idle()).generator("producer-0", by), stall(SourceGenerator, "producer-0", -1, true))
	f("generator in a client that works", trial(hog).generator("consumer-0", by))
	f("generator in a client that does not", trial(idle()).generator("consumer-0", by))

	f("machine that nobody looked at", Signs{Answers: trial(idle()).silent(by).Answers}, stall(SourceBroker, "broker-0", 0, true))
}

// TestOf holds whom a stall concerns.
func TestOf(t *testing.T) {
	all := []Stall{
		{Source: SourceProcess, Who: "producer-0", Node: -1}, {Source: SourceProcess, Who: "consumer-0", Node: -1}, {Source: SourceProcess, Who: "supervisor", Node: -1},
		{Source: SourceMachine, Who: "a", Node: -1}, {Source: SourceMachine, Who: "b", Node: -1}, {Source: SourceContention, Who: "a", Node: -1},
		{Source: SourceBroker, Who: "broker-0", Node: 0}, {Source: SourceBroker, Who: "broker-2", Node: 2}, {Source: SourceInjected, Node: 2},
		{Source: SourceGenerator, Who: "producer-1", Node: -1},
		{Source: SourceBroker, Who: "broker-2", Node: 2, Group: true}, {Source: SourceBroker, Who: "broker-0", Node: 0, Group: true},
	}
	for i := range all {
		all[i].Possible = results.Interval{From: 10, To: 20}
	}
	for _, elsewhere := range []results.Interval{{From: 0, To: 10}, {From: 20, To: 30}} {
		if got := Of(all, Place{Leader: 2, Coordinator: -1}, elsewhere); got != nil {
			t.Errorf("of %v: %v", elsewhere, got)
		}
	}
	f := func(name string, p Place, want ...Stall) {
		t.Helper()
		if d := cmp.Diff(want, Of(all, p, results.Interval{From: 19, To: 30})); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	f("a record", Place{Leader: 2, Coordinator: -1, Workers: []string{"producer-0"}, Hosts: []string{"a"}}, all[0], all[3], all[5], all[7], all[8])
	f("a request about the group", Place{Leader: -1, Coordinator: 2}, all[7], all[8], all[10])
	f("a partition of a group that changes", Place{Leader: 0, Coordinator: 2}, all[6], all[7], all[8], all[10])
	f("nothing", Place{Leader: -1, Coordinator: -1})

	// A link lies between one worker and one node, and concerns what needs both.
	link := Stall{Source: SourceInjected, Who: "consumer-0", Node: 2, Possible: results.Interval{From: 10, To: 20}}
	for _, at := range []struct {
		place Place
		want  int
	}{
		{Place{Leader: 2, Coordinator: -1, Workers: []string{"producer-0", "consumer-0"}}, 1},
		{Place{Leader: 0, Coordinator: 2, Workers: []string{"consumer-0"}}, 1},
		{Place{Leader: 2, Coordinator: -1, Workers: []string{"consumer-1"}}, 0},
		{Place{Leader: 0, Coordinator: 0, Workers: []string{"consumer-0"}}, 0},
	} {
		if got := Of([]Stall{link}, at.place, results.Interval{From: 0, To: 30}); len(got) != at.want {
			t.Errorf("a link at %+v: %v", at.place, got)
		}
	}

	// Where leaders and coordinators were moved all that were it matter, and no other.
	for node, want := range []bool{false, true, true, false} {
		stall := Stall{Source: SourceBroker, Node: int32(node), Possible: results.Interval{From: 10, To: 20}}
		at := Place{Leader: 0, Leaders: []int32{1, 2}, Coordinator: -1}
		if got := Of([]Stall{stall}, at, results.Interval{From: 0, To: 30}); (len(got) == 1) != want {
			t.Errorf("node %d, with leaders %v: %v", node, at.Leaders, got)
		}
	}

	// What nobody served concerns who needs it, whichever nodes are known to be which.
	within := results.Interval{From: 10, To: 20}
	found := Find(Signs{Injected: []Injected{
		{Interval: within, Possible: results.Interval{From: 5, To: 21}, What: "broker", Node: -1, Unserved: Unserved{Is: true, Partition: 3}},
		{Interval: within, Possible: within, What: "broker", Node: -1, Unserved: Unserved{Is: true, Group: true}},
	}})
	if len(found) != 2 || found[0].Possible.From != 5 || found[0].Possible.To != 21 || found[0].Certain != within || !found[0].Excuses {
		t.Fatalf("%+v", found)
	}
	for _, at := range []struct {
		place Place
		want  []Stall
	}{
		{Place{Partition: 3, Leader: 1, Coordinator: -1}, found[:1]},
		{Place{Partition: 3, Leader: -1, Coordinator: 1}, found},
		{Place{Partition: 0, Leader: 1, Coordinator: 1}, found[1:]},
		{Place{Partition: 0, Leader: 1, Coordinator: -1}, nil},
	} {
		if got := Of(found, at.place, results.Interval{From: 0, To: 30}); !slices.Equal(got, at.want) {
			t.Errorf("at %+v: %v", at.place, got)
		}
	}
}

// TestExplain: half a second of silence, and who had it.
func TestExplain(t *testing.T) {
	at := func(from, to int64) results.Interval { return results.Interval{From: from * ms, To: to * ms} }
	got, by := Explain([]results.Interval{at(0, 100), at(200, 600)}, []Stall{
		{Source: SourceBroker, Who: "broker-0", Node: 0, Certain: at(350, 500), Possible: at(300, 500), Excuses: true},
		{Source: SourceProcess, Who: "producer-0", Node: -1, Certain: at(50, 150), Possible: at(50, 150), Excuses: true},
		{Source: SourceProcess, Who: "producer-0", Node: -1, Certain: at(400, 450), Possible: at(390, 450), Excuses: true},
		{Source: SourceProcess, Who: "consumer-0", Node: -1, Certain: at(0, 20), Possible: at(0, 20), Excuses: false},
		{Source: SourceContention, Who: "", Node: -1, Certain: at(580, 900), Possible: at(580, 900), Excuses: false},
	})
	if want := (Bounds{250 * ms, 300 * ms}); got != want {
		t.Errorf("unexplained %v, want %v", got, want)
	}
	want := []Share{
		{SourceProcess, "producer-0", true, Bounds{100 * ms, 110 * ms}},
		{SourceProcess, "consumer-0", false, Bounds{20 * ms, 20 * ms}},
		{SourceBroker, "broker-0", true, Bounds{100 * ms, 150 * ms}}, // of what another may have, too,
		{SourceContention, "", false, Bounds{20 * ms, 20 * ms}},
	}
	if d := cmp.Diff(want, by); d != "" {
		t.Error(d)
	}
	most, sum, covered := Covered(500*ms, by)
	if most != want[0] || sum != 200*ms || !covered {
		t.Errorf("covered by %v, %d in all: %t", most, sum, covered)
	}
	if _, _, covered := Covered(2001*ms, by); covered {
		t.Error("less than a tenth needs no mark")
	}
	if _, _, covered := Covered(ms, []Share{{SourceBroker, "broker-0", true, Bounds{10 * ms, 10 * ms}}}); covered {
		t.Error("ten ms need no mark")
	}
	for _, none := range []int64{0, -300 * ms} {
		if _, _, covered := Covered(none, by); covered {
			t.Errorf("of %d nothing can be covered", none)
		}
	}
	if _, _, covered := Covered(100*ms, []Share{{SourceInjected, "consumer-0", true, Bounds{90 * ms, 90 * ms}}}); covered {
		t.Error("what the workload asks for is no accident")
	}
}

// TestSums: whatever the stalls, time is counted once, and the two bounds are in
// order.
func TestSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stretch := func(name string) results.Interval {
			from := rapid.Int64Range(0, 60).Draw(t, name)
			return results.Interval{From: from, To: from + rapid.Int64Range(0, 30).Draw(t, name+" length")}
		}
		var of []results.Interval
		for range rapid.IntRange(0, 3).Draw(t, "stretches") {
			of = append(of, stretch("stretch"))
		}
		of = results.Union(of)
		var stalls []Stall
		for range rapid.IntRange(0, 8).Draw(t, "stalls") {
			s := Stall{Source: rapid.SampledFrom(sources()).Draw(t, "source"), Who: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "who"), Excuses: rapid.Bool().Draw(t, "excuses")}
			s.Possible = stretch("possible")
			s.Certain = s.Possible
			s.Certain.From += rapid.Int64Range(0, s.Possible.Length()).Draw(t, "uncertain")
			stalls = append(stalls, s)
		}
		left, by := Explain(of, stalls)
		all := results.TotalLength(of)
		sum := left.Most
		for _, s := range by {
			if s.Least < 0 || s.Least > s.Most || s.Most > all {
				t.Fatalf("share %v of %d", s, all)
			}
			if s.Excuses {
				sum += s.Least
			}
		}
		if left.Least < 0 || left.Least > left.Most || sum != all {
			t.Fatalf("%v is left, %d with what is certain, of %d", left, sum, all)
		}
		for _, one := range of {
			alone, _ := Explain([]results.Interval{one}, stalls)
			if quick := NewExcuses(stalls).Left(one); quick != alone {
				t.Fatalf("%v is left of %v, and %v where nobody asks who had it", alone, one, quick)
			}
		}
		// The order in which stalls are told makes no difference to what is left.
		shuffled := rapid.Permutation(stalls).Draw(t, "order")
		if again, _ := Explain(of, shuffled); again != left {
			t.Fatalf("%v is left, and %v in another order", left, again)
		}
	})
}

// TestKept holds when it is said that a client was suspended or starved.
func TestKept(t *testing.T) {
	f := func(figure int64, want int64, by ...Share) {
		t.Helper()
		if most, kept := Kept(figure, by); kept != (want > 0) || kept && most.Least != want {
			t.Errorf("%d of %v: %v %t, want %d", figure, by, most, kept, want)
		}
	}
	has := func(source Source, excuses bool, least int64) Share {
		return Share{source, "consumer-0", excuses, Bounds{least, least}}
	}
	f(300*ms, 0)
	f(300*ms, 0, has(SourceBroker, true, 300*ms))
	f(300*ms, 200*ms, has(SourceProcess, false, 200*ms), has(SourceContention, false, 50*ms))
	f(300*ms, 40*ms, has(SourceProcess, true, 200*ms), has(SourceContention, false, 40*ms))
	f(300*ms, 0, has(SourceContention, false, 30*ms))
	f(30*ms, 0, has(SourceContention, false, 10*ms))
	f(-300*ms, 0, has(SourceProcess, false, 200*ms))
}
