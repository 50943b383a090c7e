package cli

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/build"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/results/summary"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// trying runs one workload for one client at a time, a trial each, to see whether it
// meets its gates.
type trying struct {
	a      *app
	cmd    *cobra.Command // with the flags of the run
	sel    selection
	names  []string
	broker cluster.Options
	spec   workloads.Spec
	seed   uint64
	trials int           // so far
	length time.Duration // of a trial
	out    string        // where run directories go

	broken map[string]string // clients that cannot be had, and why
}

// trying reads a workload with flags of a run behind it, as bisect and replay take it.
func (a *app) trying(outer *cobra.Command, client string, args []string) (*trying, error) {
	t := &trying{a: a, broken: map[string]string{}, cmd: &cobra.Command{Use: "run", SilenceErrors: true, SilenceUsage: true}}
	var broker brokerFlags
	var gates []string
	t.sel.add(a, t.cmd)
	broker.add(t.cmd)
	broker.addAttached(t.cmd)
	t.cmd.Flags().StringArrayVar(&gates, "gate", nil, "")
	t.cmd.SetContext(outer.Context())
	t.cmd.SetErr(a.errOut)
	if err := t.cmd.ParseFlags(args); err != nil {
		return nil, flagError(t.cmd, err)
	}
	for _, name := range []string{"client", "aa", "rounds", "profile", "profile-rounds"} {
		if t.cmd.Flags().Changed(name) {
			return nil, fmt.Errorf("--%s: versions are tried one at a time, a trial each; leave it out", name)
		}
	}
	if t.names = t.cmd.Flags().Args(); len(t.names) != 1 {
		return nil, fmt.Errorf("one workload is tried, not %q", t.names)
	}
	var err error
	if t.broker, err = broker.options(t.cmd); err != nil {
		return nil, err
	}
	if len(gates) > 0 {
		quoted := make([]string, len(gates))
		for i, g := range gates {
			quoted[i] = fmt.Sprintf("%q", g)
		}
		t.sel.sets = append(t.sel.sets, "gate=["+strings.Join(quoted, ", ")+"]")
	}
	if !slices.Contains(build.Names(), client) {
		return nil, fmt.Errorf("%s: other versions can be had of %s", client, strings.Join(build.Names(), ", "))
	}
	t.sel.clients = []string{client}
	chosen, err := t.sel.load(a, t.cmd, t.names)
	if err != nil {
		return nil, err
	}
	if len(chosen.specs) != 1 {
		return nil, fmt.Errorf("%s is a suite: name one of its workloads", t.names[0])
	}
	t.spec, t.seed = chosen.specs[0], chosen.seed
	if len(t.spec.Gate) == 0 {
		return nil, fmt.Errorf("%s has no gate: write --gate, such as --gate 'audit.lost == 0'", t.spec.Name)
	}
	trials, err := t.planned(client, 0)
	t.length = a.duration(trials).Round(time.Second)
	return t, err
}

// planned is the one trial of the workload for a client, the n-th that is tried.
func (t *trying) planned(client string, n int) ([]plan.Trial, error) {
	trials, err := plan.Expand([]workloads.Spec{t.spec}, []string{client}, t.sel.lanes, plan.Rounds{Timed: 1}, t.seed+uint64(n))
	if err == nil && len(trials) != 1 {
		var arms []string
		for i := range trials {
			arms = append(arms, trials[i].Arm.Name)
		}
		err = fmt.Errorf("%s has more than one arm, %s: fix what they differ in by --set", t.spec.Name, strings.Join(arms, ", "))
	}
	return trials, err
}

// try runs a trial of a client into a directory and fills in what came of it. skip says
// that the client cannot do it. An error ends the whole.
func (t *trying) try(ctx context.Context, client, dir string, s *step) (skip bool, err error) {
	if why := t.have(ctx, client); why != "" {
		s.Why = why
		return true, ctx.Err()
	}
	t.trials++
	trials, err := t.planned(client, t.trials)
	if err != nil {
		return false, err
	}
	trial := &trials[0]
	if _, refused := arm.Plan(&trial.Spec, drivers.Mode(trial.Arm.Lane), drivers.Find(t.a.table, client), drivers.Find(t.a.table, conduct.Reference)); refused != "" {
		s.Why = "it cannot do the workload: " + refused
		return true, nil
	}
	for _, act := range trial.Acts {
		if act.Counted {
			s.Events++
		}
	}
	s.Run = filepath.Join(t.out, dir)
	one := alone{a: t.a, broker: t.broker, command: append([]string{"kbench"}, t.a.args...)}
	_, sum, failed, err := one.run(ctx, &t.spec, trial, t.seed+uint64(t.trials), s.Run)
	if err != nil {
		return false, err
	}
	s.Verdict, s.Figures, s.Why = verdictOf(sum.Gates, text.GateArm)
	if failed != nil {
		s.Verdict, s.Why = results.NotDecided, "the trial failed: "+failed.Error()
	}
	return false, nil
}

// alone runs trials that are each a run of their own.
type alone struct {
	a       *app
	broker  cluster.Options
	command []string
}

// run runs a trial into a directory, and sums it up. failed is why the trial did; an error
// ends the whole.
func (s *alone) run(ctx context.Context, spec *workloads.Spec, trial *plan.Trial, seed uint64, out string) (run *results.Dir, sum *results.Summary, failed, err error) {
	trials := []plan.Trial{*trial}
	bo := s.broker
	bo.OnDisk, _ = s.a.onDisk(trials, bo, launch.Here{}.Machine().MemBytes)
	bo.Props = sampled(bo, trials)
	progress := newProgress(s.a.rawErr, s.a.expected(trials))
	bo.Progress = progress.Step
	run, failed = conduct.Run(ctx, conduct.Options{
		ID: cluster.NewRunID(), Out: out, Seed: seed, Specs: []workloads.Spec{*spec}, Trials: trials, Broker: bo, Idle: conduct.Idle,
		Command: s.command, Table: s.a.table, Launcher: launch.Local{}, Self: s.a.self, Progress: progress,
	})
	progress.close()
	if errors.Is(failed, conduct.ErrInterrupted) || run == nil {
		return nil, nil, nil, failed
	}
	sum, err = summary.Write(run)
	return run, sum, failed, err
}

// have builds a client, once; why is why it cannot be had.
func (t *trying) have(ctx context.Context, client string) (why string) {
	if slices.Contains(t.a.clientNames(), client) {
		return ""
	}
	if why := t.broken[client]; why != "" {
		return why
	}
	wants, wrong := t.a.versions([]string{client})
	if len(wrong) == 0 {
		if err := t.a.have(ctx, wants); err != nil {
			wrong = append(wrong, strings.TrimPrefix(err.Error(), "--client "+client+": "))
		}
	}
	t.broken[client] = strings.Join(wrong, "; ")
	return t.broken[client]
}
