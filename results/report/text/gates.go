package text

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/kbench/kbench/results"
)

// Gates writes the gates of a run alone.
func Gates(w io.Writer, run string, gates []results.Gate, o Options) error {
	p := newPage(o)
	p.title("kbench gate " + run)
	p.gates(gates)
	return p.writeTo(w)
}

// gates says which thresholds of the workloads were met, and by which figures: of
// each arm its value, and the trial or the event whose it is where it is one.
func (p *page) gates(gates []results.Gate) {
	if len(gates) > 0 {
		p.line("")
		p.line("Gates")
	}
	for _, g := range gates {
		note := ""
		switch {
		case g.Why != "":
			note = ": " + g.Why
		case g.Left > 0:
			note = fmt.Sprintf(" (left out: %s)", leftOut(g))
		}
		verdict := string(g.Verdict)
		if g.Verdict != results.Met {
			verdict = strings.ToUpper(verdict)
		}
		p.wrapped(fmt.Sprintf("  %-11s  ", verdict), g.Workload+": "+g.Expression+note)
		if g.Baseline != "" {
			p.wrapped(strings.Repeat(" ", 15), "the baseline is "+g.Baseline)
		}
		for _, v := range []results.Verdict{results.NotMet, results.NotDecided, results.Met} {
			p.gateArms(g.Arms, v)
		}
	}
}

// gateArms are the arms that met a gate, or those that missed it.
func (p *page) gateArms(arms []results.GateArm, verdict results.Verdict) {
	var said []string
	for _, a := range arms {
		if a.Verdict == verdict {
			said = append(said, GateArm(a))
		}
	}
	if len(said) == 0 {
		return
	}
	word := map[results.Verdict]string{results.Met: "by ", results.NotMet: "not by ", results.NotDecided: "open for "}[verdict]
	p.wrapped(strings.Repeat(" ", 15), word+strings.Join(said, "; "))
}

// GateArm is what decides a gate on one arm: its value, and where it is that of one trial
// or event which one; before it what it is held against, where that was measured.
func GateArm(a results.GateArm) string {
	size := math.Abs(a.Value)
	s := scaleOf(a.Unit, size, size)
	if a.Baseline != nil {
		s = finer(a.Unit, size, size)
	}
	out := strings.TrimSpace(armName(a) + " " + s.format(a.Value) + " " + s.name)
	if a.Low != nil {
		out += fmt.Sprintf(" (%s to %s)", s.format(*a.Low), s.format(*a.High))
	}
	if a.Baseline != nil {
		out += fmt.Sprintf(" for a bound of %s, %s", s.format(a.Bound), s.format(*a.Baseline))
		if a.BaselineLow != nil {
			out += fmt.Sprintf(" (%s to %s)", s.format(*a.BaselineLow), s.format(*a.BaselineHigh))
		}
		out += " in the baseline"
		if asked := count(int64(a.BaselineAsked), "run"); a.BaselineRuns < a.BaselineAsked {
			out += fmt.Sprintf(", the median of %d of %s", a.BaselineRuns, asked)
		} else if a.BaselineAsked > 1 {
			out += ", the median of " + asked
		}
	}
	switch {
	case a.Event != "":
		out += fmt.Sprintf(" (%s of trial %d)", a.Event, a.Trial)
	case a.N > 1 && a.Trial > 0:
		out += fmt.Sprintf(" (median of %d trials, of trial %d)", a.N, a.Trial)
	case a.N > 1:
		out += fmt.Sprintf(" (over %d trials)", a.N)
	case a.Trial > 0:
		out += fmt.Sprintf(" (trial %d)", a.Trial)
	}
	if a.Why != "" {
		out += ": " + a.Why
	}
	for i, f := range a.Beside {
		_, name, _ := strings.Cut(f.Name, ".")
		out += map[bool]string{true: ", but ", false: ", "}[i == 0] + grouped(f.Value, 0) + " " + name
	}
	return out
}

// armName tells an arm from its like in other lanes and roles.
func armName(a results.GateArm) string {
	if a.Lane != "" && a.Lane != "matched" && !strings.Contains(a.Arm, a.Lane) {
		return a.Arm + " (" + a.Lane + ")"
	}
	return a.Arm
}

// leftOut says how much a gate was not decided by, and why.
func leftOut(g results.Gate) string {
	var words []string
	for _, w := range g.LeftBy {
		n := int64(w.N)
		words = append(words, map[results.LeftWhy]string{
			results.LeftNoisy: count(n, "noisy event"), results.LeftMerged: count(n, "merged event"),
			results.LeftOthers: count(n, "event") + " for stalls of others", results.LeftUnfit: count(n, "trial") + " on an unfit machine",
			results.LeftRepeated: count(n, "trial") + " of rounds that were run once more", results.LeftContradicted: count(n, "trial") + " not as planned",
		}[w.Why])
	}
	if len(words) == 0 {
		return fmt.Sprint(g.Left) // a summary that does not tell
	}
	return strings.Join(words, ", ")
}
