package plan

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/churn"
)

func spec(t interface{ Fatal(...any) }, doc string) workloads.Spec {
	d, err := workloads.Parse("w.yaml", []byte(doc), workloads.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return *d.Spec
}

// TestBlocks checks, for any run, what makes it a randomised complete block:
// rounds in order, every arm once in each, the same seed within one, and the
// same plan for the same arguments.
func TestBlocks(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var specs []workloads.Spec
		for i := range rapid.IntRange(1, 3).Draw(t, "workloads") {
			doc := fmt.Sprintf("name: w%d\nrounds: %d\n", i, rapid.IntRange(1, 4).Draw(t, "own rounds"))
			if rapid.Bool().Draw(t, "matrix") {
				doc += "matrix: {group.assignors: [[range], [sticky]], produce.chunk: [1, 16, 64]}\n"
			}
			specs = append(specs, spec(t, doc))
		}
		clients := []string{"franz-go", "sarama", "kafka-go"}[:rapid.IntRange(1, 3).Draw(t, "clients")]
		lanes := []string{"matched", "best"}[:rapid.IntRange(1, 2).Draw(t, "lanes")]
		rounds := rapid.IntRange(0, 3).Draw(t, "rounds")
		seed := rapid.Uint64().Draw(t, "seed")

		trials, err := Expand(specs, clients, lanes, Rounds{Timed: rounds}, seed)
		if err != nil {
			t.Fatal(err)
		}
		again, _ := Expand(specs, clients, lanes, Rounds{Timed: rounds}, seed)
		if !reflect.DeepEqual(trials, again) {
			t.Fatal("the same arguments gave another plan")
		}
		rest, dirs, seeds := trials, map[string]bool{}, map[uint64]bool{}
		for _, s := range specs {
			arms := len(slices.Collect(s.Matrix.Cells())) * len(clients) * len(lanes)
			times := rounds
			if times == 0 {
				times = s.Rounds
			}
			for round := 1; round <= times; round++ {
				block := rest[:arms]
				rest = rest[arms:]
				checkBlock(t, block, s.Name, round)
				for _, tr := range block {
					dirs[tr.Dir] = true
				}
				if seeds[block[0].Seed] {
					t.Fatalf("two rounds have the seed %d", block[0].Seed)
				}
				seeds[block[0].Seed] = true
			}
		}
		if len(rest) != 0 || len(dirs) != len(trials) || trials[len(trials)-1].N != len(trials) {
			t.Fatalf("%d trials too many, %d directories for %d trials", len(rest), len(dirs), len(trials))
		}
	})
}

// checkBlock: every arm once, in one workload and round and with one seed.
func checkBlock(t *rapid.T, block []Trial, workload string, round int) {
	names := map[string]bool{}
	for _, tr := range block {
		names[tr.Arm.Name] = true
		if tr.Workload != workload || tr.Round != round || tr.Seed != block[0].Seed || tr.Spec.Matrix != nil || tr.Spec.Full != nil {
			t.Fatalf("%+v does not belong into round %d of %s", tr, round, workload)
		}
	}
	if len(names) != len(block) {
		t.Fatalf("round %d of %s has the arms %v; want %d different ones", round, workload, names, len(block))
	}
}

// TestProfiledRounds: they come after those that are timed, workload by workload, and
// leave what those are as it was.
func TestProfiledRounds(t *testing.T) {
	specs := []workloads.Spec{spec(t, "name: x\nrounds: 2"), spec(t, "name: y")}
	expand := func(r Rounds) []Trial {
		t.Helper()
		trials, err := Expand(specs, []string{"a", "b"}, []string{"matched"}, r, 1)
		if err != nil {
			t.Fatal(err)
		}
		return trials
	}
	var got []string
	var timed []Trial
	for _, tr := range expand(Rounds{Profiled: 2}) {
		got = append(got, fmt.Sprintf("%s %d %t", tr.Workload, tr.Round, tr.Profiled))
		if !tr.Profiled {
			timed = append(timed, tr)
		}
	}
	got = slices.Compact(got) // two arms each
	want := []string{"x 1 false", "x 2 false", "x 3 true", "x 4 true", "y 1 false", "y 2 true", "y 3 true"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rounds, want to got:\n%s", diff)
	}
	without := expand(Rounds{})
	if len(without) != len(timed) {
		t.Fatalf("%d trials are timed, %d without profiles", len(timed), len(without))
	}
	for i, tr := range without {
		if other := timed[i]; tr.Seed != other.Seed || tr.Arm.Name != other.Arm.Name || tr.Round != other.Round {
			t.Errorf("trial %d is %s in round %d, and %s in round %d with profiles", i, tr.Arm.Name, tr.Round, other.Arm.Name, other.Round)
		}
	}
}

// TestOrderVaries: with 3 arms and 40 rounds each of the 6 orders is bound to
// occur. The seed is fixed, so this does not depend on luck.
func TestOrderVaries(t *testing.T) {
	trials, err := Expand([]workloads.Spec{spec(t, "name: x")}, []string{"a", "b", "c"}, []string{"matched"}, Rounds{Timed: 40}, 1)
	if err != nil {
		t.Fatal(err)
	}
	orders := map[string]int{}
	for block := range slices.Chunk(trials, 3) {
		orders[block[0].Arm.Name+block[1].Arm.Name+block[2].Arm.Name]++
	}
	if len(orders) != 6 {
		t.Errorf("orders are %v; want all 6", orders)
	}
}

func TestNames(t *testing.T) {
	f := func(doc string, lane string, arms ...string) {
		t.Helper()
		trials, err := Expand([]workloads.Spec{spec(t, "name: x\n"+doc)}, []string{"franz-go"}, []string{lane}, Rounds{Timed: 1}, 7)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, tr := range trials {
			got = append(got, tr.Arm.Name)
		}
		slices.Sort(got)
		if !slices.Equal(got, arms) {
			t.Errorf("%s: arms %q, want %q", doc, got, arms)
		}
	}
	f("", "matched", "franz-go")
	f("", "best", "franz-go@best")
	f("matrix: {group.assignors: [[range], [cooperative-sticky]]}", "matched", "franz-go/cooperative-sticky", "franz-go/range")
	f("matrix: {group.assignors: [[range, sticky]]}", "stock", "franz-go/range+sticky@stock")
	f("matrix: {topic.partitions: [12, 1200]}", "matched", "franz-go/partitions=12", "franz-go/partitions=1200")
	f("matrix: {group.static: [true]}", "matched", "franz-go/static=true")
	f("matrix: {produce.codec: [zstd], produce.chunk: [1]}", "matched", "franz-go/chunk=1,codec=zstd")
	f("matrix: {consume.commit.every: [2s], consume.commit.mark.every: [5ms]}", "matched",
		"franz-go/consume.commit.every=2s,consume.commit.mark.every=5ms")
	f("matrix: {records.size: [{uniform: [100, 200]}]}", "matched", "franz-go/uniform:100+200")
	// Several mappings give each their own arms.
	f("matrix: [{group.assignors: [[range], [sticky]]}, {group.protocol: [consumer], group.assignors: [[uniform], [range]]}]", "matched",
		"franz-go/consumer/range", "franz-go/consumer/uniform", "franz-go/range", "franz-go/sticky")
	f("matrix: [{produce.codec: [none]}, {produce.acks: [none]}]", "matched", "franz-go/produce.acks=none", "franz-go/produce.codec=none")
	f("matrix: [{records.size: [100]}, {records.keys.kind: [zipf], records.size: [100]}]", "best", "franz-go/kind=zipf,size=100@best", "franz-go/size=100@best")
}

func TestDirectories(t *testing.T) {
	w := spec(t, "name: x\nmatrix: {group.assignors: [[cooperative-sticky]]}")
	trials, err := Expand([]workloads.Spec{w}, []string{"franz-go"}, []string{"best"}, Rounds{Timed: 2}, 7)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := trials[1].Dir, "002-x-franz-go-cooperative-sticky-best-2"; got != want {
		t.Errorf("directory %s, want %s", got, want)
	}
	if got := FileName("a/b c:d\x00é" + strings.Repeat("x", 200)); strings.ContainsAny(got, "/ :\x00é") || len(got) != longest {
		t.Errorf("%q is no good as a file name", got)
	}
}

func TestCellsAreApplied(t *testing.T) {
	w := spec(t, "name: x\nmatrix: {group.assignors: [[range], [sticky]], group.session: [9s, 12s]}")
	trials, err := Expand([]workloads.Spec{w}, []string{"c"}, []string{"matched"}, Rounds{Timed: 1}, 3)
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range trials {
		g := tr.Spec.Group
		if fmt.Sprint(tr.Arm.Cell["group.assignors"]) != fmt.Sprint(g.Assignors) || tr.Arm.Cell["group.session"] != g.Session.String() {
			t.Errorf("arm %s runs with %v, %v", tr.Arm.Name, g.Assignors, g.Session)
		}
	}
	if w.Group.Assignors[0] != "range" || len(w.Matrix) != 1 || len(w.Matrix[0]) != 2 {
		t.Error("Expand changed its argument")
	}
}

func TestRefused(t *testing.T) {
	x, clients, lanes := []workloads.Spec{spec(t, "name: x")}, []string{"a"}, []string{"matched"}
	f := func(want string, specs []workloads.Spec, clients, lanes []string, rounds int) {
		t.Helper()
		if _, err := Expand(specs, clients, lanes, Rounds{Timed: rounds}, 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v; it should say %q", err, want)
		}
	}
	f("no workload", nil, clients, lanes, 1)
	f("no client", x, nil, lanes, 1)
	f("no lane", x, clients, nil, 1)
	f("rounds is -1", x, clients, lanes, -1)
	f("workload x is given twice", append(x, x[0]), clients, lanes, 1)
	f("client a is given twice", x, []string{"a", "b", "a"}, lanes, 1)
	bad := x[0]
	bad.Matrix = workloads.Matrix{{"group.session": {"1s"}}}
	f("workload x: matrix: ", []workloads.Spec{bad}, clients, lanes, 1)
	bad.Matrix = workloads.Matrix{{"no.such": {"1s"}}}
	f("no.such", []workloads.Spec{bad}, clients, lanes, 1)
}

func TestDuration(t *testing.T) {
	f := func(doc string, low, high time.Duration) {
		t.Helper()
		if d := Duration(spec(t, "name: x\n"+doc)); d < low || d > high {
			t.Errorf("%s: %v, want %v to %v", doc, d, low, high)
		}
	}
	f("phases: {warmup: 10s, measure: 30s}", 40*time.Second, 50*time.Second)
	f("consume: {members: 1, backlog: 2000000}\nproduce: {by: reference, rate: max}", 15*time.Second, 40*time.Second)
}

func TestBytes(t *testing.T) {
	f := func(doc string, low, high int64, known bool) {
		t.Helper()
		if n, ok := Bytes(spec(t, "name: x\nphases: {warmup: 0s, measure: 10s}\n"+doc)); n < low || n > high || ok != known {
			t.Errorf("%s: %d, %v; want %d to %d, %v", doc, n, ok, low, high, known)
		}
	}
	f("produce: {rate: 1000/s}", 2_560_000, 2_900_000, true)
	f("produce: {rate: 1000/s, schedule: {ramp: {from: 0}}}", 1_280_000, 1_450_000, true)
	f("produce: {rate: 1000/s, schedule: {steps: {factors: [1, 3]}}}", 5_120_000, 5_800_000, true)
	f("produce: {rate: 1000/s, schedule: {bursts: {every: 1s, size: 1000}}}", 4_864_000, 5_500_000, true) // the tenth burst is at the end
	f("records: {keys: {kind: zipf, size: 256}}\nproduce: {rate: 1000/s}", 5_120_000, 5_800_000, true)
	f("produce: {by: reference, rate: max}\nconsume: {members: 1, backlog: 10000}", 2_560_000, 2_900_000, true)
	f("produce: {rate: max}", 1<<30, 10<<30, false)
	// A minute of 1000/s for four partitions, and more of them for the rest of it.
	grows := "phases: {warmup: 0s, measure: 60s}\ntopic: {partitions: 4}\nproduce: {rate: 1000/s}\nconsume: {members: 2, start: earliest}\nmetadata: {refresh: 1s}\nchurn: "
	g := func(churn string, records int64) {
		t.Helper()
		const record = 256 + perRecord
		if n, ok := Bytes(spec(t, "name: x\n"+grows+churn)); n != records*record || !ok {
			t.Errorf("%s: %d, %v; want %d records, %d", churn, n, ok, records, records*record)
		}
	}
	g("[{do: stall, at: 10s, for: 1s}]", 60_000)
	g("[{do: add-partitions, at: 10s, count: 4}]", 60_000+50_000)
	g("[{do: add-partitions, at: 10s, count: 2}, {do: add-partitions, at: 40s, count: 4}]", 60_000+25_000+20_000)
	g("[{do: subscribe, at: 10s}, {do: subscribe, at: 30s}]", 60_000+50_000+30_000)
}

func TestPeak(t *testing.T) {
	f := func(doc string, want float64, known bool) {
		t.Helper()
		if got, ok := Peak(spec(t, "name: x\nphases: {warmup: 0s, measure: 10s}\n"+doc)); got != want || ok != known {
			t.Errorf("%s: %v, %v; want %v, %v", doc, got, ok, want, known)
		}
	}
	f("produce: {rate: 1000/s}", 1000, true)
	f("produce: {rate: 1000/s, producers: 3, schedule: poisson}", 1000, true)
	f("produce: {rate: 1000/s, schedule: {ramp: {from: 0}}}", 1000, true)
	f("produce: {rate: 1000/s, schedule: {ramp: {from: 2}}}", 2000, true)
	f("produce: {rate: 1000/s, schedule: {steps: {factors: [1, 3, 2]}}}", 3000, true)
	f("produce: {rate: 1000/s, schedule: {bursts: {every: 5s, size: 700}}}", 1700, true)
	f("produce: {rate: 1000/s, schedule: {bursts: {every: 300ms, size: 100}}}", 1400, true)
	f("produce: {rate: max}", 0, false)
	f("produce: {by: reference, rate: max}\nconsume: {members: 1, backlog: 10000}", 0, false)
	grows := "topic: {partitions: 4}\nproduce: {rate: 1000/s}\nconsume: {members: 2, start: earliest}\nmetadata: {refresh: 1s}\nchurn: "
	f(grows+"[{do: add-partitions, at: 1s, count: 2}, {do: add-partitions, at: 2s, count: 4}]", 2500, true)
	f(grows+"[{do: subscribe, at: 1s}, {do: stall, at: 5s, for: 1s}]", 2000, true)
}

// TestOneTimelineForAllArms: acts at an offset stand at the same place among
// those that wait for a stable group, whatever varies. By its own recovery each
// arm would have them at another place.
func TestOneTimelineForAllArms(t *testing.T) {
	const mixed = `
group: {session: 10s, heartbeat: 3s}
churn:
  - {cycle: [join, leave], times: 12, when: stable, phase: random}
  - {do: crash, at: 90s, target: oldest, with: {group.session: 6s}}
`
	f := func(doc, matrix string, arms int) {
		t.Helper()
		w := spec(t, "name: w\n"+doc+"matrix: "+matrix+"\n")
		trials, err := Expand([]workloads.Spec{w}, []string{"a", "b"}, []string{"matched", "stock"}, Rounds{Timed: 2}, 5)
		if err != nil {
			t.Fatal(err)
		}
		own, round := map[int]bool{}, map[int][]churn.Act{}
		for _, tr := range trials {
			if round[tr.Round] == nil {
				round[tr.Round] = tr.Acts
			}
			if !reflect.DeepEqual(tr.Acts, round[tr.Round]) {
				t.Errorf("%s, round %d: %s has other acts than %s", matrix, tr.Round, tr.Arm.Name, trials[0].Arm.Name)
			}
			alone, err := churn.Expand(&tr.Spec, tr.Seed)
			if err != nil {
				t.Fatal(err)
			}
			own[slices.IndexFunc(alone, func(a churn.Act) bool { return a.When == churn.At })] = true
		}
		if len(trials) != 8*arms {
			t.Errorf("%s: %d trials", matrix, len(trials))
		}
		if len(own) < 2 {
			t.Errorf("%s: by itself, too, each arm would have the act at an offset at %v: nothing was tested", matrix, own)
		}
	}
	f(mixed, "{group.assignors: [[range], [cooperative-sticky]]}", 2)
	f(strings.Replace(mixed, ", with: {group.session: 6s}", "", 1), "[{group.protocol: [classic], group.assignors: [[range], [sticky], [cooperative-sticky]]}, {group.protocol: [consumer], group.assignors: [[uniform], [range]]}]", 5)
	f(mixed, "{group.heartbeat: [1s, 2s, 3s]}", 3)
	crashes := "churn: [{do: crash, when: stable, times: 4, target: random}, {do: add-partitions, at: 50s, count: 2}, {do: crash, at: 80s}]\n"
	f(crashes, "{group.session: [30s, 10s]}", 2)
}

func TestChurnInAPlan(t *testing.T) {
	parse := func(churn string) workloads.Spec {
		t.Helper()
		doc, err := workloads.Parse("w.yaml", []byte("name: w\nchurn: "+churn+"\nmatrix: {group.assignors: [[range], [sticky]]}\n"), workloads.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return *doc.Spec
	}
	spec := parse("[{do: crash, when: stable, times: 3}]")
	trials, err := Expand([]workloads.Spec{spec}, []string{"a", "b"}, []string{"matched"}, Rounds{Timed: 2}, 5)
	if err != nil {
		t.Fatal(err)
	}
	acts := map[int][]churn.Act{}
	for _, tr := range trials {
		acts[tr.Round] = tr.Acts
	}
	if len(trials) != 8 || reflect.DeepEqual(acts[1], acts[2]) {
		t.Errorf("%d trials; both rounds have the acts %v", len(trials), acts[1])
	}

	// The timeline decides how long a trial takes, and how much is written.
	one, three := parse("[{do: crash, when: stable}]"), parse("[{do: crash, when: stable, times: 3}]")
	extra := Duration(three) - Duration(one)
	if extra < 2*one.Group.Session || extra > 8*one.Group.Session {
		t.Errorf("two more crashes take %v", extra)
	}
	few, _ := Bytes(one)
	if many, exact := Bytes(three); !exact || many <= few {
		t.Errorf("a longer timeline writes %d bytes, a shorter one %d", many, few)
	}
	one.Phases.Measure = time.Hour
	if Duration(one) < time.Hour {
		t.Errorf("phases.measure of an hour gives a trial of %v", Duration(one))
	}

	_, err = Expand([]workloads.Spec{parse("[{do: crash, at: 1s, every: 1s, times: 3}]")}, []string{"a"}, []string{"matched"}, Rounds{Timed: 1}, 5)
	if err == nil || !strings.HasPrefix(err.Error(), "workload w: arm a/") || !strings.Contains(err.Error(), ": churn[0]: act 3, a crash, would leave the group empty") {
		t.Errorf("a timeline that empties the group: %v", err)
	}
}

// TestBounds: what multiplies is refused before it does.
func TestBounds(t *testing.T) {
	f := func(doc string, clients, rounds int, want string) {
		t.Helper()
		names := make([]string, clients)
		for i := range names {
			names[i] = fmt.Sprint("client-", i)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Expand([]workloads.Spec{spec(t, "name: x\n"+doc)}, names, []string{"matched"}, Rounds{Timed: rounds}, 1)
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", doc, err, want)
		}
		if took := after.TotalAlloc - before.TotalAlloc; took > 1<<30 {
			t.Errorf("%s: it took %d MiB", doc, took>>20)
		}
	}
	f("", 2, 1_000_000_000, "2 arms in 1000000000 rounds make 2000000000 trials")
	f("rounds: 10000", 2, 0, "write fewer rounds, clients, lanes or cells of the matrix")
	f("matrix: {produce.chunk: [1, 2, 3, 4], produce.retries: [1, 2, 3]}", 90, 10, "1080 arms in 10 rounds make 10800 trials")
	f("churn: [{do: crash, when: stable, times: 2000}]", 3, 100, "workload x: with round 17 all trials together have more than 200000 acts of churn")
}

// A client that is asked for once more is an arm of its own, of the same client, in every
// cell and round.
func TestTwin(t *testing.T) {
	w := workloads.Default()
	w.Name, w.Matrix = "w", workloads.Matrix{{"produce.chunk": {1.0, 16.0}}}
	trials, err := Expand([]workloads.Spec{w}, []string{"a", "b", "a" + TwinName}, []string{"matched", "best"}, Rounds{Timed: 2}, 1)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]int{}
	for _, trial := range trials {
		if twin := strings.HasPrefix(trial.Arm.Name, "a@aa/chunk="); trial.Arm.Twin != twin || twin && trial.Arm.Client != "a" {
			t.Errorf("%s is of %s, a twin: %t", trial.Arm.Name, trial.Arm.Client, trial.Arm.Twin)
		}
		names[trial.Arm.Name]++
	}
	if len(names) != 12 || names["a@aa/chunk=16@best"] != 2 {
		t.Errorf("arms %v", names)
	}
}
