package compare

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/kbench/kbench/results"
)

// recordedFile has CPU per record of the trials of one real run: round by round an arm, the
// same with a burn of known size in the client's Produce, and with one too small to matter.
// KBENCH_TRIALS=RUN writes it anew, of a run of three clones of franz-go, with a loop of no,
// 2 and 65 turns in Produce: kbench run produce-max --client franz-go=A,franz-go=B,franz-go=C
// --rounds 120 --set phases.warmup=300ms --set phases.measure=1200ms.
const recordedFile = "testdata/recorded.csv"

// The arms of it, in the order of their names in the run.
const (
	plain = iota
	slight
	slowed
	recordedArms
)

// recorded is one figure of each arm by round; 0: the trial was put out.
type recorded [][recordedArms]float64

func readRecorded(t *testing.T) (out recorded) {
	t.Helper()
	if run := os.Getenv("KBENCH_TRIALS"); run != "" {
		writeRecorded(t, run)
	}
	f, err := os.Open(recordedFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range lines[1:] {
		var round [recordedArms]float64
		for arm := range round {
			if text := line[1+arm]; text != "" {
				if round[arm], err = strconv.ParseFloat(text, 64); err != nil {
					t.Fatal(err)
				}
			}
		}
		out = append(out, round)
	}
	return out
}

func writeRecorded(t *testing.T, dir string) {
	t.Helper()
	var run results.Run
	var sum results.Summary
	for name, into := range map[string]any{"run.json": &run, "summary.json": &sum} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err == nil {
			err = json.Unmarshal(data, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	s := sideOf(&run, &sum, run.Specs[0].Name)
	if len(s.arms) != recordedArms {
		t.Fatalf("%s has %d arms, want %d", dir, len(s.arms), recordedArms)
	}
	var values recorded
	for _, r := range s.rows {
		if r.Metric != results.CPUPerRecord || r.Role != "" && r.Role != results.RoleProducer || r.Stat != "" {
			continue
		}
		of, ok := s.ref[r.Trial]
		if !ok || s.why[r.Trial] != "" || s.only[r.Trial][costs] != "" {
			continue
		}
		for len(values) < of.round {
			values = append(values, [recordedArms]float64{})
		}
		values[of.round-1][slices.Index(s.arms, of.arm)] = r.Value
	}
	f, err := os.Create(recordedFile)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fmt.Fprintln(f, "round,plain,slight,slowed")
	for i, round := range values {
		fmt.Fprint(f, i+1)
		for _, v := range round {
			if fmt.Fprint(f, ","); v > 0 {
				fmt.Fprint(f, strconv.FormatFloat(v, 'f', 1, 64))
			}
		}
		fmt.Fprintln(f)
	}
}

// trials are those of an arm that were not put out.
func (r recorded) trials(arm int) (out []float64) {
	for _, round := range r {
		if round[arm] > 0 {
			out = append(out, round[arm])
		}
	}
	return out
}

// against compares two arms over some rounds as if they were a run. No difference is too
// small to matter with fine.
func (r recorded) against(a, b int, compare string) Result {
	m := newMade("r")
	if compare != "" {
		m.compares(compare)
	}
	for i, round := range r {
		for arm, name := range map[int]string{a: "a", b: "b"} {
			if ref := m.trial(name, i+1); round[arm] > 0 {
				m.row(ref, results.CPUPerRecord, round[arm])
			}
		}
	}
	return m.compared().Pairs[0].Results[0]
}

// halves is how often the trials of one arm are divided at random.
const halves = 200

func halvesCalledDifferent(t *testing.T, compare string) (found int) {
	t.Helper()
	trials := readRecorded(t).trials(plain)
	if len(trials) < 60 {
		t.Fatalf("%d trials", len(trials))
	}
	for seed := range uint64(halves) {
		order := rand.New(rand.NewPCG(seed, 60)).Perm(len(trials))[:60]
		var rounds recorded
		for i := range 30 {
			rounds = append(rounds, [recordedArms]float64{trials[order[2*i]], trials[order[2*i+1]]})
		}
		if v := rounds.against(0, 1, compare).Verdict; v == Better || v == Worse {
			found++
		}
	}
	t.Logf("%q: %d of %d", compare, found, halves)
	return found
}

// Sixty trials of one arm, as a real machine gave them, divided at random: at most one
// division in twenty is called different.
func TestRecordedFalseAlarms(t *testing.T) {
	if found := halvesCalledDifferent(t, ""); found > halves/20 {
		t.Errorf("of one arm %d of %d halves are called different, want at most %d", found, halves, halves/20)
	}
}

// The data are of one day and one machine, so the halves of "any difference matters" come
// out on one side of what they are made for or the other: chance alone calls 10 of 200
// different, and more than 18 once in a hundred times.
func TestRecordedNoMargin(t *testing.T) {
	found := halvesCalledDifferent(t, "cpu.per_record by 0.01%")
	if found > 18 {
		t.Errorf("of one arm %d of %d halves are called different, want at most what a rate of 5%% gives by chance", found, halves)
	}
}

// A driver that was slowed by twice the effect that its runs say they would have seen is
// found in 19 of 20 runs, and one that was slowed by too little to matter in none. A run
// has 7 of the rounds that were made, any: for so many the effect is about twice the smallest.
func TestRecordedPower(t *testing.T) {
	all := readRecorded(t)
	const rounds, runs = 7, 20
	known, little := all.against(slowed, plain, ""), all.against(slight, plain, "")
	var smallest []float64
	found, wrong := 0, 0
	for seed := range uint64(runs) {
		var run recorded
		for _, i := range rand.New(rand.NewPCG(seed, rounds)).Perm(len(all))[:rounds] {
			run = append(run, all[i])
		}
		if run.against(slowed, plain, "").Verdict == Worse {
			found++
		}
		if s := run.against(slight, plain, ""); s.Verdict == Better || s.Verdict == Worse {
			wrong++
		} else if s.Smallest != nil {
			smallest = append(smallest, *s.Smallest)
		}
	}
	slices.Sort(smallest)
	middle := smallest[len(smallest)/2]
	t.Logf("slowed by %.2f%% [%.2f, %.2f]: %d of %d found; by %.2f%% [%.2f, %.2f]: %d called an effect; the smallest that runs state: %.1f%% in the middle of %d",
		100**known.Effect, 100**known.Low, 100**known.High, found, runs, 100**little.Effect, 100**little.Low, 100**little.High, wrong, 100*middle, len(smallest))
	if found < 19 || wrong > 0 || *known.Effect < 1.8*middle || *known.Effect > 2.2*middle {
		t.Errorf("%d of %d found, want 19; %d of an effect that does not matter, want none; slowed by %.1f%%, want about twice %.1f%%", found, runs, wrong, 100**known.Effect, 100*middle)
	}
}
