package profiles

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

// cpuOf makes a CPU profile of stacks of functions, the leaf first, with samples of 10 ms.
func cpuOf(stacks map[string]int64) *profile.Profile {
	p := &profile.Profile{
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"},
		SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
	}
	known := map[string]*profile.Location{}
	for stack, n := range stacks {
		s := &profile.Sample{Value: []int64{n, n * 10_000_000}}
		for name := range strings.SplitSeq(stack, " < ") {
			if known[name] == nil {
				f := &profile.Function{ID: uint64(len(p.Function) + 1), Name: name}
				known[name] = &profile.Location{ID: f.ID, Line: []profile.Line{{Function: f}}}
				p.Function, p.Location = append(p.Function, f), append(p.Location, known[name])
			}
			s.Location = append(s.Location, known[name])
		}
		p.Sample = append(p.Sample, s)
	}
	return p
}

// topOf is the flat and cumulated value of each function, those without any left out.
func topOf(t *testing.T, p *profile.Profile) map[string][2]int64 {
	t.Helper()
	all, err := Top(p, "cpu")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][2]int64{}
	for _, f := range all {
		out[f.Name] = [2]int64{f.Flat, f.Cum}
	}
	return out
}

// TestDiff: two profiles of different amounts of work differ by what a million records
// cost more, and not by how long they were taken. B does twice the work at the same cost,
// but for a burn of 200 ns per record.
func TestDiff(t *testing.T) {
	const recordsOfA, recordsOfB = 10_000_000, 20_000_000
	a := cpuOf(map[string]int64{"send < main": 500, "ack < main": 300})
	b := cpuOf(map[string]int64{"send < main": 1000, "ack < main": 600, "burn < send < main": 400})
	diff, err := Diff(Scaled(b, 1e6/float64(recordsOfB)), Scaled(a, 1e6/float64(recordsOfA)))
	if err != nil {
		t.Fatal(err)
	}
	if err := diff.CheckValid(); err != nil {
		t.Fatal(err)
	}
	const burn = 200 * 1_000_000 // ns per million records
	want := map[string][2]int64{"burn": {burn, burn}, "send": {0, burn}, "main": {0, burn}, "ack": {}}
	if d := cmp.Diff(want, topOf(t, diff)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, s := range diff.Sample {
		if base := s.HasLabel("pprof::base", "true"); base != (s.Value[0] < 0) {
			t.Errorf("a value of %d is of the base: %t", s.Value[0], base)
		}
	}
	if len(diff.SampleType) != 1 || diff.SampleType[0].Type != "cpu" {
		t.Errorf("its sample types are %v: numbers of samples mean nothing once scaled", diff.SampleType)
	}
	if n := Samples(a); n != 800 || a.Sample[0].Value[0] == 0 {
		t.Errorf("the profile itself was changed: %d samples", n)
	}
}

// TestScaledKeeps: what rounds to nothing is still there, where profile.ScaleN would
// drop it.
func TestScaledKeeps(t *testing.T) {
	p := &profile.Profile{SampleType: []*profile.ValueType{{Type: "alloc_objects", Unit: "count"}}, Sample: []*profile.Sample{{Value: []int64{3}}, {Value: []int64{700}}}}
	scaled := Scaled(p, 0.01)
	if len(scaled.Sample) != 2 || scaled.Sample[0].Value[0] != 0 || scaled.Sample[1].Value[0] != 7 {
		t.Errorf("%v", scaled.Sample)
	}
	if err := p.ScaleN([]float64{0.01}); err != nil || len(p.Sample) != 1 {
		t.Errorf("ScaleN drops nothing any more: %v, %v", p.Sample, err)
	}
}

// TestTop: a function that calls itself has its samples once, and less counts like more.
func TestTop(t *testing.T) {
	p := cpuOf(map[string]int64{"a < b < a < main": 2, "b < main": 1})
	want := map[string][2]int64{"a": {20_000_000, 20_000_000}, "b": {10_000_000, 30_000_000}, "main": {0, 30_000_000}}
	if d := cmp.Diff(want, topOf(t, p)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	for _, s := range p.Sample {
		if len(s.Location) == 4 {
			s.Value[1] = -s.Value[1]
		}
	}
	all, err := Top(p, "cpu")
	if err != nil || all[0].Name != "a" || all[0].Flat != -20_000_000 {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := Top(p, "inuse_space"); err == nil {
		t.Error("a sample type that is not there was found")
	}
}

func TestSamples(t *testing.T) {
	f := func(p *profile.Profile, want int64) {
		t.Helper()
		if got := Samples(p); got != want {
			t.Errorf("%d, want %d", got, want)
		}
	}
	f(cpuOf(map[string]int64{"a": 7, "b": 8}), 15)
	f(&profile.Profile{Period: 512 << 10, SampleType: []*profile.ValueType{{Type: "alloc_objects"}, {Type: "alloc_space"}}, Sample: []*profile.Sample{{Value: []int64{900, 5 << 20}}}}, 10)
	f(&profile.Profile{SampleType: []*profile.ValueType{{Type: "delay"}}, Sample: []*profile.Sample{{Value: []int64{900}}}}, 0)
}
