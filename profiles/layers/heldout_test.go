package layers

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// leastMatched is the share of the samples of a client's profile that the rules have to
// know.
const leastMatched = 0.97

var keep = flag.Bool("keep", false, "merge the profiles of runs into the committed ones")

// TestProfilesOfRuns prints the ledger of every profile of the runs that KBENCH_LEDGERS
// names (paths with commas between them), and what of it no rule knows. Profiles of
// settings that the rules were not made on say whether they still hold: make ledgers.
func TestProfilesOfRuns(t *testing.T) {
	runs := os.Getenv("KBENCH_LEDGERS")
	if runs == "" {
		t.Skip("KBENCH_LEDGERS names no runs")
	}
	var files []string
	for run := range strings.SplitSeq(runs, ",") {
		found, err := filepath.Glob(filepath.Join(run, "trials", "*", "*", "profiles", "*.pb.gz"))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s has no profiles: %v", run, err)
		}
		files = append(files, found...)
	}
	merged := map[string][]*profile.Profile{}
	for _, file := range files {
		sampleTypes := map[string][]string{"cpu.pb.gz": {CPUTime}, "allocs.pb.gz": {AllocObjects, AllocBytes}}[filepath.Base(file)]
		if sampleTypes == nil {
			continue
		}
		p := open(t, file)
		kind, _, _ := strings.Cut(filepath.Base(file), ".")
		for _, c := range p.Comments {
			if client, ok := strings.CutPrefix(c, "client="); ok {
				merged[client+"."+kind] = append(merged[client+"."+kind], bare(p))
			}
		}
		trial := filepath.Base(filepath.Dir(filepath.Dir(filepath.Dir(file))))
		for _, sampleType := range sampleTypes {
			l, err := Read(p, sampleType)
			if err != nil {
				t.Fatal(err)
			}
			name := fmt.Sprintf("%s %s %s", trial, filepath.Base(filepath.Dir(filepath.Dir(file))), sampleType)
			t.Logf("%-60s %6d samples %s", name, l.Total.Samples, shares(l))
			if matched := 1 - l.Share(Unmatched); matched < leastMatched && (sampleType != CPUTime || l.Total.Samples >= 100) {
				t.Errorf("%s: %.1f%% matched\n%s", name, 100*matched, unmatched(p, sampleType))
			}
		}
	}
	if *keep {
		for name := range goldens(t) {
			write(t, filepath.Join("testdata", name+".pb.gz"), merged[name])
		}
	}
}

// bare is a profile with nothing but the names of functions.
func bare(p *profile.Profile) *profile.Profile {
	p = p.Copy()
	p.Mapping, p.Comments, p.TimeNanos, p.DurationNanos = nil, nil, 0, 0
	for _, f := range p.Function {
		f.Filename, f.SystemName, f.StartLine = "", f.Name, 0
	}
	for _, l := range p.Location {
		l.Mapping, l.Address = nil, 0
		for i := range l.Line {
			l.Line[i].Line, l.Line[i].Column = 0, 0
		}
	}
	for _, s := range p.Sample {
		s.Label, s.NumLabel, s.NumUnit = nil, nil, nil
	}
	return p
}

// write merges profiles into a file.
func write(t *testing.T, file string, all []*profile.Profile) {
	t.Helper()
	p, err := profile.Merge(all)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(p.Write(f), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// open reads a profile.
func open(t *testing.T, file string) *profile.Profile {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return p
}

// shares are those of a ledger in percent.
func shares(l Ledger) string {
	var out []string
	for _, line := range l.Lines {
		if s := 100 * l.Share(line.Layer); s >= 0.05 {
			out = append(out, fmt.Sprintf("%s %.1f", line.Layer, s))
		}
	}
	return strings.Join(out, ", ")
}

// unmatched are the stacks that no rule knows, the largest first.
func unmatched(p *profile.Profile, sampleType string) string {
	return stacksOf(p, sampleType, Unmatched, 10)
}

// stacksOf are the largest stacks of a layer.
func stacksOf(p *profile.Profile, sampleType string, of Layer, most int) string {
	at, sums := typeAt(p, sampleType), map[string]int64{}
	c := classifier{}
	for _, s := range p.Sample {
		if c.of(frames(s)) == of {
			sums[strings.Join(slices.Collect(frames(s)), " < ")] += s.Value[at]
		}
	}
	stacks := slices.SortedFunc(maps.Keys(sums), func(a, b string) int { return int(min(max(sums[b]-sums[a], -1), 1)) })
	var out strings.Builder
	for _, s := range stacks[:min(len(stacks), most)] {
		fmt.Fprintf(&out, "  %12d %s\n", sums[s], s)
	}
	return out.String()
}
