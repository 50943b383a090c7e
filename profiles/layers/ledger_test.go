package layers

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/internal/golden"
)

// goldens are the committed profiles: of each client a few hundred samples of
// producers and consumers, without paths and lines. TestProfilesOfRuns made them.
func goldens(t *testing.T) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, client := range []string{"franz-go", "sarama", "kafka-go"} {
		out[client+".cpu"] = []string{CPUTime}
		out[client+".allocs"] = []string{AllocObjects, AllocBytes}
	}
	return out
}

// TestLedgers: what each client spends where, to the digit. A rule that is changed shows
// here what it moved.
func TestLedgers(t *testing.T) {
	for name, sampleTypes := range goldens(t) {
		p := open(t, filepath.Join("testdata", name+".pb.gz"))
		var got strings.Builder
		for _, sampleType := range sampleTypes {
			l, err := Read(p, sampleType)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&got, "%s, %s: %d, %d samples\n", l.Type, l.Unit, l.Total.Value, l.Total.Samples)
			for _, line := range l.Lines {
				fmt.Fprintf(&got, "  %-10s %5.1f%% %12d %5d\n", line.Layer, 100*l.Share(line.Layer), line.Value, line.Samples)
			}
			if matched := 1 - l.Share(Unmatched); matched < leastMatched {
				t.Errorf("%s: %s: %.1f%% matched\n%s", name, sampleType, 100*matched, unmatched(p, sampleType))
			}
		}
		golden.Check(t, filepath.Join("testdata", name+".ledger"), []byte(got.String()))
	}
}

// profileOf makes a CPU profile of stacks, each of so many samples of 10 ms.
func profileOf(stacks map[string]int64) *profile.Profile {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: countType, Unit: "count"}, {Type: CPUTime, Unit: "nanoseconds"}}}
	for stack, n := range stacks {
		s := &profile.Sample{Value: []int64{n, n * 10_000_000}}
		for name := range strings.SplitSeq(stack, " < ") {
			f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
			l := &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f}}}
			p.Function, p.Location, s.Location = append(p.Function, f), append(p.Location, l), append(s.Location, l)
		}
		p.Sample = append(p.Sample, s)
	}
	return p
}

// TestLedgerSums: the lines are the whole, in order, and ledgers add up.
func TestLedgerSums(t *testing.T) {
	a, err := Read(profileOf(map[string]int64{"runtime.mallocgc": 3, "github.com/IBM/sarama.(*Broker).send": 1}), CPUTime)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Read(profileOf(map[string]int64{"runtime.mallocgc": 2, "mine.Client.Do": 4}), CPUTime)
	if err != nil {
		t.Fatal(err)
	}
	want := Ledger{Type: CPUTime, Unit: "nanoseconds", Total: Entry{100_000_000, 10}, Lines: []Line{
		{Client, Entry{10_000_000, 1}}, {Alloc, Entry{50_000_000, 5}}, {Unmatched, Entry{40_000_000, 4}},
	}}
	for _, got := range []Ledger{a.Plus(b), b.Plus(a), Ledger{}.Plus(a).Plus(b)} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if got := want.Share(Alloc); got != 0.5 {
		t.Errorf("share of alloc %v, want 0.5", got)
	}
	if got := (Ledger{}).Share(Alloc); got != 0 {
		t.Errorf("share of nothing %v", got)
	}
	if _, err := Read(&profile.Profile{}, CPUTime); err == nil || !strings.Contains(err.Error(), `no sample type "cpu"`) {
		t.Errorf("no sample type: %v", err)
	}
}
