package compare

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/figure"
	"github.com/kbench/kbench/results/series"
	"github.com/kbench/kbench/workloads/plan"
)

// Arm is one side of a comparison.
type Arm struct {
	Name string `json:"name"`
	Lane string `json:"lane"`
}

// Title is its name, with the lane where the name does not tell.
func (a Arm) Title() string {
	if a.Lane == "" || a.Lane == "matched" || strings.Contains(a.Name, "@"+a.Lane) {
		return a.Name
	}
	return a.Name + " (" + a.Lane + ")"
}

func (a Arm) before(b Arm) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Lane, b.Lane))
}

// setting is what is equal in arms that differ in their client or its version alone:
// cell of the matrix and lane.
func (a Arm) setting() string {
	_, cell, _ := strings.Cut(a.Name, "/")
	return cell + "@" + a.Lane
}

// once is its name without the mark of a twin.
func (a Arm) once() Arm {
	base, cell, found := strings.Cut(a.Name, "/")
	base, lane := strings.TrimSuffix(base, "@"+a.Lane), strings.HasSuffix(base, "@"+a.Lane)
	name := strings.TrimSuffix(base, plan.TwinName)
	if lane {
		name += "@" + a.Lane
	}
	if found {
		name += "/" + cell
	}
	return Arm{name, a.Lane}
}

// Out is how many trials of an arm are in no verdict, for one reason.
type Out struct {
	Arm
	Why    string `json:"why"`
	Trials int    `json:"trials"`
}

// side is a workload of a run, ready to be compared.
type side struct {
	rows []results.Row
	arms []Arm                    // by name
	twin map[Arm]bool             // those that are another arm once more
	ref  map[int]ref              // trials that are timed, by number
	why  map[int]string           // trials that are out whatever is compared
	only map[int]map[class]string // those that are out for one class of figures
}

type ref struct {
	arm   Arm
	round int
}

// OutUnfit is why a trial is out that the machine treated otherwise than the rest of its
// round.
const OutUnfit = "on an unfit machine"

// class is what of figures decides which trials say something of them.
type class string

const (
	speeds class = "speeds" // rates and times: who else limited them matters
	costs  class = "costs"  // of a record: whoever limits the rate, this is what it takes
	truths class = "truths" // counts of what went wrong: no reason to look away from
)

func classOf(metric string) class {
	switch prefix, _, _ := strings.Cut(metric, "."); prefix {
	case "audit", "client":
		return truths
	case "cpu", "alloc":
		return costs
	}
	switch metric {
	case results.ProduceFailed, results.ProduceUnanswered, results.ProduceTwice, results.PauseLostRecords, results.PauseDuplicates:
		return truths
	}
	return speeds
}

// sideOf gathers what belongs to a workload. Trials without rows were cut, failed, or
// never ran.
func sideOf(run *results.Run, s *results.Summary, workload string) *side {
	out := &side{twin: map[Arm]bool{}, ref: map[int]ref{}, why: map[int]string{}, only: map[int]map[class]string{}}
	seen := map[int]bool{}
	for _, r := range s.Rows {
		if r.Workload == workload && !r.Profiled {
			out.rows = append(out.rows, r)
			seen[r.Trial] = true
		}
	}
	arms := map[Arm]bool{}
	cut := map[int]results.State{}
	for _, c := range s.Cut {
		cut[c.N] = c.State
	}
	for _, t := range run.Order {
		if t.Workload != workload || t.Profiled || t.Refused != "" {
			continue
		}
		arm := Arm{t.Arm, t.Lane}
		arms[arm], out.twin[arm] = true, t.Twin
		out.ref[t.N] = ref{arm, t.Round}
		switch {
		case t.Repeated != "":
			out.why[t.N] = "of a round that was run once more"
		case seen[t.N]:
		case cut[t.N] != "":
			out.why[t.N] = string(cut[t.N])
		case run.State == results.StateComplete:
			out.why[t.N] = "without figures"
		default:
			out.why[t.N] = "not run"
		}
	}
	out.arms = slices.SortedFunc(maps.Keys(arms), Arm.before)
	out.marks()
	return out
}

// marks puts trials out by what their rows say: that the machine was otherwise, that
// something else than the client was measured, or that it did less than it was given.
func (s *side) marks() {
	marks := map[string]results.Metric{}
	for _, m := range results.Marks() {
		marks[m.Name] = m
	}
	for _, r := range s.rows {
		if r.Value == 0 || r.Stat != "" || r.Event != "" {
			continue
		}
		switch m, is := marks[r.Metric]; {
		case r.Metric == results.TrialLimited:
			s.putOut(r.Trial, m.Mark+" by "+r.Class, speeds)
		case r.Metric == results.TrialUnfit:
			s.putOut(r.Trial, OutUnfit, speeds, costs)
		case is && !m.Result:
			s.putOut(r.Trial, m.Mark, speeds, costs)
		}
		if did := fault(r.Metric); did != "" && r.Class == "" {
			s.putOut(r.Trial, did, speeds, costs)
		}
	}
}

// fault is what a client did with records that it should not have; empty for what is
// none. Its figures are then of other work than those of the rest.
func fault(metric string) string {
	switch metric {
	case results.AuditLost:
		return "lost records"
	case results.AuditUndelivered:
		return "left records undelivered"
	case results.AuditReordered:
		return "reordered records"
	case results.AuditCorrupt:
		return "damaged records"
	case results.ProduceFailed:
		return "failed to send records"
	case results.ProduceUnanswered:
		return "left records unanswered"
	}
	return ""
}

func (s *side) putOut(trial int, why string, of ...class) {
	if s.only[trial] == nil {
		s.only[trial] = map[class]string{}
	}
	for _, c := range of {
		if s.only[trial][c] == "" {
			s.only[trial][c] = why
		}
	}
}

// out is why a trial says nothing of figures of a class; empty where it does.
func (s *side) out(trial int, of class) string { return cmp.Or(s.why[trial], s.only[trial][of]) }

// LeftOut are the trials of a workload that are in no verdict, or not in all of them, by
// their numbers, with the reason.
func LeftOut(run *results.Run, s *results.Summary, workload string) map[int]string {
	out := map[int]string{}
	for i := range run.Specs {
		if spec := &run.Specs[i]; spec.Name == workload {
			w, a := newWorkload(workload, spec.Compared()), sideOf(run, s, workload)
			for trial := range a.ref {
				if why := a.outOf(trial, w.Measures); why != "" {
					out[trial] = why
				}
			}
		}
	}
	return out
}

// outOf is why a trial is out of some of the measures; empty where it is in all of them.
func (s *side) outOf(trial int, measures []Measure) string {
	for _, m := range measures {
		if why := s.out(trial, classOf(m.Metric.Name)); why != "" {
			return why
		}
	}
	return ""
}

// outs counts the trials that are out of any of the measures.
func (s *side) outs(measures []Measure) []Out {
	n := map[Out]int{}
	for trial, ref := range s.ref {
		if why := s.outOf(trial, measures); why != "" {
			n[Out{Arm: ref.arm, Why: why}]++
		}
	}
	var out []Out
	for o, trials := range n {
		o.Trials = trials
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b Out) int { return cmp.Or(a.Arm.before(b.Arm), cmp.Compare(a.Why, b.Why)) })
	return out
}

// mostCanary is by how much a fixed piece of work may take longer in one run than in
// another that is compared with it, as between the arms of a round (package fit).
const mostCanary = 0.1

// slower is that the machine was, in one of two runs: the same one is not the same, when
// others use it.
func slower(a, b *side) []series.Difference {
	x, y := a.canary(), b.canary()
	if x <= 0 || y <= 0 || math.Abs(math.Log(x/y)) <= math.Log1p(mostCanary) {
		return nil
	}
	short := func(ns float64) string { return time.Duration(ns).Round(100 * time.Microsecond).String() }
	return []series.Difference{{What: "a fixed piece of CPU work", Run: short(x), Base: short(y)}}
}

// canary is the median of what the fixed piece of work took before the trials that
// count.
func (s *side) canary() float64 {
	var vs []float64
	for _, r := range s.rows {
		if r.Metric == results.MachineCanary && s.out(r.Trial, speeds) == "" {
			vs = append(vs, r.Value)
		}
	}
	return median(vs)
}

// sample is what one arm has of a figure: the values of each round, by their events; of
// a figure that is none of events, under no name.
type sample map[int]map[string]float64

// sampled are the samples of a measure by kind of event, of which there is one without
// a name for other figures, and by arm. left is how many events are in none.
type sampled struct {
	kinds []string
	of    map[string]map[Arm]sample
	left  map[string]map[Arm]int
}

// sample finds them. Its error is that of a measure which does not tell what it is of.
func (s *side) sample(m *Measure) (sampled, error) {
	out := sampled{of: map[string]map[Arm]sample{}, left: map[string]map[Arm]int{}}
	unfit := m.Unfit(s.rows)
	byTrial := map[int][]results.Row{}
	for _, r := range s.rows {
		if m.Selects(r) && r.Stat == m.Stat && s.out(r.Trial, classOf(m.Metric.Name)) == "" {
			byTrial[r.Trial] = append(byTrial[r.Trial], r)
		}
	}
	for trial, rows := range byTrial {
		ref, known := s.ref[trial]
		if !known {
			continue
		}
		for _, r := range figure.Totals(rows) {
			kind := r.EventKind()
			if out.of[kind] == nil {
				out.of[kind], out.left[kind] = map[Arm]sample{}, map[Arm]int{}
			}
			if unfit[figure.EventOf(r)] != "" {
				out.left[kind][ref.arm]++
				continue
			}
			if out.of[kind][ref.arm] == nil {
				out.of[kind][ref.arm] = sample{}
			}
			of := out.of[kind][ref.arm]
			if of[ref.round] == nil {
				of[ref.round] = map[string]float64{}
			}
			if _, twice := of[ref.round][r.Event]; twice {
				return out, fmt.Errorf("%s is of several things in a trial; say which, such as %s{role=consumer}", m.Text, m.Metric.Name)
			}
			of[ref.round][r.Event] = r.Value
		}
	}
	out.kinds = slices.Sorted(maps.Keys(out.of))
	return out, nil
}

// rounds are those that it has, in order.
func (s sample) rounds() []int { return slices.Sorted(maps.Keys(s)) }

// values are one for each round: the median of its events.
func (s sample) values() []float64 {
	var out []float64
	for _, round := range s.rounds() {
		out = append(out, median(slices.Collect(maps.Values(s[round]))))
	}
	return out
}

func median(vs []float64) float64 {
	if len(vs) == 0 {
		return 0
	}
	vs = slices.Sorted(slices.Values(vs))
	n := len(vs)
	return (vs[(n-1)/2] + vs[n/2]) / 2
}

// Counted is the summary of the trials that say something, each of what it says something
// of: what verdicts are made of, for whoever wants to look at it in another way.
func Counted(run *results.Run, s *results.Summary) *results.Summary {
	out := *s
	out.Rows = []results.Row{}
	for i := range run.Specs {
		side := sideOf(run, s, run.Specs[i].Name)
		for _, r := range side.rows {
			if side.out(r.Trial, classOf(r.Metric)) == "" {
				out.Rows = append(out.Rows, r)
			}
		}
	}
	return &out
}
