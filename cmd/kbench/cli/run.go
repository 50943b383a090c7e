package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/live"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/results/summary"
	"github.com/kbench/kbench/workloads/plan"
)

// runsDir is where run directories go unless --out says otherwise.
const runsDir = "runs"

// runFlags are the flags of run.
type runFlags struct {
	broker brokerFlags
	sel    selection
	number roundFlags
	watch  string
	out    string
	keep   bool
	rows   bool
	force  bool
	resume string
	enough int64
	cpus   string
}

func (a *app) runCommand() *cobra.Command {
	var flags runFlags
	cmd := &cobra.Command{
		Use:   "run WORKLOAD...",
		Short: "Run workloads and print what came out",
		Long: `Runs every workload (a name from "kbench list" or a file) once per client and
round, each trial in fresh processes on a fresh topic and group. Raw files and
results go to a run directory; "kbench report" rebuilds the results from it.

Exit codes: 0 every trial was completed, 1 a trial failed or was not as planned,
whatever its gates say, 2 usage or a bad workload, 3 a gate of the workload was
not met, 5 none was missed but one could not be decided, such as one against a
baseline ("kbench gate" decides it), 130 interrupted.`,
		Example: `  kbench run quick
  kbench run produce-max --client franz-go,sarama --rounds 5
  kbench run churn-join --client franz-go --full
  kbench run end-to-end --broker kafka --nodes 3 --set produce.rate=5000/s
  kbench run my-workload.yaml --brokers kafka-1:9092 --profile cpu,heap
  kbench run produce-max --for 1h
  kbench run end-to-end --until 2% --rounds 40
  kbench run produce-max --broker kafka --nodes 1 --cpus client=0,broker=1
  kbench run --resume 20260102-150405-1a2b`,
	}
	flags.sel.add(a, cmd)
	flags.number.add(cmd)
	cmd.Args = orResumed(cmd.Args)
	flags.broker.add(cmd)
	flags.broker.addAttached(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.keep, "keep", false, "leave topics and groups on the existing cluster")
	f.Int64Var(&flags.enough, "until-samples", 0, fmt.Sprintf("with --profile cpu, let rounds of profiles follow until the rebalances of\nevery arm of a workload with churn have `n` samples, %d rounds at the most", mostAgain))
	f.StringVar(&flags.watch, "live", "", "`address` at which running workers can be looked at with pprof, as :6060 on this\nmachine alone; :0 takes any port")
	f.StringVar(&flags.cpus, "cpus", "", "tie processes to `CPUs` by their part: client=0,broker=1-2, also reference (the\nreference producer) and supervisor (kbench itself, with what looks on);\nLinux only")
	f.StringVar(&flags.out, "out", "", "run `directory` (default "+runsDir+"/<id>)")
	f.StringVar(&flags.resume, "resume", "", "go on with this `run`, which was cut off: run those of its trials that were\nnot completed, as its own command says")
	f.BoolVar(&flags.force, "force", false, "run what takes more memory than this machine has, too")
	f.BoolVar(&flags.rows, "json", false, "print summary.json instead of tables")
	completes(cmd, "for", oneWord("30m", "1h", "8h"))
	completes(cmd, "until", oneWord("1%", "2%", "5%"))
	completes(cmd, "cpus", partsOfCPUs)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		w, err := a.wanted(cmd, args, &flags)
		if err != nil {
			return err
		}
		chosen, bo := w.chosen, w.bo
		machine := launch.Here{}.Machine().MemBytes
		var stored []string
		bo.OnDisk, stored = a.onDisk(chosen.trials, bo, machine)
		need := needsOf(chosen.trials, bo)
		if err := need.refusal(machine); err != nil && !flags.force {
			return usage(err)
		}
		id := cluster.NewRunID()
		out := outOf(flags.out, id, w.goesOn)
		bo.Props = sampled(bo, chosen.trials)
		var looked conduct.Live // nil, unless somebody may look
		if cmd.Flags().Changed("live") {
			shown, err := live.Listen(flags.watch)
			if err != nil {
				return usage(fmt.Errorf("--live: %w", err))
			}
			defer shown.Close()
			looked, stored = shown, append(stored, a.lookAt(shown, chosen.trials[0]))
		}
		toRun, err := a.left(w.goesOn, chosen, w.q != nil || w.retry)
		if err != nil {
			return err
		}
		a.announce(toRun, a.length(w.q, chosen, toRun), id, bo, flags.keep, need, machine, stored)
		progress := newProgress(a.rawErr, a.expected(toRun.trials))
		defer progress.close()
		follow := a.follow(w.q, w.retry, chosen.seed, progress.say)
		follow.goesOn(toRun.trials, chosen.trials)
		asked := asker(chosen.trials, func(next []plan.Trial) { progress.further(a.expected(next)) }, follow, w.more)
		bo.Progress = progress.Step
		ctx, ended := a.inOrder(cmd.Context())
		heard := context.AfterFunc(ctx, progress.interrupted)
		dir, err := conduct.Run(ctx, conduct.Options{
			ID: id, Out: out, Seed: chosen.seed, Suite: chosen.suite, Specs: chosen.specs, Trials: chosen.trials, Again: asked, Sequence: w.q, Resume: w.goesOn != nil,
			Broker: bo, Profiles: chosen.profiles, Hz: chosen.hz, Keep: flags.keep, Idle: conduct.Idle, CPUs: w.cpus, Command: append([]string{"kbench", "run"}, commandLine(cmd, w.args)...),
			Table: a.table, Launcher: launch.Local{}, Self: a.self, Progress: a.asDone(progress, out, chosen.trials, flags.rows || asked != nil), Live: looked,
		})
		progress.close()
		w.more.tell(a.complain)
		follow.tell(a.complain)
		heard()
		ended()
		if dir == nil {
			return usage(err)
		}
		as := asTables
		if flags.rows {
			as = asRows
		}
		err = a.show(dir, as, err)
		if flags.keep {
			fmt.Fprintf(a.errOut, "\nThe topics and groups stay on the cluster; \"kbench clean --run %s\" removes them.\n", id)
		}
		fmt.Fprintf(a.errOut, "\nEverything is in %s; \"kbench report %s\" prints this again.\n", dir.Path(), dir.Path())
		return err
	}
	return cmd
}

// wanted is what a command line asks for.
type wanted struct {
	goesOn *results.Dir // the run that goes on; nil where none does
	args   []string
	chosen *selected
	bo     cluster.Options
	q      *results.Sequence // nil: the number of rounds is given
	retry  bool
	more   *until
	cpus   map[string]launch.CPUSet
}

// wanted reads the command line. Its error is the user's to mend, and has all that is
// wrong.
func (a *app) wanted(cmd *cobra.Command, args []string, f *runFlags) (w *wanted, err error) {
	w = &wanted{}
	if w.goesOn, w.args, err = a.resume(cmd, args, f.resume); err != nil {
		return nil, err
	}
	f.sel.open = f.number.open(cmd)
	var errs [5]error
	w.q, errs[0] = f.number.sequence(cmd, f.sel.rounds)
	w.chosen, errs[1] = f.sel.load(a, cmd, w.args)
	w.bo, errs[2] = f.broker.options(cmd)
	w.more, errs[3] = untilSamples(cmd, f.enough, w.chosen)
	w.cpus, errs[4] = pinned(cmd, f.cpus)
	wrong := errors.Join(errs[:]...)
	if w.goesOn == nil && cmd.Flags().Changed("out") {
		wrong = errors.Join(wrong, checkOut(f.out))
	}
	if f.keep && len(f.broker.Brokers) == 0 {
		wrong = errors.Join(wrong, errors.New("--keep goes with --brokers: a broker that kbench starts ends with the run"))
	}
	if wrong == nil {
		wrong = errors.Join(a.waitable(w.q, w.chosen), conduct.Refused(w.bo, w.chosen.trials))
	}
	if wrong == nil {
		wrong = a.pin(cmd, f.cpus, w.cpus, &w.bo, w.chosen.trials)
	}
	if wrong != nil {
		return nil, usage(wrong)
	}
	if w.goesOn != nil {
		if w.chosen, err = followed(w.goesOn.Run(), w.chosen); err != nil {
			return nil, err
		}
		if was := w.goesOn.Run().Sequence; was != nil && w.q != nil {
			w.q = was
		}
	}
	w.retry = w.q == nil && f.number.retry || w.q != nil && w.q.Retry
	return w, nil
}

// sampled is what a broker is told for samples alone. A coordinator of Apache Kafka
// waits 3 s for members of an empty group, and as long again where one came: a fifth of
// the time of quick. The title of the broker says so.
func sampled(bo cluster.Options, trials []plan.Trial) map[string]string {
	if bo.Kind != cluster.Kafka || slices.ContainsFunc(trials, func(t plan.Trial) bool { return !t.Spec.Sample }) {
		return bo.Props
	}
	props := map[string]string{"group.initial.rebalance.delay.ms": "500"}
	maps.Copy(props, bo.Props)
	return props
}

// lookAt says where running workers can be looked at, with a line to copy.
func (a *app) lookAt(s *live.Server, first plan.Trial) string {
	name := "producer-0"
	switch {
	case a.brokerless(first.Arm.Client):
		name = "both-0"
	case first.Spec.Produce.By == "reference":
		name = "consumer-0"
	}
	return fmt.Sprintf("live: %s/ shows what runs; to look at %s:\n  go tool pprof '%s'", s.URL(), first.Arm.Name, s.PprofURL(first.Arm.Name, name))
}

// outOf is the directory of a run: that of one which goes on, what the user says, or one
// of its name.
func outOf(out, id string, goesOn *results.Dir) string {
	switch {
	case goesOn != nil:
		return goesOn.Path()
	case out == "":
		return filepath.Join(runsDir, id)
	default:
		return out
	}
}

// checkOut says what is wrong with a run directory of the user's choice as far
// as that shows without making it.
func checkOut(dir string) error {
	if dir == "" {
		return errors.New("--out: there is no directory in it; name one, or leave the flag out")
	}
	entries, err := os.ReadDir(dir)
	if err := results.InUse(dir); err != nil {
		return fmt.Errorf("--out %w; choose a new directory", err)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("--out %s: %w; choose a new directory", dir, err)
	case len(entries) > 0:
		return fmt.Errorf("--out %s: it is not empty (it holds %s); choose a new directory", dir, entries[0].Name())
	}
	return nil
}

// announce says what is going to happen, to a person.
func (a *app) announce(s *selected, parts []string, id string, bo cluster.Options, keep bool, need needs, machine int64, also []string) {
	parts = append(parts, a.demand(s.trials, bo, keep)...)
	fmt.Fprintf(a.errOut, "run %s: %s, seed %d\n", id, strings.Join(append(parts, need.String()), ", "), s.seed)
	if w := need.warning(machine); w != "" {
		also = append(also, w)
	}
	for _, line := range slices.Concat(also, a.sameLanes(s.trials), beyond(s.trials, runsDir)) {
		fmt.Fprintln(a.errOut, line)
	}
}

func quantity(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20))
	default:
		return fmt.Sprintf("%.0f KiB", float64(n)/(1<<10))
	}
}

// shape is how results are printed.
type shape int

const (
	asTables shape = iota
	asRows         // summary.json
	asModel        // what the tables are made of
)

// show derives the results of a run from its raw files, prints them, and says what the
// whole comes to, after how the run went.
func (a *app) show(dir *results.Dir, as shape, ran error) (shown error) {
	s, err := summary.Write(dir)
	var unwritten *summary.Unwritten
	switch {
	case errors.As(err, &unwritten) && unwritten.MayNot():
		fmt.Fprintf(a.errOut, "kbench: what is shown is not kept in the run directory, which may not be written: %v\n", err)
	case s == nil:
		return errors.Join(ran, err)
	case err != nil:
		defer func() { shown = errors.Join(err, shown) }()
	}
	if err := a.print(dir, s, as); err != nil && !unheard(a.raw, err) {
		return errors.Join(ran, err)
	}
	if err := sound(s); err != nil {
		return errors.Join(ran, err)
	}
	gates := met(s.Gates)
	if ran == nil || gates == nil {
		return cmp.Or(ran, gates)
	}
	// Where trials are missing, what gates say of the others is not the result.
	return fmt.Errorf("%w\n%s", ran, gates.Error())
}

func (a *app) print(dir *results.Dir, s *results.Summary, as shape) error {
	trials, err := dir.Trials()
	if err != nil {
		return err
	}
	run := stateOf(dir)
	switch as {
	case asRows:
		return a.json(s)
	case asModel:
		return a.json(report.Build(run, trials, s))
	default:
		width, colour := a.terminal()
		model, o := report.Build(run, trials, s), text.Options{Width: width, Color: colour}
		o.Above = a.above(model, o)
		return errors.Join(text.Write(a.raw, model, o), text.Compared(a.raw, compare.Of(run, s), o))
	}
}

// sound is an error where figures are not given because of a defect of kbench or of
// files of the run directory.
func sound(s *results.Summary) error {
	var damaged []string
	for _, w := range s.Warnings {
		switch w.Kind {
		case results.KindBrokenSum:
			return errors.New(w.String())
		case results.KindDamaged:
			damaged = append(damaged, w.String())
		}
	}
	if n := len(damaged); n > 0 {
		const shown = 20
		if n > shown {
			damaged = append(damaged[:shown], fmt.Sprintf("and %d more in %s", n-shown, results.SummaryFile))
		}
		return fmt.Errorf("the run directory is damaged:\n  %s", strings.Join(damaged, "\n  "))
	}
	return nil
}

// json prints a value as the files of a run directory have it.
func (a *app) json(v any) error {
	data, err := results.EncodeJSON(v)
	if err != nil {
		return err
	}
	_, err = a.out.Write(data)
	return err
}

// met maps the gates of a run to an exit code: one that is not met says more than
// one that could not be decided.
func met(gates []results.Gate) error {
	by := map[results.Verdict][]string{}
	for _, g := range gates {
		by[g.Verdict] = append(by[g.Verdict], g.Workload+": "+g.Expression)
	}
	open := by[results.NotDecided]
	said := "gates not decided: " + strings.Join(open, "; ")
	if missed := by[results.NotMet]; len(missed) > 0 {
		not := "gates not met: " + strings.Join(missed, "; ")
		if len(open) > 0 {
			not += "; " + said
		}
		return gateError{errors.New(not), ExitGate}
	}
	if len(open) > 0 {
		return gateError{errors.New(said), ExitUndecided}
	}
	return nil
}

// terminal is the width of the terminal and whether to use colour there; a pipe
// has the width that reports are made for, and none.
func (a *app) terminal() (width int, colour bool) {
	f, ok := a.raw.(*os.File)
	ok = ok && term.IsTerminal(int(f.Fd()))
	return a.width(100), ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// width is that of the terminal; without one what COLUMNS says, and otherwise as given.
func (a *app) width(otherwise int) int {
	if f, ok := a.raw.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	if w, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && w > 0 {
		return w
	}
	return otherwise
}

// commandLine is what the user wrote, for run.json. Flags hold no secrets:
// credentials come from a file or the environment.
func commandLine(cmd *cobra.Command, args []string) []string {
	out := append([]string{}, args...)
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if list, ok := f.Value.(pflag.SliceValue); ok && f.Changed {
			for _, v := range list.GetSlice() {
				out = append(out, "--"+f.Name+"="+v)
			}
		} else if f.Changed {
			out = append(out, "--"+f.Name+"="+f.Value.String())
		}
	})
	return out
}
