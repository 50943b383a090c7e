package profiled

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/profiles/layers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/summary"
)

// file is a CPU profile of stacks, the leaf first, with so many samples of 10 ms.
func file(t *testing.T, stacks map[string]int64) []byte {
	t.Helper()
	p := &profile.Profile{
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"},
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: layers.CPUTime, Unit: "nanoseconds"}},
	}
	for stack, n := range stacks {
		s := &profile.Sample{Value: []int64{n, n * 10_000_000}}
		for name := range strings.SplitSeq(stack, " < ") {
			f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
			l := &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f}}}
			p.Function, p.Location, s.Location = append(p.Function, f), append(p.Location, l), append(s.Location, l)
		}
		p.Sample = append(p.Sample, s)
	}
	var out bytes.Buffer
	if err := p.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

const (
	dispatch = "github.com/IBM/sarama.(*asyncProducer).dispatcher"
	malloc   = "runtime.mallocgc < " + dispatch
	buffer   = "github.com/twmb/franz-go/pkg/kgo.(*recBuf).bufferRecord"
)

// set is the profiles of an arm's producers over some rounds: of a million records each,
// for which the process used a second and a quarter.
func set(t *testing.T, client, arm string, rounds ...map[string]int64) *Set {
	t.Helper()
	s := &Set{Key: Key{Workload: "w", Arm: arm, Role: results.RoleProducer, Kind: profiles.CPU}, Run: "r1", Client: client, Version: "v1", Cost: summary.Cost{Known: true}}
	for i, stacks := range rounds {
		p := part{i + 1, i + 1, "producer-0", file(t, stacks)}
		n, err := p.samples()
		if err != nil {
			t.Fatal(err)
		}
		s.add(p, summary.Cost{Records: 1_000_000, CPU: 1.25e9, Known: true}, n)
	}
	return s
}

// TestMerged: a set is all of its rounds together.
func TestMerged(t *testing.T) {
	s := set(t, "sarama", "sarama", map[string]int64{dispatch: 60}, map[string]int64{dispatch: 80, malloc: 60})
	p, err := s.Profile()
	if err != nil || profiles.Samples(p) != 200 || s.Samples != 200 || s.Few() {
		t.Errorf("%d samples, the set says %d, few: %t; %v", profiles.Samples(p), s.Samples, s.Few(), err)
	}
	if s.Rounds() != 2 || s.Workers() != 1 || s.Files() != 2 || s.Cost.Records != 2_000_000 {
		t.Errorf("%d rounds, %d workers, %d files, %d records", s.Rounds(), s.Workers(), s.Files(), s.Cost.Records)
	}
	if few := set(t, "sarama", "sarama", map[string]int64{dispatch: 199}); !few.Few() || !strings.Contains(few.Enough(), FewWords) {
		t.Errorf("199 samples are not few: %s", few.Enough())
	}
}

// TestLedgers: layers are shares of what the counters say was used, per record, or of
// the samples alone where those do not span the measured part.
func TestLedgers(t *testing.T) {
	known := set(t, "sarama", "sarama", map[string]int64{dispatch: 75, malloc: 25})
	unknown := set(t, "franz-go", "franz-go", map[string]int64{buffer: 50})
	unknown.Cost.Known = false
	ls, err := Ledgers([]*Set{known, unknown})
	if err != nil || len(ls) != 1 || len(ls[0].Columns) != 2 {
		t.Fatalf("%+v, %v", ls, err)
	}
	f := func(column int, layer layers.Layer, want float64) {
		t.Helper()
		if got, known := ls[0].Columns[column].PerRecord(layer); got != want || !known {
			t.Errorf("%s of column %d: %v, %t, want %v", layer, column, got, known, want)
		}
	}
	f(0, layers.Batch, 0.75*1250)
	f(0, layers.Alloc, 0.25*1250)
	f(0, layers.TLS, 0)
	f(1, layers.Batch, 500)
	if share, ok := ls[0].Columns[0].Coverage(); !ok || share != 0.8 {
		t.Errorf("it covers %v, %t", share, ok)
	}
	if _, ok := ls[0].Columns[1].Coverage(); ok {
		t.Error("the coverage is known where nothing was counted")
	}
	if note := ls[0].Columns[0].Note("x"); !strings.Contains(note, "cover 80%") || !strings.Contains(note, "100 samples, "+FewWords) {
		t.Error(note)
	}
	nothing := set(t, "sarama", "sarama", map[string]int64{dispatch: 75, malloc: 25})
	nothing.Cost.Records = 0
	if none, err := Ledgers([]*Set{nothing}); err != nil {
		t.Error(err)
	} else if words := fmt.Sprint(none[0].table()); strings.Count(words, "not known") != 3 || !strings.Contains(words, "75.0%") || !strings.Contains(words, "no cost per record") {
		t.Errorf("a ledger of no records: %s", words)
	}
	if got := ls[0].Rows(); len(got) != 2 {
		t.Errorf("rows %v, want batch and alloc", got)
	}
	known.Kind = profiles.Block
	if _, err := Ledgers([]*Set{known}); err == nil || !strings.Contains(err.Error(), "cpu and allocs") {
		t.Errorf("a ledger of waits: %v", err)
	}
}

// TestPair: what one arm of a client has more than another is per million records, of
// whatever numbers of rounds; arms of two clients have no frames in common.
func TestPair(t *testing.T) {
	a := set(t, "sarama", "sarama/sticky", map[string]int64{dispatch: 100, "runtime.chansend < " + dispatch: 20})
	b := set(t, "sarama", "sarama/range", map[string]int64{dispatch: 100}, map[string]int64{dispatch: 100})
	// Of what the processes used, 1.5 s here and 1.25 s there, the profiles saw four fifths.
	a.Cost.CPU = 1.5e9
	f := func(what string, want float64) {
		t.Helper()
		top, err := Pair{a, b}.Top()
		if err != nil || top.Sum != want || len(top.Lines) == 0 || top.Lines[0] != (Function{"runtime.chansend", layers.Scheduler, want, want}) || top.Per != "per record" {
			t.Errorf("%s: %+v, want %v; %v", what, top, want, err)
		}
	}
	f("scaled to what was used", 250)
	a.Cost.Known, b.Cost.Known = false, false
	f("where that is not known", 200)
	if _, err := (Pair{a, set(t, "franz-go", "franz-go", map[string]int64{buffer: 50})}).Profile(); err == nil || !strings.Contains(err.Error(), "sarama and franz-go share no functions") {
		t.Errorf("frames of two clients: %v", err)
	}
	if p := (Pair{&Set{Client: "sarama"}, &Set{Client: "sarama@v1.50.0"}}); !p.SameClient() {
		t.Error("two versions of a client are two clients")
	}
	b.Cost.Records = 0
	if _, err := (Pair{a, b}).Profile(); err == nil || !strings.Contains(err.Error(), "no cost per record") {
		t.Errorf("a difference of nothing: %v", err)
	}
	a.Kind, b.Kind = profiles.Heap, profiles.Heap
	if p, err := b.Normal(); err != nil || p.Sample[0].Value[0] != 1_000_000_000 || b.Per() != "per process" {
		t.Errorf("a level is one per process, %v, %v", p, err)
	}
}

// TestTop: of one arm values are per record, and with no records in all.
func TestTop(t *testing.T) {
	s := set(t, "sarama", "sarama", map[string]int64{dispatch: 75, malloc: 25})
	f := func(per string, flat float64) {
		t.Helper()
		top, err := s.Top()
		if err != nil || top.Per != per || top.Lines[0].Name != dispatch || top.Lines[0].Flat != flat || top.Lines[0].Layer != layers.Batch {
			t.Errorf("%+v, %v", top, err)
		}
	}
	f("per record", 937.5) // of what the process used
	s.Cost.Records = 0
	f("in all", 750_000_000)
}

// TestChoose: what is chosen is there, or what there is is said.
func TestChoose(t *testing.T) {
	r := &Run{ID: "r1"}
	for _, client := range []string{"franz-go", "sarama"} {
		for _, arm := range []string{client + "/range", client + "/sticky"} {
			for _, worker := range []string{"", "consumer-0", "consumer-1"} {
				for _, kind := range []profiles.Kind{profiles.CPU, profiles.Heap} {
					r.Sets = append(r.Sets, &Set{Key: Key{Workload: "w", Arm: arm, Role: results.RoleConsumer, Worker: worker, Kind: kind}, Client: client})
				}
			}
		}
	}
	f := func(c Choice, want int) {
		t.Helper()
		if got, err := r.Choose(c); err != nil || len(got) != want {
			t.Errorf("%+v: %d sets, want %d; %v", c, len(got), want, err)
		}
	}
	f(Choice{}, 8)
	f(Choice{Arm: "sarama"}, 4)
	f(Choice{Arm: "sarama/range", Kind: "cpu"}, 1)
	f(Choice{Worker: "consumer-1"}, 8)
	refused := func(c Choice, want string) {
		t.Helper()
		if got, err := r.Choose(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, %v; want it to say %q", c, got, err, want)
		}
	}
	refused(Choice{Arm: "kafka-go"}, "there are franz-go, franz-go/range, franz-go/sticky, sarama, sarama/range, sarama/sticky")
	refused(Choice{Kind: "trace"}, "there are cpu, heap")
	refused(Choice{Worker: "consumer-9"}, "there are consumer-0, consumer-1")
	refused(Choice{Slice: "rebalance"}, "no profile of the slice rebalance")
	if got := r.With([]*Set{r.Sets[0]}); len(got) != 3 {
		t.Errorf("with its workers a set is %d, want 3", len(got))
	}
}

func TestParseDiff(t *testing.T) {
	f := func(text string, a, b Side) {
		t.Helper()
		gotA, gotB, err := ParseDiff(text)
		if err != nil || gotA != a || gotB != b {
			t.Errorf("%s: %+v, %+v, %v", text, gotA, gotB, err)
		}
	}
	f("sarama/range,sarama/sticky", Side{Arm: "sarama/range"}, Side{Arm: "sarama/sticky"})
	f("runs/a:,runs/b:sarama", Side{Run: "runs/a"}, Side{Run: "runs/b", Arm: "sarama"})
	f("#rebalance,#steady", Side{Slice: "rebalance"}, Side{Slice: "steady"})
	f("a:sarama#steady,franz-go#steady", Side{"a", "sarama", "steady"}, Side{Arm: "franz-go", Slice: "steady"})
	for _, wrong := range []string{"", "a", "a,", ",b", "a,b,c"} {
		if _, _, err := ParseDiff(wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

// TestPairs: what belongs together is of one workload, role and kind, and of one arm
// where the sides do not name any.
func TestPairs(t *testing.T) {
	s := func(arm string, kind profiles.Kind) *Set {
		return &Set{Key: Key{Workload: "w", Arm: arm, Role: results.RoleProducer, Kind: kind}}
	}
	as := []*Set{s("a", profiles.CPU), s("b", profiles.CPU), s("a", profiles.Heap)}
	f := func(bs []*Set, same bool, want int) {
		t.Helper()
		if got, err := Pairs(as, bs, same); len(got) != want || (err != nil) != (want == 0) {
			t.Errorf("%d pairs, want %d; %v", len(got), want, err)
		}
	}
	f(as, true, 3)
	f([]*Set{s("c", profiles.CPU)}, false, 2)
	f([]*Set{s("c", profiles.CPU)}, true, 0)
	f([]*Set{s("a", profiles.Block)}, true, 0)
}

// TestPages: the index has everything with its number of samples, and a difference of
// two clients says why it has no frames.
func TestPages(t *testing.T) {
	sarama := set(t, "sarama", "sarama", map[string]int64{dispatch: 75})
	franz := set(t, "franz-go", "franz-go", map[string]int64{buffer: 250})
	newer := set(t, "sarama", "sarama", map[string]int64{dispatch: 300})
	newer.Run, newer.Version = "r2", "v2"
	r := &Run{ID: "r1", Warnings: []results.Remark{results.Remarkf(results.KindDamaged, "it is left out")}}
	index, pages, err := r.Pages([]*Set{sarama, franz}, []Pair{{sarama, franz}, {newer, sarama}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range pages {
		got = append(got, p.Path+" | "+p.Title+" | "+strings.Join(p.Notes, ", "))
		if _, err := p.Load(); err != nil {
			t.Error(err)
		}
	}
	few := ", " + FewWords
	want := []string{
		"diff/w/producer/sarama-v2-in-r2/sarama-v1-in-r1/cpu | w, producer, cpu: sarama v2 in r2 less sarama v1 in r1, per million records | 300 samples against 75" + few,
		"w/sarama/producer/all/cpu/measured-part | w, sarama v1, producer, cpu | 75 samples" + few + ", 1 round, 1 worker",
		"w/franz-go/producer/all/cpu/measured-part | w, franz-go v1, producer, cpu | 250 samples, 1 round, 1 worker",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	words := fmt.Sprint(index)
	for _, want := range []string{"it is left out", "sarama and franz-go share no functions", "ns of CPU per record, by layer", "cover 60%"} {
		if !strings.Contains(words, want) {
			t.Errorf("the index does not say %q", want)
		}
	}
}

// TestExport: merged files that pprof reads, and one for builds of each client.
func TestExport(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "out")
	a, b := set(t, "sarama", "sarama/range", map[string]int64{dispatch: 75}), set(t, "sarama", "sarama/sticky", map[string]int64{dispatch: 25})
	files, err := Export([]*Set{a, b}, dir)
	if err != nil {
		t.Fatal(err)
	}
	samples := func(file string) int64 {
		t.Helper()
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		p, err := profile.ParseData(data)
		if err != nil {
			t.Fatal(err)
		}
		return profiles.Samples(p)
	}
	if len(files) != 3 || samples("w.sarama-range.producer.cpu.pb.gz") != 75 || samples("sarama/default.pgo") != 100 {
		t.Errorf("%v", files)
	}
	if _, err := Export([]*Set{a}, filepath.Join(dir, "sarama", "default.pgo")); err == nil {
		t.Error("it was written below a file")
	}
}

// TestMissing: a run without profiles says how to get some.
func TestMissing(t *testing.T) {
	r := &Run{ID: "r1"}
	if err := r.Missing([]string{"kbench", "run", "quick", "--out=x"}); !strings.Contains(err.Error(), `take them with "kbench run quick --profile cpu,heap,allocs"`) {
		t.Error(err)
	}
	r.Asked = []profiles.Kind{profiles.CPU}
	if err := r.Missing(nil); !strings.Contains(err.Error(), "was to take profiles (cpu)") {
		t.Error(err)
	}
}
