package record

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// interchangeEnv makes the interchange test required: without it the test is
// skipped where Java or Maven is missing or Maven cannot be reached.
const interchangeEnv = "KBENCH_INTERCHANGE"

// The original implementation of HdrHistogram reads latency.hlog and finds the
// same percentiles as we do.
func TestOtherToolsReadLatencies(t *testing.T) {
	unavailable := func(format string, args ...any) {
		t.Helper()
		if os.Getenv(interchangeEnv) != "" {
			t.Fatalf(format, args...)
		}
		t.Skipf(format+" (set "+interchangeEnv+"=1 to require it)", args...)
	}
	if testing.Short() {
		unavailable("not in short mode")
	}
	for _, tool := range []string{"java", "mvn"} {
		if _, err := exec.LookPath(tool); err != nil {
			unavailable("%s is not installed: install a JDK and Maven to compare with the Java implementation", tool)
		}
	}
	lib := t.TempDir()
	out, err := fetchLibrary(t, lib)
	if err != nil && os.Getenv(interchangeEnv) != "" {
		// Where the test is required one failed download must not decide it. -U
		// asks again for what was not there the first time.
		t.Logf("maven cannot fetch HdrHistogram, once more: %v\n%s", err, out)
		out, err = fetchLibrary(t, lib, "-U")
	}
	if err != nil {
		unavailable("maven cannot fetch HdrHistogram: %v\n%s", err, out)
	}

	w, path := newLatencies(t, time.Second)
	w.SetPhases(w.origin+second, w.origin+2500e6)
	rng := rand.New(rand.NewPCG(3, 4))
	for _, metric := range []string{"produce.response", "e2e.response"} {
		s := w.Series(metric)
		for i := range int64(40_000) {
			now := w.origin + i*100_000 // 4 s
			s.Record(now, now, int64(math.Exp(rng.NormFloat64()*3+14)))
		}
		s.Record(w.origin+4*second, w.origin+4*second, MaxLatency)
		s.Record(w.origin+4*second, w.origin+4*second, MinLatency)
	}
	ours := closeAndRead(t, w, path)
	if len(ours) != 12 {
		t.Fatalf("%d intervals, want 6 of each metric", len(ours))
	}

	percentiles := []float64{0, 1, 25, 50, 90, 99, 99.9, 99.99, 100}
	args := []string{"-cp", filepath.Join(lib, "*"), filepath.Join("testdata", "interchange", "Percentiles.java"), path}
	for _, p := range percentiles {
		args = append(args, strconv.FormatFloat(p, 'g', -1, 64))
	}
	out, err = exec.Command("java", args...).Output()
	if err != nil {
		t.Fatalf("java: %v\n%s", err, out)
	}
	var want strings.Builder
	for _, iv := range ours {
		fmt.Fprintf(&want, "%s.%s %d %d", iv.Metric, iv.Phase, (iv.To-iv.From)/1e6, iv.Hist.TotalCount())
		for _, p := range percentiles {
			fmt.Fprintf(&want, " %d", Percentile(iv.Hist, p))
		}
		want.WriteString("\n")
	}
	if got := string(out); got != want.String() {
		t.Errorf("the Java implementation reads\n%s, we read\n%s", got, want.String())
	}
}

// fetchLibrary has Maven put the original implementation into dir.
func fetchLibrary(t *testing.T, dir string, flags ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	mvn := exec.CommandContext(ctx, "mvn", append(flags, "-B", "-q", "-f", filepath.Join("testdata", "interchange", "pom.xml"),
		"dependency:copy-dependencies", "-DoutputDirectory="+dir)...)
	mvn.WaitDelay = 10 * time.Second // for what it started, which may hold the output
	return mvn.CombinedOutput()
}
