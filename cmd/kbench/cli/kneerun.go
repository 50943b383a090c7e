package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	"github.com/kbench/kbench/internal/knee/kept"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/results/held"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

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
	return (t.length / time.Duration(max(len(kept.Searched(t.k)), 1))).Round(time.Second)
}

// kneeRead is a search as its trials tell it, whatever was derived from them before. The flag
// is by which the directory was named, if by any.
func kneeRead(flag, dir string) (*held.Knee, error) {
	k, err := kept.Read(dir)
	if err != nil {
		return nil, usagef("%s%w", flag, err)
	}
	_, err = kept.Again(k, dir)
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

// goOn takes up a search that was cut off, if it is the one that its command asks for.
func (t *kneeing) goOn(was *held.Knee) error {
	if err := t.same(was); err != nil {
		return err
	}
	t.k.Started, t.k.Steps, t.k.Broker, t.k.Machine, t.k.Command = was.Started, was.Steps, was.Broker, was.Machine, was.Command
	var err error
	if t.search, err = kept.Again(t.k, t.dir); err != nil {
		return err
	}
	if err := t.search.InUse(); err != nil {
		return fmt.Errorf("--resume %w", err)
	}
	return nil
}

// same is an error where the workload is another one than it was.
func (t *kneeing) same(was *held.Knee) error {
	if !slices.Equal(kept.Searched(was), kept.Searched(t.k)) || was.From != t.k.From {
		return fmt.Errorf("--resume %s: the workload or the clients are others than they were; start it anew", t.dir)
	}
	for _, s := range was.Steps {
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
	names := kept.Searched(t.k)
	fmt.Fprintf(a.errOut, "knee %s: %s, seed %d; about %s a trial, and mostly 12 to 20 trials of each; trials are in %s\n",
		t.k.Workload, strings.Join(names, ", "), t.k.Seed, t.trial(), t.dir)
	ctx, done := a.inOrder(ctx)
	defer done()
	err := t.search.Run(ctx, kept.Trials{Length: t.trial(), Run: t.do, Told: t.tell})
	if len(t.k.Steps) > 0 {
		if werr := t.search.Save(); werr != nil {
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

// tell says what a trial came to.
func (t *kneeing) tell(n int, s *held.Step) {
	fmt.Fprintf(t.a.errOut, "%3d  %-12s %12s  %-11s %s\n", n, s.Arm, text.RateOf(s.Rate), s.Outcome, t.figures(s))
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
	n, turn := len(t.k.Steps)+1, 1
	for _, o := range t.k.Steps {
		if o.Arm == s.Arm {
			turn++
		}
	}
	seed := t.k.Seed + uint64(turn) // of a turn all arms have the same records, acts and dice
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
	if s.Trial, err = kept.Judge(run, sum); err == nil && t.k.Broker == "" {
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
