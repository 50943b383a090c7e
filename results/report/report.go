// Package report is a run as it is shown to people, before anybody shows it: a
// model of tables, marks, audits, notes, warnings and gates, in numbers. Tables
// read the rows of a summary and what the trials say about themselves; they hold
// medians over rounds and events and nothing else is computed. A closer look at
// one event comes from package window.
//
// The model knows no column, no colour and no digits: numbers are in the units of
// rows, and what is shown of them and how is the business of a renderer. Package
// text below it is the one for a terminal; as JSON the model is for machines. The
// same run gives the same model.
package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// Report is a run. No list of it is nil.
type Report struct {
	Head      Head             `json:"run"`
	Workloads []Workload       `json:"workloads"`
	Unmatched Unmatched        `json:"unmatched"`
	Notes     []results.Remark `json:"notes"`
	Warnings  []results.Remark `json:"warnings"`
	Machine   *results.Remark  `json:"machine,omitempty"` // how fit it was for the run
	Gates     []results.Gate   `json:"gates"`
}

// Head says what ran, on what, against which broker.
type Head struct {
	ID      string        `json:"id"`
	Suite   string        `json:"suite,omitempty"`
	Rounds  int           `json:"rounds"`
	Seed    uint64        `json:"seed"`
	State   results.State `json:"state"`
	Why     string        `json:"why,omitempty"`     // it is in that state, where no trial says so
	Resumed []string      `json:"resumed,omitempty"` // when it went on after it had been cut off
	// Sequence is how it came to its rounds, Repeated how many were run once more, and CPUs
	// what processes were tied to, by their part.
	Sequence *results.Sequence `json:"sequence,omitempty"`
	Repeated int               `json:"repeated_rounds,omitempty"`
	CPUs     map[string]string `json:"cpus,omitempty"`
	Broker   string            `json:"broker"`
	Machine  results.Machine   `json:"machine"`
	Go       string            `json:"go"`
	Kbench   string            `json:"kbench"`
	// Lanes are those in which settings were chosen, Set what the command line put
	// over the documents, Profiles the kinds that were taken, in Profiled trials beside
	// the rounds; 0: of every trial.
	Lanes    []string `json:"lanes"`
	Set      []string `json:"set"`
	Profiles []string `json:"profiles"`
	Profiled int      `json:"profiled_trials,omitempty"`
}

// Workload is one workload with its arms side by side.
type Workload struct {
	Name     string          `json:"name"`
	Question string          `json:"question,omitempty"`
	Spec     *workloads.Spec `json:"spec,omitempty"` // what every arm did; nil where nobody knows
	// Unusual are its fields that are not at their defaults, and Varies those that
	// its matrix varies between the arms, which are called after them.
	Unusual []workloads.Said `json:"unusual"`
	Varies  []Varied         `json:"varies"`
	// Measured is the real length of the measured part, of the shortest and of the
	// longest trial: under churn the timeline decides it.
	Measured [2]time.Duration `json:"measured_ns"`
	// Every is how many records go by for one of which clock, checksum and latency
	// are taken; more than one where a client is driven as fast as it goes.
	Every   int       `json:"clock_every"`
	Ranking *Ranking  `json:"ranking,omitempty"` // nil where there are not two arms with figures
	Arms    []Arm     `json:"arms"`              // by name: the order in which they ran is random
	Tables  []Table   `json:"tables"`
	Rest    []Rest    `json:"rest"`    // of groups that nothing was done to
	Slowest []Slowest `json:"slowest"` // by kind of event, the longest first
	Shared  []Shared  `json:"shared"`
	// Cut is what trials had that did not complete, an arm for each, and in no figure
	// of the others; nil without any.
	Cut *Workload `json:"cut,omitempty"`
}

// Arm is one column, and what is said of it beside its figures.
type Arm struct {
	Name    string   `json:"name"`
	Lane    string   `json:"lane"`
	Client  string   `json:"client"`
	Version string   `json:"version,omitempty"`
	Rounds  int      `json:"rounds"`            // trials with figures
	Refused string   `json:"refused,omitempty"` // why it cannot do the workload
	Failed  *Failure `json:"failed,omitempty"`
	// Batch is the mean number of records in a batch, where that differs between
	// arms: it explains much of the rest. Sampled: not every batch was counted.
	Batch   float64 `json:"records_per_batch,omitempty"`
	Sampled bool    `json:"batches_sampled,omitempty"`
	// Own are the settings that its lane has in place of the workload's.
	Own   []workloads.Said `json:"own"`
	Marks []Mark           `json:"marks"`
	Audit *Audit           `json:"audit,omitempty"` // nil without figures
	Cut   *results.Cut     `json:"cut,omitempty"`   // the trial that did not complete, where this is it

	rows     []results.Row
	profiled []results.Row // of trials of which profiles were taken: what the audit found
	out      map[int]bool  // trials that were not as planned, or whose round was run once more
}

// Varied is a field that is not the same in every arm.
type Varied struct {
	Path   string   `json:"path"`
	Values []string `json:"values"`
}

// Failure is the first trial of an arm that did not complete.
type Failure struct {
	Trial int           `json:"trial"`
	State results.State `json:"state"`
	Why   string        `json:"why,omitempty"`
	More  int           `json:"more,omitempty"` // further ones
}

// Mark keeps trials of an arm out of verdicts.
type Mark struct {
	Metric string `json:"metric"`
	Class  string `json:"class,omitempty"`
	Trials int    `json:"trials"`
}

// Contents is what a table is of.
type Contents string

// The tables.
const (
	Figures Contents = "figures" // of trials
	Events  Contents = "events"  // of churn
	Parts   Contents = "parts"   // latencies by what went on when a record was due
)

// Table has a column for each of some arms.
type Table struct {
	Of     Contents `json:"of"`
	Arms   []int    `json:"arms"` // of the workload, one for each cell of a row
	Groups []Group  `json:"groups"`
}

// Group is rows that belong together, such as those of one kind of event.
type Group struct {
	Event string `json:"event,omitempty"`
	// Published is a figure of pause.total, in ns, that is quoted widely. It holds
	// for one heartbeat interval and session timeout, and most of it is that
	// configuration.
	Published float64 `json:"published_ns,omitempty"`
	Rows      []Row   `json:"rows"`
}

// Row is one figure of all arms of a table. Unit is that of all its numbers.
type Row struct {
	Label  string       `json:"label"`
	Under  bool         `json:"under,omitempty"`  // it says more about the row above it
	Metric string       `json:"metric,omitempty"` // none: counts of what the figures are of
	Role   results.Role `json:"role,omitempty"`
	Unit   string       `json:"unit"`
	Cells  []Cell       `json:"cells"`
}

// Cell is what one arm has in a row: nothing, a figure, or a few that are read
// together.
type Cell struct {
	Values []Value  `json:"values"`
	Spread *float64 `json:"spread,omitempty"` // half of the range of the rounds around their median
	N      int      `json:"n"`                // trials or events behind it
	// NotKnown says of a part of a figure that there is the figure alone.
	NotKnown bool `json:"not_known,omitempty"`
}

// Value is a number of a cell, in the unit of its row.
type Value struct {
	Stat  string  `json:"stat,omitempty"`
	Class string  `json:"class,omitempty"`
	Value float64 `json:"value"`
	// Below is set where the value is 0 or so little that it was not told from it: it is
	// below this, and given as 0.
	Below float64 `json:"below,omitempty"`
	// Few is, of a percentile of fewer samples than it takes, the least number of
	// them that a trial has: it is then no more than the largest of those.
	Few int64 `json:"few_samples,omitempty"`
}

// across is a row with its cells, one for each of some arms.
func (w *Workload) across(arms []int, r Row, cell func(*Arm) Cell) Row {
	for _, i := range arms {
		r.Cells = append(r.Cells, cell(&w.Arms[i]))
	}
	return r
}

// known says whether any arm has something in the row.
func (r Row) known() bool {
	return slices.ContainsFunc(r.Cells, func(c Cell) bool { return len(c.Values) > 0 })
}

// zero says whether nobody has anything to show for it.
func (r Row) zero() bool {
	return !slices.ContainsFunc(r.Cells, func(c Cell) bool {
		return slices.ContainsFunc(c.Values, func(v Value) bool { return v.Value != 0 })
	})
}

// Build makes the model of a run.
func Build(run *results.Run, trials []*results.Trial, s *results.Summary) *Report {
	r := &Report{
		Head: head(run, trials), Workloads: []Workload{}, Unmatched: unmatched(trials),
		Machine: s.Machine, Notes: notes(trials), Warnings: warnings(run, trials, s.Warnings), Gates: append([]results.Gate{}, s.Gates...),
	}
	for _, name := range workloadNames(run, trials) {
		r.Workloads = append(r.Workloads, workload(run, trials, s, name))
	}
	return r
}

func head(run *results.Run, trials []*results.Trial) Head {
	h := Head{ID: run.ID, Suite: run.Suite, Rounds: run.Rounds, Seed: run.Seed, State: run.State, Resumed: run.Resumed, Machine: run.Machine, Go: run.Go, Sequence: run.Sequence, CPUs: run.CPUs,
		Kbench: run.Kbench, Lanes: run.Versions().Lanes, Set: []string{}, Profiles: []string{}}
	for _, kind := range run.Profiles {
		name := string(kind)
		if kind == profiles.CPU && run.Hz > 0 && run.Hz != profiles.DefaultHz {
			name = fmt.Sprintf("%s@%d", kind, run.Hz)
		}
		h.Profiles = append(h.Profiles, name)
	}
	repeated := map[[2]string]bool{}
	for _, ref := range run.Order {
		if ref.Profiled {
			h.Profiled++
		}
		if ref.Repeated != "" {
			repeated[[2]string{ref.Workload, fmt.Sprint(ref.Round)}] = true
		}
	}
	h.Repeated = len(repeated)
	for _, word := range run.Command {
		if set, ok := strings.CutPrefix(word, "--set="); ok {
			h.Set = append(h.Set, set)
		}
	}
	if !slices.ContainsFunc(trials, func(t *results.Trial) bool { return t.Error == run.Error }) {
		h.Why = reason(run.State, run.Error) // else it stands beside the trial
	}
	h.Broker = cmp.Or(run.Broker.Title, run.Broker.Kind)
	if run.Broker.Kind == "none" && run.State == results.StateFailed {
		h.Broker = "none was reached"
	}
	if run.Broker.Kind == "embedded" && !strings.Contains(h.Broker, "simulated") {
		h.Broker += " (a simulated broker)"
	}
	return h
}

// reason is why something is in a state, where that says more than the state.
func reason(state results.State, err string) string {
	if err == string(state) {
		return ""
	}
	first, _, _ := strings.Cut(err, "\n")
	return first
}

// workloadNames lists the workloads in the order of the documents, then those
// that only a trial knows.
func workloadNames(run *results.Run, trials []*results.Trial) []string {
	var names []string
	for _, spec := range run.Specs {
		names = adding(names, spec.Name)
	}
	for _, ref := range run.Order {
		names = adding(names, ref.Workload)
	}
	for _, t := range trials {
		names = adding(names, t.Ref.Workload)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// workload gathers what belongs to one.
func workload(run *results.Run, trials []*results.Trial, s *results.Summary, name string) Workload {
	w := Workload{Name: name}
	w.empty()
	for i := range run.Specs {
		if run.Specs[i].Name == name {
			w.Spec = &run.Specs[i]
		}
	}
	for _, ref := range run.Order {
		if ref.Workload == name {
			if a := w.arm(run, ref); a.Refused == "" {
				a.Refused = ref.Refused
			}
		}
	}
	for _, t := range trials {
		if t.Ref.Workload == name {
			w.trial(t, w.arm(run, t.Ref))
		}
	}
	w.said()
	slices.SortStableFunc(w.Arms, func(a, b Arm) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Lane, b.Lane)) })
	for i := range w.Arms {
		a := &w.Arms[i]
		a.out = map[int]bool{}
		seen, repeated := map[int]bool{}, map[int]bool{}
		for _, r := range s.Rows {
			switch {
			case r.Workload != name || r.Arm != a.Name || r.Lane != a.Lane:
			case r.Profiled && results.OfProfiles(r.Metric):
				a.rows = append(a.rows, r)
			case r.Profiled:
				a.profiled = append(a.profiled, r)
			default:
				a.rows = append(a.rows, r)
				seen[r.Trial] = true
				switch r.Metric {
				case results.TrialRepeated:
					repeated[r.Trial], a.out[r.Trial] = true, true
				case results.TrialContradicted:
					a.out[r.Trial] = true
				}
			}
		}
		a.Rounds = len(seen)
		if len(repeated) < len(seen) { // else there is no other figure of it
			a.Rounds -= len(repeated)
			a.rows = slices.DeleteFunc(a.rows, func(r results.Row) bool { return r.Event != "" && repeated[r.Trial] })
		}
		a.Marks = a.marks()
		if a.Rounds > 0 {
			a.Audit = a.audit()
		}
	}
	w.batches()
	if slices.ContainsFunc(w.Arms, func(a Arm) bool { return a.Rounds > 0 }) {
		w.rank()
		w.Tables = append(w.Tables, w.figures())
		w.churn()
	}
	w.cut(run, s.Cut)
	return w
}

// empty makes its lists, none of which is nil.
func (w *Workload) empty() {
	w.Unusual, w.Varies, w.Arms, w.Tables, w.Rest, w.Slowest, w.Shared = []workloads.Said{}, []Varied{}, []Arm{}, []Table{}, []Rest{}, []Slowest{}, []Shared{}
}

// arm finds the column of a trial.
func (w *Workload) arm(run *results.Run, ref results.TrialRef) *Arm {
	for i := range w.Arms {
		if a := &w.Arms[i]; a.Name == ref.Arm && a.Lane == ref.Lane {
			return a
		}
	}
	_, version, _ := strings.Cut(run.Clients[ref.Client], "@") // of module@v1.22.2
	w.Arms = append(w.Arms, Arm{Name: ref.Arm, Lane: ref.Lane, Client: ref.Client, Version: version, Own: []workloads.Said{}})
	return &w.Arms[len(w.Arms)-1]
}

// trial takes note of what a trial says of the workload and of its arm.
func (w *Workload) trial(t *results.Trial, a *Arm) {
	if w.Spec == nil && t.Spec.Name != "" {
		w.Spec = &t.Spec
	}
	w.Every = max(w.Every, t.ClockEvery)
	a.owns(t)
	switch {
	case t.State == results.StateComplete && t.Ref.Profiled:
	case t.State == results.StateComplete:
		w.lasted(t)
	case t.State == results.StateRefused:
		a.Refused = cmp.Or(a.Refused, t.Ref.Refused, t.Error)
	case a.Failed == nil:
		a.Failed = &Failure{Trial: t.Ref.N, State: t.State, Why: reason(t.State, t.Error)}
	default:
		a.Failed.More++
	}
}

// lasted takes note of how long the measured part of a completed trial was.
func (w *Workload) lasted(t *results.Trial) {
	p := t.Phase(results.PhaseMeasure)
	if d := time.Duration(p.To - p.From); d > 0 {
		if w.Measured[0] == 0 || d < w.Measured[0] {
			w.Measured[0] = d
		}
		w.Measured[1] = max(w.Measured[1], d)
	}
}

// Title is how an arm is called among others.
func (a *Arm) Title() string { return inLane(a.Name, a.Lane) }

// inLane is the name of an arm or a client, outside the matched lane with its lane,
// which some arms have in their names.
func inLane(name, lane string) string {
	if lane == "" || lane == string(drivers.Matched) || strings.HasSuffix(name, "@"+lane) {
		return name
	}
	return name + " (" + lane + ")"
}

// values are those of all trials of an arm that match, one per trial; of trials
// that are out only where there is no other.
func (a *Arm) values(metric, stat, unit string, role results.Role) []float64 {
	return a.inClass(metric, stat, unit, role, "")
}

// inClass are those of a class.
func (a *Arm) inClass(metric, stat, unit string, role results.Role, class string) []float64 {
	var all, planned []float64
	for _, r := range a.rows {
		if r.Metric == metric && r.Stat == stat && r.Unit == unit && r.Role == role && r.Class == class {
			all = append(all, r.Value)
			if !a.out[r.Trial] {
				planned = append(planned, r.Value)
			}
		}
	}
	if len(planned) > 0 {
		return planned
	}
	return all
}

// few is the least number of samples behind a percentile of which a trial has fewer
// than it takes; 0 where all have enough.
func (a *Arm) few(metric, stat string, role results.Role, class string) int64 {
	least := int64(0)
	for _, r := range a.rows {
		if r.Metric == metric && r.Stat == stat && r.Role == role && r.Class == class && r.Event == "" && r.Thin() && (least == 0 || r.N < least) {
			least = r.N
		}
	}
	return least
}

// marks are what keeps trials out of verdicts. What limited or perturbed a trial
// is part of the mark; the causes of the others stand in warnings.
func (a *Arm) marks() []Mark {
	out := []Mark{}
	for _, m := range results.Marks() {
		classes := map[string]int{}
		for _, r := range a.rows {
			if r.Metric == m.Name && r.Value != 0 {
				class := ""
				if m.By {
					class = r.Class
				}
				classes[class]++
			}
		}
		for _, class := range sortedKeys(classes) {
			out = append(out, Mark{m.Name, class, classes[class]})
		}
	}
	return out
}

// batches says how many records a batch had, where that differs by more than 5%
// between arms: it explains much of what is below.
func (w *Workload) batches() {
	mean, sampled := map[int]float64{}, map[int]bool{}
	for i := range w.Arms {
		for _, role := range []results.Role{results.RoleProducer, results.RoleBoth} {
			for _, class := range []string{results.Sampled, ""} {
				if vs := w.Arms[i].inClass(results.WireBatch, "", results.UnitCount, role, class); len(vs) > 0 {
					mean[i], sampled[i] = median(vs), class == results.Sampled
				}
			}
		}
	}
	all := slices.Sorted(maps.Values(mean))
	if len(all) < 2 || all[len(all)-1] <= 1.05*all[0] {
		return
	}
	for i, m := range mean {
		w.Arms[i].Batch, w.Arms[i].Sampled = m, sampled[i]
	}
}

func median(xs []float64) float64 {
	s := slices.Sorted(slices.Values(xs))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
