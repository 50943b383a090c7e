package cli

import (
	"context"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/knee"
	"github.com/kbench/kbench/internal/knee/kept"
	"github.com/kbench/kbench/results/gate"
	"github.com/kbench/kbench/results/held"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/catalog"
	"github.com/kbench/kbench/workloads/plan"
)

// The forms in which a knee is printed.
var kneeForms = []string{"text", "csv", "json"}

// kneeFlags are the flags of knee.
type kneeFlags struct {
	sel       selection
	broker    brokerFlags
	slo       []string
	from, to  string
	precision string
	repeats   int
	length    time.Duration
	out, form string
	resume    string
	read      string
}

func (a *app) kneeCommand() *cobra.Command {
	var flags kneeFlags
	cmd := &cobra.Command{
		Use:   "knee WORKLOAD --slo GATE",
		Short: "Find the highest rate that each client holds",
		Long: `Runs a workload at one rate after the other, a trial each in fresh processes on a
fresh broker, topic and group, until it is known of each client which is the highest
rate that it holds. A rate is held where every --slo is met, and the load was kept:
what was due was handed over and came out again, no send failed or was left without
an answer, nothing was lost or left in the log. An SLO is written as a gate is; the
gates of the workload are not asked for.

Rates double until one is not held; then it is the middle of what is left, until the
interval is as narrow as --precision, and both of its ends were tried --repeats
times. Clients have a trial each in turns, in an order drawn anew for each of them.
Where outcomes scatter it takes more trials, 40 of a client at the most, and the
interval that comes out is wider. A trial beside which others use the machine says
nothing, whatever it came to, and is run again; it is not among those 40, and of three
in a row it counts what most came to, as one.

With each interval stands who gave out: the client, or the broker, who offers the
load, or the machine, beyond which nothing is known of the client. Then the latency
over the rate. Each trial keeps its run directory; ` + held.File + ` beside them says what
was tried and what came of it. --resume goes on with a search that was cut off, or
whose time was up (--for is then that of all of it); --read, or "kbench report" of
its directory, prints one again, from its run directories.

--output is text, csv (a line for each trial) or json.

Exit codes: 0 of each client the highest rate is known, or it holds --to; 1 a
failure; 2 usage; 3 a client does not hold the lowest rate, by its own fault; 5 of
one it is not known, as time was up, outcomes scatter, or another than the client
gave out; 130 interrupted.`,
		Example: `  kbench knee end-to-end --slo 'p99(e2e.response) < 50ms'
  kbench knee produce-rate --slo 'p99(produce.response) < 20ms' --client franz-go --from 50000/s --for 10m
  kbench knee end-to-end --slo 'p99(e2e.response) < 50ms' --slo 'rss.peak < 1GiB' --broker kafka --precision 10%
  kbench knee --resume runs/knee-20260102-150405-1a2b`,
		ValidArgsFunction: workload,
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("resume") || cmd.Flags().Changed("read") {
				return keptAlone(cmd, args)
			}
			return arguments(1, 1, `one workload: a name that "kbench list" prints, or a file`)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if !slices.Contains(kneeForms, flags.form) {
				return usagef("--output %s: there is %s", flags.form, strings.Join(kneeForms, ", "))
			}
			if cmd.Flags().Changed("read") {
				k, err := kneeRead("--read ", flags.read)
				if err != nil {
					return err
				}
				return errors.Join(a.printKnee(k, flags.form), kneeTold(k))
			}
			t, err := a.kneeOf(cmd, args, &flags)
			if err != nil {
				return usage(err)
			}
			return a.knee(cmd.Context(), t, flags.form)
		},
	}
	flags.sel.addArms(a, cmd)
	f := cmd.Flags()
	f.StringArrayVar(&flags.slo, "slo", nil, "what a rate has to meet to be held, a `gate` such as\n'p99(e2e.response) < 50ms'; may be repeated")
	f.StringVar(&flags.from, "from", "", "the lowest `rate` that is tried, and the first, such as 1000/s (default: the\nfirst is the workload's, or 1000/s where that is max, and lower ones are\ntried where it is not held)")
	f.StringVar(&flags.to, "to", "", "the highest `rate` that is tried (default: what no host comes near)")
	f.StringVar(&flags.precision, "precision", "5%", "how wide the interval may be, as a `share` of the rate, from 2% to 50%")
	f.IntVar(&flags.repeats, "repeats", 3, "try both ends of the interval `n` times at the least")
	f.DurationVar(&flags.length, "for", 0, "begin no trial that would not end within this `time`, such as 30m, and say\nwhat is known by then (default: as long as it takes)")
	flags.sel.addFields(cmd)
	flags.broker.add(cmd)
	flags.broker.addAttached(cmd)
	f.StringVar(&flags.out, "out", "", "`directory` of the trials (default "+runsDir+"/knee-<id>)")
	f.StringVar(&flags.resume, "resume", "", "go on with the search in this `directory`, which was cut off")
	f.StringVar(&flags.read, "read", "", "print the search in this `directory` again, and run nothing")
	f.StringVar(&flags.form, "output", "text", "`form` of what is printed: "+strings.Join(kneeForms, ", "))
	completes(cmd, "resume", searchDir)
	completes(cmd, "read", searchDir)
	completes(cmd, "output", oneWord(kneeForms...))
	completes(cmd, "precision", oneWord("2%", "5%", "10%"))
	completes(cmd, "for", oneWord("10m", "30m", "1h"))
	return cmd
}

// mayChange are the flags that a search which goes on, or is read again, may have of its
// own.
func mayChange() []string { return []string{"for", "output"} }

// keptAlone is an error where a search that was kept is given what it was started with.
func keptAlone(cmd *cobra.Command, args []string) error {
	own := 0
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if !slices.Contains(mayChange(), f.Name) {
			own++
		}
	})
	if len(args) > 0 || own > 1 {
		return usagef("--resume and --read stand alone, but for --for and --output: workload and flags are those that the search was started with")
	}
	if cmd.Flags().Changed("read") && cmd.Flags().Changed("for") {
		return usagef("--for is the time that trials may take, and --read runs none; leave it out")
	}
	return nil
}

// kneeing is a search that is to be run.
type kneeing struct {
	a      *app
	k      *held.Knee
	dir    string
	spec   workloads.Spec // its rate is that of the first trial
	sel    selection
	search *kept.Search
	one    alone
	do     func(context.Context, *held.Step) error
	length time.Duration // of a turn of all arms
	goesOn bool
}

// kneeOf reads the command line. Its error is the user's to mend, and has all that is
// wrong.
func (a *app) kneeOf(cmd *cobra.Command, args []string, f *kneeFlags) (*kneeing, error) {
	t := &kneeing{a: a, goesOn: cmd.Flags().Changed("resume"), dir: f.resume}
	t.do = t.try
	var was *held.Knee
	if t.goesOn {
		var err error
		if was, err = kept.Read(f.resume); err != nil {
			return nil, fmt.Errorf("--resume %w", err)
		}
		if args, err = kneeArgs(cmd, was); err != nil {
			return nil, fmt.Errorf("--resume %s: %w", f.resume, err)
		}
	}
	k := &held.Knee{Schema: held.Schema, Started: time.Now().UTC().Format(time.RFC3339), Repeats: f.repeats, For: int64(f.length), Steps: []held.Step{}, Arms: []held.Arm{}}
	t.k = k
	wrong := []error{f.bounds(cmd, k), f.objectives(k)}
	if first, err := f.first(args[0]); err != nil {
		wrong = append(wrong, err)
	} else if k.From == 0 {
		k.From = first
	}
	var err error
	if t.one.broker, err = f.broker.options(cmd); err != nil {
		wrong = append(wrong, err)
	} else if t.one.broker.Kind == cluster.Attached && !cmd.Flags().Changed("to") {
		wrong = append(wrong, errors.New("--brokers: rates double until one is not held; say by --to how many records a second the cluster may get at the most"))
	}
	if !t.goesOn && cmd.Flags().Changed("out") {
		wrong = append(wrong, checkOut(f.out))
	}
	if err := errors.Join(wrong...); err != nil {
		return nil, err
	}
	if err := t.load(cmd, args[0], f); err != nil {
		return nil, err
	}
	k.Command = append([]string{"kbench", "knee"}, commandLine(cmd, args)...)
	if t.one = (alone{a: a, broker: t.one.broker, command: k.Command}); t.goesOn {
		return t, t.goOn(was)
	}
	if t.dir = f.out; t.dir == "" {
		t.dir = filepath.Join(runsDir, "knee-"+cluster.NewRunID())
	}
	t.search = kept.Begin(k, t.dir)
	return t, nil
}

// bounds reads where and how finely is searched.
func (f *kneeFlags) bounds(cmd *cobra.Command, k *held.Knee) error {
	var wrong []error
	rate := func(flag, text string) (v float64) {
		if !cmd.Flags().Changed(flag) {
			return 0
		}
		v, err := rateOf(text)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("--%s %s: %w", flag, text, err))
		}
		return v
	}
	k.Least, k.Most = rate("from", f.from), rate("to", f.to)
	if k.From = k.Least; k.From > 0 && k.Most > 0 && k.Most < k.From {
		wrong = append(wrong, fmt.Errorf("--to %s: it is below --from %s", f.to, f.from))
	}
	precision, written := shareOf(f.precision)
	if k.Precision = precision; !written || precision < knee.LeastPrecision || precision > knee.MostPrecision {
		wrong = append(wrong, fmt.Errorf("--precision %s: write a share from %s to %s, such as 5%%", f.precision, text.Percent(knee.LeastPrecision), text.Percent(knee.MostPrecision)))
	}
	if f.repeats < 1 || f.repeats > kept.MostTrials/4 {
		wrong = append(wrong, fmt.Errorf("--repeats %d: write a number from 1 to %d", f.repeats, kept.MostTrials/4))
	}
	if cmd.Flags().Changed("for") && f.length <= 0 {
		wrong = append(wrong, fmt.Errorf("--for %s: trials take time; write some, such as 30m", f.length))
	}
	return errors.Join(wrong...)
}

// rateOf reads a rate as workloads have it.
func rateOf(text string) (float64, error) {
	s := workloads.Default()
	if wrong := workloads.CheckField("produce.rate", text); wrong != "" {
		return 0, errors.New(wrong)
	}
	if err := s.Apply("produce.rate", text); err != nil {
		return 0, err
	}
	if s.Produce.Rate.Max {
		return 0, errors.New("that is no rate; write one such as 20000/s")
	}
	return s.Produce.Rate.PerSecond, nil
}

// objectives reads what a rate has to meet.
func (f *kneeFlags) objectives(k *held.Knee) error {
	if len(f.slo) == 0 {
		return errors.New("--slo: nothing says which rates are held; write one, such as --slo 'p99(e2e.response) < 50ms'")
	}
	var wrong []error
	for _, expr := range f.slo {
		slo, err := held.SLOOf(expr)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("--slo: %w", err))
		}
		k.SLO = append(k.SLO, slo)
	}
	return errors.Join(wrong...)
}

// defaultFirst is the first rate that is tried of a workload that has none.
const defaultFirst = 1000

// first is the rate of the workload, and what is wrong with it as one that is searched.
func (f *kneeFlags) first(name string) (float64, error) {
	for _, set := range f.sel.sets {
		if path, _, _ := strings.Cut(set, "="); path == "produce.rate" || path == "produce" || path == "gate" {
			return 0, fmt.Errorf("--set %s: the rate is what is searched, from --from on, and held is what --slo says; leave it out", set)
		}
	}
	specs, _, err := catalog.Load(name, workloads.Options{Set: f.sel.sets, CheckGate: gate.Check})
	switch {
	case err != nil:
		return 0, err
	case len(specs) != 1:
		return 0, fmt.Errorf("%s is a suite: name one of its workloads", name)
	}
	s := &specs[0]
	switch {
	case s.Kind() == workloads.Backlog:
		return 0, fmt.Errorf("%s reads what was there before: nothing is offered to it at a rate that it could hold", s.Name)
	case slices.Contains([]string{"ramp", "steps"}, s.Produce.Schedule.Kind):
		return 0, fmt.Errorf("%s offers more rates than one (produce.schedule: %s); write --set produce.schedule=constant", s.Name, s.Produce.Schedule.Kind)
	case s.Produce.Rate.Max:
		return defaultFirst, nil
	}
	return s.Produce.Rate.PerSecond, nil
}

// load reads the workload at its first rate, with what it has to meet, and says which arms
// it has.
func (t *kneeing) load(cmd *cobra.Command, name string, f *kneeFlags) error {
	k := t.k
	if k.Most > 0 {
		k.From = min(k.From, k.Most)
	}
	quoted := make([]string, len(k.SLO))
	for i, slo := range k.SLO {
		quoted[i] = fmt.Sprintf("%q", slo.Expression)
	}
	t.sel = f.sel
	t.sel.sets = append(slices.Clone(f.sel.sets), "produce.rate="+kneeRate(k.From), "gate=["+strings.Join(quoted, ", ")+"]")
	chosen, err := t.sel.load(t.a, cmd, []string{name})
	if err != nil {
		return err
	}
	t.spec, k.Seed, k.Workload = chosen.specs[0], chosen.seed, chosen.specs[0].Name
	if k.Most == 0 {
		k.Most = max(math.Floor(plan.Ceiling(t.spec)), k.From)
	}
	if len(t.sel.clients) == 0 {
		t.sel.clients = t.a.defaultClients()
	}
	trials, err := plan.Expand(chosen.specs, t.sel.clients, t.sel.lanes, plan.Rounds{Timed: 1}, k.Seed)
	if err != nil {
		return err
	}
	if err := t.arms(trials); err != nil {
		return err
	}
	if one := t.trial(); k.For > 0 && one > time.Duration(k.For) {
		return fmt.Errorf("--for %s: a trial takes about %s; give more time", time.Duration(k.For), one)
	}
	return nil
}
