package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/knee"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/results/held"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/results/summary"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// mostKneeTrials is how many trials of an arm there are at the most.
const mostKneeTrials = 40

// kneeRate is a rate as a workload has it.
func kneeRate(rate float64) string { return strconv.FormatFloat(rate, 'f', -1, 64) + "/s" }

// arms says which arms are searched, and which cannot do the workload. An SLO that an arm
// can have no figure for would never be decided.
func (t *kneeing) arms(trials []plan.Trial) error {
	var able []plan.Trial
	var wrong []error
	for i := range trials {
		tr := &trials[i]
		_, refused := arm.Plan(&tr.Spec, drivers.Mode(tr.Arm.Lane), drivers.Find(t.a.table, tr.Arm.Client), drivers.Find(t.a.table, conduct.Reference))
		t.k.Arms = append(t.k.Arms, held.Arm{Name: tr.Arm.Name, Refused: refused, Points: []held.Point{}})
		if refused != "" {
			wrong = append(wrong, fmt.Errorf("%s: %s", tr.Arm.Name, refused))
			continue
		}
		able = append(able, *tr)
	}
	if len(able) == 0 {
		return fmt.Errorf("nobody can do %s:\n%w", t.k.Workload, errors.Join(wrong...))
	}
	slices.SortFunc(t.k.Arms, func(x, y held.Arm) int { return cmp.Compare(x.Name, y.Name) })
	wrong = nil
	for _, slo := range t.k.SLO {
		for i := range able {
			if err := gate.Possible(slo.Expression, t.a.plannedOf(&able[i])); err != nil {
				wrong = append(wrong, fmt.Errorf("--slo: %s: %w", able[i].Arm.Name, err))
			}
		}
	}
	t.length = t.a.duration(able)
	return errors.Join(wrong...)
}

// trial is about how long one takes.
func (t *kneeing) trial() time.Duration {
	return (t.length / time.Duration(max(len(searchedArms(t.k)), 1))).Round(time.Second)
}

// courseOf begins a search for each arm that can do the workload.
func courseOf(k *held.Knee) *knee.Course {
	var searches []*knee.Search
	for range searchedArms(k) {
		searches = append(searches, knee.New(knee.Options{From: k.From, Least: k.Least, Most: k.Most, Precision: k.Precision, Repeats: k.Repeats, Trials: mostKneeTrials}))
	}
	return knee.NewCourse(searches, k.Seed)
}

// searchedArms are the names of the arms that are searched, in the order of their searches.
func searchedArms(k *held.Knee) (names []string) {
	for _, a := range k.Arms {
		if a.Refused == "" {
			names = append(names, a.Name)
		}
	}
	return names
}

// kneeKept reads what a search has kept.
func (a *app) kneeKept(dir string) (*held.Knee, error) {
	data, err := os.ReadFile(filepath.Join(dir, held.File))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no %s in it: it is no directory of a search, or that had no trial yet", dir, held.File)
	case err != nil:
		return nil, err
	}
	k := &held.Knee{}
	if err := json.Unmarshal(data, k); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(dir, held.File), err)
	}
	if k.Schema > held.Schema {
		return nil, fmt.Errorf("%s: it is of a newer kbench (schema %d, this one reads %d)", filepath.Join(dir, held.File), k.Schema, held.Schema)
	}
	if wrong := k.Damaged(); wrong != "" {
		return nil, fmt.Errorf("%s: it is damaged: %s; its trials are run directories, which \"kbench report\" shows", filepath.Join(dir, held.File), wrong)
	}
	return k, nil
}

// kneeRead is a search as its trials tell it, whatever was derived from them before. The flag
// is by which the directory was named, if by any.
func (a *app) kneeRead(flag, dir string) (*held.Knee, error) {
	k, err := a.kneeKept(dir)
	if err != nil {
		return nil, usagef("%s%w", flag, err)
	}
	_, err = kneeAgain(k, dir)
	return k, err
}

// kneeArgs gives a command the flags with which a search was started, and its arguments.
func kneeArgs(cmd *cobra.Command, k *held.Knee) ([]string, error) {
	if len(k.Command) < 3 {
		return nil, errors.New("it does not say which command it was started with")
	}
	own := map[string]string{}
	for _, name := range mayChange() {
		if f := cmd.Flags().Lookup(name); f.Changed {
			own[name] = f.Value.String()
		}
	}
	if err := cmd.ParseFlags(k.Command[2:]); err != nil {
		return nil, fmt.Errorf("its command is of another kbench: %w", err)
	}
	for name, value := range own {
		if err := cmd.Flags().Set(name, value); err != nil {
			return nil, err
		}
	}
	args := slices.DeleteFunc(cmd.Flags().Args(), func(arg string) bool { return arg == "" })
	if len(args) != 1 {
		return nil, errors.New("its command names no workload")
	}
	// The seed was drawn then; now it is given.
	return args, cmd.Flags().Set("seed", fmt.Sprint(k.Seed))
}

// kneeAgain judges the trials of a search anew, from their run directories, and tells the
// searches what they came to.
func kneeAgain(k *held.Knee, dir string) (*knee.Course, error) {
	course, names := courseOf(k), searchedArms(k)
	for i := range k.Steps {
		s := &k.Steps[i]
		if s.Run != "" {
			trial, err := kneeTrial(filepath.Join(dir, s.Run))
			if err != nil {
				return nil, err
			}
			s.Trial = trial
		}
		which := slices.Index(names, s.Arm)
		if which < 0 {
			return nil, fmt.Errorf("%s: trial %d is of %s, which is no arm of it", filepath.Join(dir, held.File), i+1, s.Arm)
		}
		course.Next() // so that its turns are those that they were
		if err := kneeTell(course, which, s); err != nil {
			return nil, fmt.Errorf("%s: trial %d: %w", filepath.Join(dir, held.File), i+1, err)
		}
	}
	kneeDerive(k, course)
	return course, nil
}

// kneeTrial judges one run directory.
func kneeTrial(path string) (held.Trial, error) {
	dir, err := results.Open(path)
	if err != nil {
		return held.Trial{}, err
	}
	s, err := dir.Summary()
	if err != nil {
		var unwritten *summary.Unwritten
		if s, err = summary.Write(dir); err != nil && !errors.As(err, &unwritten) {
			return held.Trial{}, err
		}
	}
	return kneeJudge(dir, s)
}

func kneeJudge(dir *results.Dir, s *results.Summary) (held.Trial, error) {
	trials, err := dir.Trials()
	if err != nil {
		return held.Trial{}, err
	}
	if len(trials) != 1 {
		return held.Trial{}, fmt.Errorf("%s: it has %s, and a trial of a search is a run of its own", dir.Path(), quantity(len(trials), "trial"))
	}
	return held.Judge(dir.Run(), trials[0], s), nil
}

// kneeTell tells a search what a trial came to.
func kneeTell(c *knee.Course, which int, s *held.Step) error {
	known := true
	switch s.Outcome {
	case held.Held, held.NotHeld:
		known = c.Searches[which].Tried(s.Rate, s.Outcome == held.Held)
	default:
		known = c.Searches[which].Undecided(s.Rate, len(s.Missed) > 0, s.Why)
	}
	if c.Had(which); !known {
		return fmt.Errorf("%s is no rate of the search", kneeRate(s.Rate))
	}
	return nil
}

// kneeDerive writes down what is known of each arm.
func kneeDerive(k *held.Knee, c *knee.Course) {
	names := searchedArms(k)
	for i := range k.Arms {
		a := &k.Arms[i]
		which := slices.Index(names, a.Name)
		if which < 0 {
			continue
		}
		x := c.Searches[which].Answer()
		a.Held, a.HeldIn = x.Held, held.Tally{Held: x.HeldIn.Held, NotHeld: x.HeldIn.Missed}
		a.NotHeld, a.NotHeldIn = x.Missed, held.Tally{Held: x.MissedIn.Held, NotHeld: x.MissedIn.Missed}
		if a.Trials, a.Found, a.Why = x.Trials, x.Found, x.Why; !a.Found {
			a.Why = cmp.Or(a.Why, k.Ended)
		}
	}
	k.Derive()
}

// goOn takes up a search that was cut off, if it is the one that its command asks for.
func (t *kneeing) goOn(kept *held.Knee) error {
	if err := t.same(kept); err != nil {
		return err
	}
	t.k.Started, t.k.Steps, t.k.Broker, t.k.Machine, t.k.Command = kept.Started, kept.Steps, kept.Broker, kept.Machine, kept.Command
	var err error
	t.course, err = kneeAgain(t.k, t.dir)
	return err
}

// same is an error where the workload is another one than it was.
func (t *kneeing) same(kept *held.Knee) error {
	if !slices.Equal(searchedArms(kept), searchedArms(t.k)) || kept.From != t.k.From {
		return fmt.Errorf("--resume %s: the workload or the clients are others than they were; start it anew", t.dir)
	}
	for _, s := range kept.Steps {
		if s.Run == "" {
			continue
		}
		dir, err := results.Open(filepath.Join(t.dir, s.Run))
		if err != nil {
			return fmt.Errorf("--resume %w", err)
		}
		spec, err := t.at(s.Rate)
		if err != nil {
			return err
		}
		if why := conduct.Other(dir, []workloads.Spec{spec}, nil, t.a.table, launch.Here{}.Machine()); why != "" {
			return fmt.Errorf("--resume %s: %s: %s; start it anew", t.dir, s.Run, why)
		}
	}
	return t.inUse()
}

// inUse is an error where somebody else is at a trial of the search.
func (t *kneeing) inUse() error {
	all, err := os.ReadDir(t.dir)
	if err != nil {
		return fmt.Errorf("--resume %w", err)
	}
	for _, of := range all {
		if !of.IsDir() {
			continue
		}
		if err := results.InUse(filepath.Join(t.dir, of.Name())); err != nil {
			return fmt.Errorf("--resume %w; wait until it has ended", err)
		}
	}
	return nil
}

// at is the workload at a rate.
func (t *kneeing) at(rate float64) (workloads.Spec, error) {
	spec := t.spec
	err := spec.Apply("produce.rate", kneeRate(rate))
	return spec, err
}

// knee searches, and keeps each trial as soon as it is known.
func (a *app) knee(ctx context.Context, t *kneeing, form string) error {
	names := searchedArms(t.k)
	fmt.Fprintf(a.errOut, "knee %s: %s, seed %d; about %s a trial, and mostly 12 to 20 trials of each; trials are in %s\n",
		t.k.Workload, strings.Join(names, ", "), t.k.Seed, t.trial(), t.dir)
	ctx, done := a.inOrder(ctx)
	defer done()
	var err error
	t.k.Ended, err = t.search(ctx)
	kneeDerive(t.k, t.course)
	if len(t.k.Steps) > 0 {
		if werr := writeJSON(filepath.Join(t.dir, held.File), t.k); werr != nil {
			return errors.Join(err, werr)
		}
		err = errors.Join(err, a.printKnee(t.k, form))
		fmt.Fprintf(a.errOut, "\nEverything is in %s; \"kbench knee --read %s\" prints this again.\n", t.dir, t.dir)
	}
	if t.k.Ended != "" && len(t.k.Steps) > 0 {
		longer := ""
		if err == nil { // the time was up
			longer = fmt.Sprintf(" --for %s", 2*time.Duration(t.k.For))
		}
		fmt.Fprintf(a.errOut, "\"kbench knee --resume %s%s\" goes on with it.\n", t.dir, longer)
	}
	if err != nil {
		return err
	}
	return kneeTold(t.k)
}

// search runs one trial after the other. why says what ended it before its time.
func (t *kneeing) search(ctx context.Context) (why string, err error) {
	names := searchedArms(t.k)
	for {
		which, rate, more := t.course.Next()
		if !more {
			return "", nil
		}
		took, longest := t.k.Took()
		if longest = max(longest, t.trial()); t.k.For > 0 && took+longest > time.Duration(t.k.For) {
			return fmt.Sprintf("a further trial would not have ended within %s", time.Duration(t.k.For)), nil
		}
		s := held.Step{Arm: names[which], Rate: rate}
		if err := t.do(ctx, &s); err != nil {
			if errors.Is(err, conduct.ErrInterrupted) {
				return "it was interrupted", err
			}
			return "it failed", err
		}
		t.k.Steps = append(t.k.Steps, s)
		if err := kneeTell(t.course, which, &s); err != nil {
			return "", err
		}
		fmt.Fprintf(t.a.errOut, "%3d  %-12s %12s  %-11s %s\n", len(t.k.Steps), s.Arm, text.RateOf(s.Rate), s.Outcome, t.figures(&s))
		kneeDerive(t.k, t.course)
		if err := writeJSON(filepath.Join(t.dir, held.File), t.k); err != nil {
			return "", err
		}
	}
}

// figures are those of a trial, for whoever waits.
func (t *kneeing) figures(s *held.Step) string {
	var parts []string
	for i, slo := range t.k.SLO {
		if i < len(s.SLO) && s.SLO[i] != nil {
			parts = append(parts, slo.Figure+" "+text.SLOAmount(slo.Unit, *s.SLO[i]))
		}
	}
	if s.Limit != "" && s.Outcome == held.NotHeld {
		parts = append(parts, "the "+string(s.Limit))
	}
	if s.Outcome != held.Held {
		parts = append(parts, cmp.Or(s.Why, strings.Join(s.Missed, "; ")))
	}
	return strings.Join(parts, ", ")
}

// try runs one trial.
func (t *kneeing) try(ctx context.Context, s *held.Step) error {
	spec, err := t.at(s.Rate)
	if err != nil {
		return err
	}
	n := len(t.k.Steps) + 1
	seed := t.k.Seed + uint64(n)
	trials, err := plan.Expand([]workloads.Spec{spec}, t.sel.clients, t.sel.lanes, plan.Rounds{Timed: 1}, seed)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(trials, func(tr plan.Trial) bool { return tr.Arm.Name == s.Arm })
	if i < 0 {
		return fmt.Errorf("%s has no arm %s at %s", spec.Name, s.Arm, kneeRate(s.Rate))
	}
	trial := trials[i].Alone()
	if err := t.room(trial); err != nil {
		s.Trial = held.Trial{Outcome: held.NotHeld, Limit: held.Machine, Why: err.Error(), Missed: []string{"it was not run"}, SLO: []*float64{}}
		return nil
	}
	s.Run = t.name(n, s)
	began := time.Now()
	run, sum, _, err := t.one.run(ctx, &spec, &trial, seed, filepath.Join(t.dir, s.Run))
	if s.Took = int64(time.Since(began)); err != nil {
		return err
	}
	if s.Trial, err = kneeJudge(run, sum); err == nil && t.k.Broker == "" {
		m := run.Run().Machine
		t.k.Broker, t.k.Machine = run.Run().Broker.Title, fmt.Sprintf("%s, %s, %s", m.Host, m.CPU, quantity(m.Cores, "core"))
	}
	return err
}

// room is an error where the machine has not the memory for a trial.
func (t *kneeing) room(trial plan.Trial) error {
	machine := launch.Here{}.Machine().MemBytes
	bo := t.one.broker
	bo.OnDisk, _ = t.a.onDisk([]plan.Trial{trial}, bo, machine)
	need := needsOf([]plan.Trial{trial}, bo)
	if machine > 0 && need.sure > machine {
		return fmt.Errorf("%v are more than the %s of this machine", need, size(machine))
	}
	return nil
}

// name is the directory of a trial. One that was cut off stays where it is.
func (t *kneeing) name(n int, s *held.Step) string {
	name := fmt.Sprintf("%03d-%s-%s", n, plan.FileName(s.Arm), strings.TrimSuffix(kneeRate(s.Rate), "/s"))
	for again := 2; ; again++ {
		if _, err := os.Lstat(filepath.Join(t.dir, name)); err != nil {
			return name
		}
		name = fmt.Sprintf("%03d-%s-%s-%d", n, plan.FileName(s.Arm), strings.TrimSuffix(kneeRate(s.Rate), "/s"), again)
	}
}

func (a *app) printKnee(k *held.Knee, form string) (err error) {
	switch form {
	case "csv":
		err = k.CSV(a.out)
	case "json":
		err = a.json(k)
	default:
		width, colour := a.terminal()
		err = text.Knee(a.raw, k, text.Options{Width: width, Color: colour})
	}
	if unheard(a.raw, err) {
		return nil
	}
	return err
}

// kneeTold maps what was found to an exit code.
func kneeTold(k *held.Knee) error {
	var low, open []string
	for i := range k.Arms {
		switch a := &k.Arms[i]; {
		case a.Refused != "":
		case !a.Found:
			open = append(open, a.Name+": "+cmp.Or(a.Why, "the search is not over"))
		case a.Limit != "" && a.Limit != held.Client:
			open = append(open, a.Name+": the "+string(a.Limit)+" gave out first")
		case a.Held == 0:
			low = append(low, a.Name+" does not hold "+text.RateOf(a.NotHeld))
		}
	}
	switch {
	case len(low) > 0:
		return gateError{errors.New("the lowest rate is not held: " + strings.Join(low, "; ")), ExitGate}
	case len(open) > 0:
		return gateError{errors.New("the highest rate is not known: " + strings.Join(open, "; ")), ExitUndecided}
	}
	return nil
}
