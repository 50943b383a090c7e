package workloads

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/workloads/reader"
)

func roundTrip(t *testing.T, s *Spec) {
	t.Helper()
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back Spec
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(*s, back) {
		t.Fatalf("JSON changed the workload:\n%+v\n%+v", *s, back)
	}
}

func TestJSONRoundTrip(t *testing.T) {
	for _, doc := range []string{
		"",
		"records: {size: {uniform: [100, 1000]}, keys: {kind: zipf, count: 5}}",
		"records: {size: {lognormal: {median: 100, sigma: 0.7, max: 1000}}, entropy: 0.333}",
		"records: {size: {choice: [{size: 100, weight: 0.1}, {size: 101, weight: 3}]}}",
		"produce: {rate: 1000/m, schedule: {steps: {factors: [0.1, 2]}}}",
		"produce: {by: reference, rate: max}\nconsume: {members: 1, backlog: 1000}",
		"produce: {schedule: {bursts: {every: 1s, size: 10}}}\nprocess: {gomemlimit: 1GiB}",
		"matrix: {group.assignors: [[range], [sticky, range]], produce.chunk: [1, 16], produce.idempotent: [true, false], records.size: [100, {uniform: [100, 200]}]}",
		"matrix: [{group.assignors: [[range]]}, {produce.chunk: [1]}]\nfull: {produce.chunk: [1, 16]}",
		"needs: [produce.acks]\ngate: [audit.lost == 0]\nsample: true\ncompare: [cpu.per_record by 3%]",
	} {
		roundTrip(t, mustParse(t, "name: x\n"+doc+"\n").Spec)
	}
}

// TestFieldsAreDescribed: each has a name of its own and a meaning, in all sections.
func TestFieldsAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	var visit func(n *reader.Field)
	visit = func(n *reader.Field) {
		for _, f := range n.Fields {
			if f.Key() == "" || seen[f.Path] || !strings.HasSuffix(f.Doc, ".") {
				t.Errorf("%q: the meaning %q is not a sentence, or it has no name of its own", f.Path, f.Doc)
			}
			seen[f.Path] = true
			visit(f)
		}
	}
	visit(document())
	if len(seen) < 80 {
		t.Errorf("%d fields", len(seen))
	}
}

// TestDefaultsAreValid writes every default down, as its tag has it or as the zero
// value that it is, and reads it back: a default is a value that the document could
// have had.
func TestDefaultsAreValid(t *testing.T) {
	want := Default()
	want.Name = "x"
	got := Spec{Name: "x"}
	for _, n := range document().Leaves() {
		v := want.Value(n.Path)
		if n.Default.Kind != reader.Nothing {
			v = n.Default.Plain()
		} else if k := reflect.TypeOf(v).Kind(); k == reflect.String || k == reflect.Slice {
			continue // nothing is written where there is none
		}
		if err := got.Apply(n.Path, v); err != nil {
			t.Error(err)
		}
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read back:\n%+v\ndefaults:\n%+v", got, want)
	}
	if err := want.Validate(); err != nil {
		t.Error(err)
	}
}

func TestApply(t *testing.T) {
	s := Default()
	for path, v := range map[string]any{
		"group.session":        "6s",
		"group.heartbeat":      2 * time.Second,
		"group.assignors":      []string{"sticky"},
		"topic.partitions":     3,
		"produce.idempotent":   true,
		"consume.commit.every": "200ms",
	} {
		if err := s.Apply(path, v); err != nil {
			t.Error(err)
		}
	}
	if s.Group.Session != 6*time.Second || s.Group.Heartbeat != 2*time.Second || s.Group.Assignors[0] != "sticky" ||
		s.Topic.Partitions != 3 || !s.Produce.Idempotent || s.Consume.Commit.Mark.Every != 20*time.Millisecond {
		t.Errorf("%+v", s)
	}
	before := s
	for path, want := range map[string]string{
		"group.sesion":  "override: group.sesion: is not the path of a field; did you mean group.session?",
		"group.session": "override: group.session: 6 has no unit; write 6s for seconds or 6ms for milliseconds",
	} {
		if err := s.Apply(path, 6); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := s.Apply("rounds", struct{}{}); err == nil {
		t.Error("a struct was taken for a value")
	}
	if !reflect.DeepEqual(s, before) {
		t.Error("a failed Apply changed the workload")
	}
}

func TestApplyLeavesTheDefaultAlone(t *testing.T) {
	a := Default()
	b := a
	if err := b.Apply("group.assignors", []any{"sticky"}); err != nil {
		t.Fatal(err)
	}
	if a.Group.Assignors[0] != "range" {
		t.Error("setting a copy changed the original")
	}
}

func TestCells(t *testing.T) {
	s := mustParse(t, "name: x\nmatrix: {produce.codec: [none, zstd], produce.chunk: [1, 16, 64]}\n").Spec
	var got []string
	for cell := range s.Matrix.Cells() {
		got = append(got, showCell(cell))
	}
	want := []string{
		"produce.chunk=1 produce.codec=none", "produce.chunk=1 produce.codec=zstd",
		"produce.chunk=16 produce.codec=none", "produce.chunk=16 produce.codec=zstd",
		"produce.chunk=64 produce.codec=none", "produce.chunk=64 produce.codec=zstd",
	}
	if !slices.Equal(got, want) || s.Matrix.count() != 6 {
		t.Errorf("%d cells: %q", s.Matrix.count(), got)
	}
}

// Several mappings are not multiplied with each other.
func TestCellsOfSeveralMappings(t *testing.T) {
	s := mustParse(t, "name: x\nmatrix: [{group.assignors: [[range], [sticky]]}, {group.protocol: [consumer], group.assignors: [[uniform]], produce.chunk: [1, 2]}]\n").Spec
	roundTrip(t, s)
	var got []string
	for cell := range s.Matrix.Cells() {
		got = append(got, showCell(cell))
	}
	want := []string{
		"group.assignors=[range]", "group.assignors=[sticky]",
		"group.assignors=[uniform] group.protocol=consumer produce.chunk=1", "group.assignors=[uniform] group.protocol=consumer produce.chunk=2",
	}
	if !slices.Equal(got, want) || s.Matrix.count() != 4 {
		t.Errorf("%d cells: %q", s.Matrix.count(), got)
	}
}

// TestOverridesPin: a value from outside holds in every arm, and the full matrix
// takes the place of the other, also with what is left of it.
func TestOverridesPin(t *testing.T) {
	const doc = "name: x\n" +
		"matrix: {group.assignors: [[range], [cooperative-sticky]]}\n" +
		"full: [{group.assignors: [[range], [sticky]]}, {group.protocol: [consumer], group.assignors: [[uniform], [range]]}]\n"
	f := func(opt Options, want ...string) {
		t.Helper()
		d, err := Parse("w.yaml", []byte(doc), opt)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for cell := range d.Spec.Matrix.Cells() {
			c := *d.Spec
			c.Matrix, c.Full = nil, nil
			for path, v := range cell {
				if err := c.Apply(path, v); err != nil {
					t.Fatal(err)
				}
			}
			got = append(got, c.Group.Protocol+" "+strings.Join(c.Group.Assignors, "+"))
		}
		if !slices.Equal(got, want) {
			t.Errorf("%+v: arms %q, want %q", opt, got, want)
		}
	}
	f(Options{}, "classic range", "classic cooperative-sticky")
	f(Options{Full: true}, "classic range", "classic sticky", "consumer uniform", "consumer range")
	f(Options{Set: []string{"group.assignors=[sticky]"}}, "classic sticky")
	f(Options{Set: []string{"group={protocol: consumer, assignors: [uniform]}"}}, "consumer uniform")
	f(Options{Set: []string{"group.protocol=consumer", "group.assignors=[uniform]"}}, "consumer uniform")
	f(Options{Override: []Override{{Path: "group.assignors", Value: []any{"sticky"}, Origin: "suite"}}}, "classic sticky")
	f(Options{Set: []string{"group.session=6s"}}, "classic range", "classic cooperative-sticky")
	f(Options{Set: []string{"group.assignors=[range]"}, Full: true}, "classic range", "consumer range")
	f(Options{Set: []string{"full={group.assignors: [[range], [roundrobin]]}"}, Full: true}, "classic range", "classic roundrobin")
	f(Options{Set: []string{"matrix={}"}}, "classic range")
}

func TestSizes(t *testing.T) {
	f := func(s Size, mean float64, largest int) {
		t.Helper()
		if s.Mean() < mean-0.5 || s.Mean() > mean+0.5 || s.Largest() != largest {
			t.Errorf("%+v: mean %.1f, largest %d; want %.1f, %d", s, s.Mean(), s.Largest(), mean, largest)
		}
	}
	f(Size{Fixed: 100}, 100, 100)
	f(Size{Uniform: [2]int{100, 300}}, 200, 300)
	f(Size{Choice: []SizeChoice{{100, 3}, {500, 1}}}, 200, 500)
	f(Size{Median: 100, Sigma: 1, Max: 10000}, 164.9, 10000)
	f(Size{Median: 100, Sigma: 3, Max: 150}, 150, 150)
}

func TestQuestion(t *testing.T) {
	f := func(about, want string) {
		t.Helper()
		if got := Question(about); got != want {
			t.Errorf("%q asks %q, want %q", about, got, want)
		}
	}
	f("", "")
	f("no end", "no end")
	f("How fast?", "How fast?")
	f("How fast\n  is v1.2? And how dear? ", "How fast is v1.2?")
	f("A join.\nThen a leave.", "A join.")
}
