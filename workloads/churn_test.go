package workloads

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/workloads/acts"
	"github.com/kbench/kbench/workloads/reader"
)

func entriesOf(t *testing.T, doc string, set ...string) []ChurnEntry {
	t.Helper()
	return mustParse(t, "name: x\n"+doc+"\n", set...).Spec.Churn
}

func TestEntriesAreCompleted(t *testing.T) {
	f := func(entry string, want ChurnEntry) {
		t.Helper()
		if got := entriesOf(t, "group: {static: true}\nchurn: ["+entry+"]")[0]; !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %+v\nwant %+v", entry, got, want)
		}
	}
	no := false
	f("{do: join, when: stable}", ChurnEntry{Do: "join", When: "stable", Times: 1, Phase: "random"})
	f("{do: join, at: 5s}", ChurnEntry{Do: "join", At: 5 * time.Second, Times: 1})
	f("{do: crash, at: 5s, every: 40s, times: 2, phase: 0.25, target: oldest, restore: false}", ChurnEntry{
		Do: "crash", At: 5 * time.Second, Every: 40 * time.Second, Times: 2, Phase: "0.25", Target: "oldest", Restore: &no})
	f("{do: restart, when: stable, id: same}", ChurnEntry{Do: "restart", When: "stable", Times: 1, Phase: "random", Target: "random", ID: "same"})
	f("{cycle: [join, leave], when: stable, times: 12}", ChurnEntry{
		Cycle: []string{"join", "leave"}, When: "stable", Times: 12, Phase: "random", Target: "random"})
	f("{do: crashloop, at: 1s, for: 60s}", ChurnEntry{Do: "crashloop", At: time.Second, Every: 5 * time.Second, Target: "random", For: time.Minute})
	f("{do: storm, at: 1s, for: 60s, rate: 3/m}", ChurnEntry{Do: "storm", At: time.Second, For: time.Minute, Rate: Rate{PerSecond: 0.05}})
	f("{do: crash, when: stable, with: {group.session: 20s, consume.fetch.min: 1KiB, group.assignors: [range]}}", ChurnEntry{
		Do: "crash", When: "stable", Times: 1, Phase: "random", Target: "random",
		With: map[string]any{"group.session": "20s", "consume.fetch.min": "1KiB", "group.assignors": []any{"range"}}})
	f("{do: assignor-roll, when: stable, to: [sticky]}", ChurnEntry{Do: "assignor-roll", When: "stable", Phase: "random", To: []string{"sticky"}})
}

// TestEntriesReadBack reads entries from a document, and again from what a suite
// would hold of it.
func TestEntriesReadBack(t *testing.T) {
	const doc = `
  - {cycle: [join, leave], when: stable, times: 2, phase: 0.5, restore: false}
  - {do: stall, at: 10s, for: 5s, with: {group.session: 20s}}
  - {do: storm, at: 60s, for: 60s, rate: 1/m}
  - {do: add-partitions, at: 200s, count: 6}
  - {do: restart, when: stable, id: new, phase: best}
`
	s := mustParse(t, "name: x\ngroup: {static: true}\nchurn:"+doc).Spec
	roundTrip(t, s)
	plain := (&reader.Reader{}).FromYAML("churn", "", []byte(doc)).Plain()
	again := Default()
	if err := again.Apply("churn", plain); err != nil {
		t.Fatal(err)
	}
	for i := range again.Churn {
		again.Churn[i].complete()
	}
	if !reflect.DeepEqual(again.Churn, s.Churn) {
		t.Errorf("wrote %v\nread %+v\nwant %+v", plain, again.Churn, s.Churn)
	}
}

func TestSetChangesAnEntry(t *testing.T) {
	doc := "churn: [{do: join, when: stable}, {do: crash, when: stable}]"
	got := entriesOf(t, doc, "churn.1.times=3", "churn.1.target=oldest", "churn.0.phase=0.5")
	if got[1].Times != 3 || got[1].Target != "oldest" || got[0].Phase != "0.5" || got[0].Times != 1 {
		t.Errorf("%+v", got)
	}
	if got := entriesOf(t, doc, "churn=[{do: leave, at: 5s}]", "churn.0.at=6s"); len(got) != 1 || got[0].Do != "leave" || got[0].At != 6*time.Second {
		t.Errorf("%+v", got)
	}
	d := mustParse(t, "name: s\ninclude: [{workload: a}]\n", "churn.7.times=3")
	if d.Suite == nil {
		t.Error("a flag for the workloads of a suite was refused")
	}
}

func TestChangingACopyLeavesTheTimelineAlone(t *testing.T) {
	s := *mustParse(t, "name: x\nchurn: [{do: join, when: stable}]\n").Spec
	c := s
	if err := c.Apply("churn.0.times", 5); err != nil || c.Churn[0].Times != 5 || s.Churn[0].Times != 1 {
		t.Errorf("%v: copy %d, original %d", err, c.Churn[0].Times, s.Churn[0].Times)
	}
}

func TestTheTimelineDecidesTheLength(t *testing.T) {
	f := func(doc string, want time.Duration) {
		t.Helper()
		if got := mustParse(t, "name: x\n"+doc).Spec.Phases.Measure; got != want {
			t.Errorf("%s: %v, want %v", doc, got, want)
		}
	}
	f("", Default().Phases.Measure)
	f("churn: [{do: join, when: stable}]", 0)
	f("churn: [{do: join, when: stable}]\nphases: {measure: 20s}", 20*time.Second)
	f("churn: []", Default().Phases.Measure)
}

func TestChurnWarnings(t *testing.T) {
	f := func(doc string, want ...string) {
		t.Helper()
		got := mustParse(t, "name: x\n"+doc).Warnings
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s\ngot:  %q\nwant: %q", doc, got, want)
		}
	}
	f("churn: [{do: join, when: stable}]\nproduce: {rate: 240/s}")
	f("churn: [{do: join, when: stable}]\nproduce: {rate: 120/s}",
		"w.yaml:3:17: produce.rate: each partition has 10 records a second, so gaps are known to 100ms only; write at least 240/s for 12 partitions")
	f("churn: [{do: join, when: stable}]\nproduce: {rate: 1/s}\nconsume: {handler: {time: 1s}}")
	f("churn: [{do: join, at: 5s, every: 6s, times: 2}]")
	f("churn: [{do: join, at: 5s, every: 5s, times: 2}]",
		"w.yaml:2:35: churn[0].every: acts 5s apart fall into each other's windows, which then are one; at least two heartbeats, 6s, keep them apart")
	move := "churn: [{do: broker, fault: move, node: leader, when: stable}]\nproduce: {rate: 240/s, by: "
	f(move + "arm}\nmetadata: {refresh: 6s}")
	f(move + "reference}")
	f(move+"arm}",
		"w.yaml:2:29: churn[0].fault: kafka-go's Writer learns of new leaders by refreshing its metadata alone, here at a random time up to 5m, and its sends fail until then; write one of seconds, such as 6s, which is its default")
}

func TestSuiteCannotChangeAPartOfATimeline(t *testing.T) {
	_, err := Parse("w.yaml", []byte("name: s\ninclude: [{workload: a, set: {churn.0.times: 3}}]\n"), Options{})
	const want = "w.yaml:2:31: include[0].set.churn.0.times: a suite cannot change a part of a timeline; write churn as a whole"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestActsHaveFieldsOfAnEntry holds the fields that acts have to those of an entry.
func TestActsHaveFieldsOfAnEntry(t *testing.T) {
	for _, f := range entryFields().Fields {
		if !strings.HasSuffix(f.Doc, ".") {
			t.Errorf("%s: the meaning %q is not a sentence", f.Path, f.Doc)
		}
	}
	for _, act := range acts.Names() {
		for key := range strings.FieldsSeq(acts.Of(acts.Kind(act)).Fields) {
			if entryFields().Field(key) == nil {
				t.Errorf("%s has a field %s that does not exist", act, key)
			}
		}
	}
}
