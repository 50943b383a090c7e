// Package summary turns the raw files of a run into rows: one per trial, metric
// and statistic, as MEASURING 6 defines them. Tables, gates and bench.txt read
// these rows and nothing else.
//
// It is a pure function of the run directory. It judges whether a trial may be
// used (saturated, not steady, limited by something else than the client,
// perturbed by a profile), but never which client is better: that is for compare.
package summary

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/cause"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/fit"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// churned is what a trial has beside rows: nil where nobody came or went.
type churned struct {
	*results.Trial
	split   *split
	windows *window.Report
	causes  []cause.Rebalance // nil where there was none, too
}

// build computes the summary of a run, and what every trial of it has beside rows.
func build(d *results.Dir) (*results.Summary, []churned, error) {
	trials, err := d.Trials()
	if err != nil {
		return nil, nil, fmt.Errorf("summarise: %w", err)
	}
	hash := hashOf(d)
	s, beside := summarise(d, trials)
	if s.Inputs, err = hash(); err != nil {
		return nil, nil, fmt.Errorf("summarise: %w", err)
	}
	return s, beside, nil
}

// OfWorkload is what the trials of a workload came to while others of the run may be to
// come. It has no hash, and is written nowhere.
func OfWorkload(d *results.Dir, workload string) (*results.Summary, []*results.Trial, error) {
	return Of(d, func(ref results.TrialRef) bool { return ref.Workload == workload })
}

// Of computes that of some trials.
func Of(d *results.Dir, wanted func(results.TrialRef) bool) (*results.Summary, []*results.Trial, error) {
	trials, err := d.Trials()
	if err != nil {
		return nil, nil, fmt.Errorf("summarise: %w", err)
	}
	trials = slices.DeleteFunc(trials, func(t *results.Trial) bool { return !wanted(t.Ref) })
	s, _ := summarise(d, trials)
	return s, trials, nil
}

// summarise computes a summary of trials. One that did not complete, or whose files
// cannot be read, has no rows and a warning that says why: the others stay readable. What
// the former had is kept apart.
func summarise(d *results.Dir, trials []*results.Trial) (*results.Summary, []churned) {
	// Neither list is nil: readers of the JSON need not care for null.
	s := &results.Summary{
		Schema: results.Schema, Run: d.Run().ID, Versions: d.Run().Versions(),
		Rows: []results.Row{}, Warnings: []results.Remark{},
	}
	var thin thinData
	var fits []*fit.Trial
	beside := make([]churned, len(trials))
	for i, t := range trials {
		beside[i].Trial = t
		if t.State == results.StateRefused {
			continue
		}
		warn := func(r results.Remark) { s.Warnings = append(s.Warnings, r.In(t.Ref)) }
		if t.Damage != nil {
			damaged(warn, "no figures: ", t.Damage)
			continue
		}
		if t.State != results.StateComplete {
			warn(results.Remarkf(results.KindNoFigures, "%s, no figures: %s", t.State, oneLine(t.Error)))
			if t.Ref.Profiled {
				continue
			}
			if c := cut(d, t, warn); c != nil {
				s.Cut = append(s.Cut, *c)
			}
			continue
		}
		e, err := evidence.Load(d, t)
		if err != nil {
			damaged(warn, "no figures: ", err)
			continue
		}
		damaged(warn, "", e.Beside)
		in := newInputs(e)
		if err := errors.Join(e.Err(), e.Close()); err != nil {
			damaged(warn, "no figures: ", err)
			continue
		}
		beside[i].windows, beside[i].causes = in.churn, in.causes
		if err := e.Unread(); err != nil {
			damaged(warn, "no figures: ", err)
			continue
		}
		if broken := in.truth.Sums.Broken(); len(broken) > 0 {
			warn(results.Remarkf(results.KindBrokenSum, "no figures, by a defect of kbench: %s", strings.Join(broken, "; ")))
			continue
		}
		b := &builder{inputs: in, warn: warn, thin: &thin}
		if !d.Run().ProfiledApart() {
			b.profiles = d.Run().Profiles
		}
		b.build()
		s.Rows = append(s.Rows, b.rows...)
		if t.Ref.Profiled {
			continue
		}
		if f := fit.Of(t, d.Run(), in.machine); f != nil {
			fits = append(fits, f)
		}
		beside[i].split = in.split
	}
	s.Warnings = append(s.Warnings, thin.warnings()...)
	fitness(s, fits)
	s.Gates = gate.Of(d.Run(), s.Rows)
	return s, beside
}

// damaged says what is wrong with the files of a trial, each by its name.
func damaged(warn func(results.Remark), so string, err error) {
	var all evidence.Damaged
	var one *results.Damage
	switch {
	case errors.As(err, &all):
	case errors.As(err, &one):
		all = evidence.Damaged{one}
	default:
		warn(results.Remarkf(results.KindDamaged, "%s%v", so, err))
	}
	for _, d := range all {
		r := results.Remarkf(results.KindDamaged, "%s%v", so, d).By(d.Worker())
		if d.Offset >= 0 {
			r = r.With("offset", results.UnitBytes, float64(d.Offset))
		}
		warn(r)
	}
}

// hashOf reads all files once more for their hash, beside what else is done.
func hashOf(d *results.Dir) func() (string, error) {
	var hash string
	var err error
	var wg sync.WaitGroup
	wg.Go(func() { hash, err = d.InputsHash() })
	return func() (string, error) {
		wg.Wait()
		return hash, err
	}
}

// Unwritten is why a summary could not be written into its run directory. It is as good
// to be shown.
type Unwritten struct{ error }

func (u *Unwritten) Unwrap() error { return u.error }

// MayNot says that the directory is not for this user to write: another's, or an archive.
func (u *Unwritten) MayNot() bool {
	return errors.Is(u, fs.ErrPermission) || errors.Is(u, syscall.EROFS)
}

// Write builds the summary and replaces summary.json, bench.txt, the rebalances.json of
// every trial with a group, and the latency-split.hlog and pauses.json of those with churn. Where they cannot be
// written there is a summary too, and the error is Unwritten.
//
// Of a run that was reduced there is nothing to build one from, and the one that it has
// stays.
func Write(d *results.Dir) (*results.Summary, error) {
	if at := d.Run().Reduced; at != "" {
		return nil, fmt.Errorf("the raw files of %s were removed (%s), and %s is all there is of it; \"kbench compare\", \"gate\" and \"trend\" read that", d.Path(), at, results.SummaryFile)
	}
	s, trials, err := build(d)
	if err != nil {
		return nil, err
	}
	if err := put(d, s, trials); err != nil {
		return s, &Unwritten{err}
	}
	return s, nil
}

// put replaces the derived files.
func put(d *results.Dir, s *results.Summary, trials []churned) error {
	data, err := results.EncodeJSON(s)
	if err != nil {
		return fmt.Errorf("encode summary: %w", err)
	}
	if err := results.WriteFile(filepath.Join(d.Path(), results.SummaryFile), data); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	if err := results.WriteFile(filepath.Join(d.Path(), results.BenchFile), Bench(s, d.Run())); err != nil {
		return fmt.Errorf("write benchmark results: %w", err)
	}
	for _, t := range trials {
		dir := d.TrialPath(t.Ref)
		pauses := func() ([]byte, error) { return results.EncodeJSON(pausesOf(t.Trial, t.windows)) }
		causes := func() ([]byte, error) { return results.EncodeJSON(causesOf(t.Trial, t.windows, t.causes)) }
		if err := errors.Join(derive(filepath.Join(dir, results.SplitFile), t.split != nil, t.split.encode),
			derive(filepath.Join(dir, results.CausesFile), t.causes != nil, causes),
			derive(filepath.Join(dir, results.PausesFile), t.windows != nil, pauses)); err != nil {
			return fmt.Errorf("trial %d: %w", t.Ref.N, err)
		}
	}
	return nil
}

// oneLine keeps the first line of an error that may carry the tail of a log.
func oneLine(s string) string {
	if s == "" {
		return "no reason was recorded"
	}
	first, _, _ := strings.Cut(s, "\n")
	return first
}

// builder makes the rows of one trial.
type builder struct {
	*inputs
	profiles []profiles.Kind // that were taken of a trial that is timed
	warn     func(results.Remark)
	thin     *thinData
	rows     []results.Row
}

func (b *builder) build() {
	if b.measured.length() <= 0 {
		b.warn(results.Remarkf(results.KindNoFigures, "no figures: it has no measured part"))
		return
	}
	if b.trial.Ref.Profiled {
		b.profiled()
		return
	}
	for _, role := range roles() {
		if ws := b.byRole(role); len(ws) > 0 {
			b.role(role, ws)
		}
	}
	b.links()
	b.broker()
	b.watchers()
	b.audit()
	b.pauses()
	b.rebalances()
	b.splitRows()
	b.othersRows()
	b.sparedRows()
	b.stuck()
	b.leaks()
	b.marks()
}

// profiled are the rows of a trial of which profiles were taken: what those say, and
// what the audit found. Its timings are of no use.
func (b *builder) profiled() {
	for _, role := range roles() {
		ws := b.byRole(role)
		var records int64
		for _, w := range ws {
			records += w.records()
		}
		if records > 0 {
			b.cost(role, ws, records)
		}
	}
	b.rows = slices.DeleteFunc(b.rows, func(r results.Row) bool { return !results.OfProfiles(r.Metric) })
	b.audit()
	b.truths()
	b.tellStuck()
}

// add appends a row of this trial.
func (b *builder) add(r results.Row) {
	ref := b.trial.Ref
	r.Workload, r.Arm, r.Client, r.Lane, r.Round, r.Trial, r.Profiled = ref.Workload, ref.Arm, ref.Client, ref.Lane, ref.Round, ref.N, ref.Profiled
	b.rows = append(b.rows, r)
}

// plain appends the one figure of a metric, in the metric's own unit.
func (b *builder) plain(role results.Role, metric string, value float64, n int64) {
	m, _ := results.LookupMetric(metric)
	b.add(results.Row{Role: role, Metric: metric, Unit: m.Unit, Value: value, N: n})
}

// broker adds what the cluster cost. Without samples of a broker, as on an
// attached cluster, there is no row: nothing is known.
func (b *builder) broker() {
	if cores, ok := b.brokerCores(); ok {
		b.plain(results.RoleBroker, results.BrokerCPU, cores, int64(len(b.machine)))
	}
}

// watchers adds what it cost to watch the group, where somebody did, and to ask the
// broker whether it still answers.
func (b *builder) watchers() {
	for _, of := range []struct {
		role   results.Role
		metric string
	}{{results.RoleObserver, results.ObserverCPU}, {results.RoleProbe, results.ProbeCPU}} {
		for _, w := range b.byRole(of.role) {
			if cores, ok := b.processCores(func(name string) bool { return name == w.Name }); ok {
				b.plain(of.role, of.metric, cores, int64(len(b.machine)))
			}
		}
	}
}

// audit adds the truth of delivery and shows the first examples of what is
// wrong with it.
//
// A driver without a broker has no topic that could be read back: where nothing
// was meant to consume either, nothing is known, and there are no rows.
func (b *builder) audit() {
	r := b.truth
	b.sends()
	if b.trial.Kind == workloads.Producing && len(b.byRole(results.RoleBoth)) > 0 {
		if r.Sent == 0 {
			b.warn(results.Remarkf(results.KindNothingAcked, "no record was acknowledged"))
		}
		return
	}
	whole := b.trial.NotRead == ""
	if !whole && b.trial.Kind == workloads.Producing {
		return // what is in the log is all that there is to be found
	}
	if whole {
		b.plain("", results.AuditLost, float64(r.Lost), r.Sent)
	}
	b.undelivered(&r)
	if r.Sums.Known || r.Foreign > 0 { // runs without accounts did not tell foreign records from corrupt ones
		b.plain("", results.AuditForeign, float64(r.Foreign), r.Sums.Delivered+r.Foreign+r.Corrupt)
	}
	b.plain("", results.AuditDuplicate, float64(r.Duplicates.Total()), r.Delivered)
	for _, c := range r.Duplicates.Causes() {
		if c.Count > 0 {
			b.add(results.Row{Class: c.Name, Metric: results.AuditDuplicate, Unit: results.UnitCount, Value: float64(c.Count), N: r.Delivered})
		}
	}
	b.plain("", results.AuditReordered, float64(r.Reordered), r.Delivered)
	b.plain("", results.AuditCorrupt, float64(r.Corrupt), r.Delivered)
	b.plain("", results.AuditUnanswered, float64(r.Unanswered), r.Sums.NeverAcked())
	if b.trial.Kind == workloads.EndToEnd {
		b.group(r)
	}
	for _, w := range r.Warnings {
		b.warn(w)
	}
	for _, e := range r.Examples {
		if e.Legal() || !whole && e.Missing() {
			continue // counted, or not known
		}
		b.warn(e.Remark())
	}
	if r.Sent == 0 {
		b.warn(results.Remarkf(results.KindNothingAcked, "no record was acknowledged"))
	}
}
