package conduct_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"testing"

	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// reopening is a group of two, one of which closes its client and opens a new one in
// the same process again and again.
const reopening = `
name: reopening
topic:   {partitions: 4, replication: 3}
records: {size: 128, entropy: 0.5}
produce: {by: reference, rate: 100/s}
consume: {members: 2, fetch: {wait: 100ms}, commit: {mode: marked, every: 500ms, on_revoke: true}, handler: {lanes: member, revoke: wait}}
group:   {protocol: classic, assignors: [range], session: 6s, heartbeat: 300ms, rebalance: 10s}
phases:  {warmup: 2s, drain: 30s}
pause:   {theta: 1s}
leaks:   true
churn:   [{do: reopen, when: stable, target: newest, times: 6}]
gate:    ["leak.goroutines{class=reopened} < 70", "leak.connections{class=reopened} < 70", "leak.goroutines{class=stayed} < 70"]
`

// leaker leaves a goroutine and a connection behind whenever it is closed.
var leaker = faulty.Fault{Kind: faulty.Leak}

// TestLeaks: a client whose close leaves a goroutine and a connection behind is told of,
// with the function by name, and misses its gates; one that leaves nothing is not, whichever
// it is. In both the records are whole, and the group has the six acts behind it.
func TestLeaks(t *testing.T) {
	onEmbedded(t)
	spec := written(t, reopening)
	for _, client := range []string{"franz-go+" + leaker.String(), "franz-go", "sarama", "kafka-go"} {
		name, _, leaky := strings.Cut(client, "+")
		t.Run(fmt.Sprintf("%s %t", name, leaky), func(t *testing.T) {
			t.Parallel()
			got, err := run(t, bounded(t), options(fmt.Sprintf("leaks-%s-%t", name, leaky), t.TempDir(), trials([]workloads.Spec{spec}, client)))
			got.wantStates(t, "complete")
			if err != nil {
				t.Fatal(err)
			}
			trial := got.trials[0]
			for _, a := range trial.Acts {
				if a.Kind != "reopen" || a.Member != "consumer-1" || a.Gone < a.At || a.Stable < a.Gone || a.Error != "" {
					t.Errorf("act %d: %s of %s at %d, done at %d, stable at %d, error %q", a.N, a.Kind, a.Member, a.At, a.Gone, a.Stable, a.Error)
				}
			}
			if n := got.value(t, 1, results.AuditLost, ""); len(trial.Acts) != 6 || n != 0 {
				t.Errorf("%d acts, %v records lost", len(trial.Acts), n)
			}
			wantLeaks(t, got, leaky)
			wantLeaksSaid(t, got, leaky)
		})
	}
}

// wantLeaks looks at the figures of leaks: six of each where there are any, and those of
// the member whose client was closed alone.
func wantLeaks(t *testing.T, got *outcome, leaky bool) {
	t.Helper()
	figures := map[string]results.Row{}
	for _, r := range got.summary.Rows {
		if strings.HasPrefix(r.Metric, "leak.") {
			figures[r.Metric+" "+r.Class] = r
		}
	}
	for _, metric := range []string{results.LeakGoroutines, results.LeakConnections, results.LeakHeap} {
		for _, class := range []string{results.LeakReopened, results.LeakStayed} {
			before, after, grew := figures[metric+" "+class+results.LeakBefore], figures[metric+" "+class+results.LeakAfter], figures[metric+" "+class]
			if before.Value <= 0 || after.Value <= 0 || grew.N != 6 || grew.Value != (after.Value-before.Value)*100/6 {
				t.Errorf("%s of %s: from %v to %v in %d is %v per 100", metric, class, before.Value, after.Value, grew.N, grew.Value)
			}
			// A settled client has a few more at one time than at another.
			if most := 4.0; metric != results.LeakHeap {
				n := after.Value - before.Value
				if leaky && class == results.LeakReopened {
					n -= 6
				}
				if n > most || n < -most {
					t.Errorf("%s of %s: from %v to %v", metric, class, before.Value, after.Value)
				}
			}
		}
	}
	// Nothing can wake what leaks here, which a build with Go's profile of that knows.
	blocked, known := figures[results.LeakBlocked+" "+results.LeakReopened]
	if with := pprof.Lookup("goroutineleak") != nil; known != with || leaky && with && blocked.Value != 100 {
		t.Errorf("%v goroutines more per 100 that nothing wakes, known %t; the profile is there: %t", blocked.Value, known, with)
	}
}

// wantLeaksSaid looks at what is said of them, and at the gates.
func wantLeaksSaid(t *testing.T, got *outcome, leaky bool) {
	t.Helper()
	said := map[results.Kind]string{}
	for _, w := range got.summary.Warnings {
		if strings.HasPrefix(string(w.Kind), "leak") {
			said[w.Kind] += w.Words
			if w.Worker != "consumer-1" || w.Class != results.LeakReopened {
				t.Errorf("%+v", w)
			}
		}
	}
	verdicts := []results.Verdict{}
	for _, g := range got.summary.Gates {
		verdicts = append(verdicts, g.Verdict)
	}
	want := []results.Verdict{results.Met, results.Met, results.Met}
	if !leaky {
		if len(said) > 0 {
			t.Errorf("of a client that leaks nothing it is said: %q", said)
		}
	} else {
		want = []results.Verdict{results.NotMet, results.NotMet, results.Met}
		wantWords(t, said[results.Kind(results.LeakGoroutines)], "faulty.holdForGood, 0 before and 6 after, made by faulty.(*consumer).leak", "6 times that its client was closed and opened again")
		wantWords(t, said[results.Kind(results.LeakConnections)], "connections became")
	}
	if !slices.Equal(verdicts, want) {
		t.Errorf("verdicts %q, want %q", verdicts, want)
	}
}

// TestLeaksNotKnown: of members that come, go or are killed between the readings nothing
// is said but that, and of the one that stays its growth.
func TestLeaksNotKnown(t *testing.T) {
	onEmbedded(t)
	text := strings.Replace(reopening, "{do: reopen, when: stable, target: newest, times: 6}", "{do: crash, when: stable, target: newest}", 1)
	text, _, _ = strings.Cut(text, "gate:")
	spec := written(t, text)
	got, err := run(t, bounded(t), options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "franz-go")))
	got.wantStates(t, "complete")
	if err != nil {
		t.Fatal(err)
	}
	var classes []string
	for _, r := range got.summary.Rows {
		if r.Metric == results.LeakGoroutines {
			classes = append(classes, fmt.Sprint(r.Class, " ", r.N))
		}
	}
	if want := []string{"stayed_before 1", "stayed_after 1", "stayed 1"}; !slices.Equal(classes, want) {
		t.Errorf("figures %q, want %q", classes, want)
	}
	at := slices.IndexFunc(got.summary.Warnings, func(r results.Remark) bool { return r.Kind == results.KindLeakNotKnown })
	if at < 0 {
		t.Fatalf("nothing is said of the members that are not known: %v", got.summary.Warnings)
	}
	wantWords(t, got.summary.Warnings[at].Words, "of 2 members that came, went or were killed")
	// A dump that is gone names nothing, and changes no figure.
	stacks := filepath.Join(got.dir.WorkerPath(got.trials[0].Ref, "consumer-0"), results.ProfilesDir, "goroutines-before.txt")
	if err := os.Remove(stacks); err != nil {
		t.Fatal(err)
	}
	again := read(t, got.dir.Path())
	if n := again.value(t, 1, results.LeakGoroutines, results.LeakStayed+results.LeakAfter); n != got.value(t, 1, results.LeakGoroutines, results.LeakStayed+results.LeakAfter) || n == 0 {
		t.Errorf("%v goroutines without the dump", n)
	}
}
