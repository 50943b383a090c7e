package cli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads/plan"
)

// orResumed lets a run that goes on have no arguments: they are those of its own command.
func orResumed(args cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if cmd.Flags().Changed("resume") && len(given) == 0 {
			return nil
		}
		return args(cmd, given)
	}
}

// resume opens a run that is to go on, and gives the command the flags and arguments
// which that was started with: what a run means is said once. It is nil where none goes on.
func (a *app) resume(cmd *cobra.Command, args []string, name string) (*results.Dir, []string, error) {
	if !cmd.Flags().Changed("resume") {
		return nil, args, nil
	}
	own := 0
	cmd.Flags().Visit(func(*pflag.Flag) { own++ })
	if len(args) > 0 || own > 1 {
		return nil, nil, usagef("--resume stands alone: workloads and flags are those that the run was started with")
	}
	path, err := findRun([]string{name})
	if err != nil {
		return nil, nil, usagef("--resume %w", err)
	}
	dir, err := results.Open(path)
	var damage *results.Damage
	switch {
	case errors.As(err, &damage):
		return nil, nil, err
	case err != nil:
		return nil, nil, usage(err)
	}
	if at := dir.Run().Reduced; at != "" {
		return nil, nil, usagef("--resume %s: its raw files were removed (%s); run it anew", path, at)
	}
	if err := results.InUse(path); err != nil {
		return nil, nil, usagef("--resume %w", err)
	}
	words := dir.Run().Command // kbench run ...
	if len(words) < 3 {
		return nil, nil, usagef("--resume %s: it does not say which command it was started with", path)
	}
	if err := cmd.ParseFlags(words[2:]); err != nil {
		return nil, nil, usagef("--resume %s: its command is of another kbench: %w", path, err)
	}
	// The seed was drawn then; now it is given.
	return dir, cmd.Flags().Args(), cmd.Flags().Set("seed", fmt.Sprint(dir.Run().Seed))
}

// followed is a selection with what followed the planned trials of a run, too, which its
// command alone does not tell.
func followed(run *results.Run, chosen *selected) (*selected, error) {
	var were []plan.Was
	for _, ref := range run.Order[min(len(chosen.trials), len(run.Order)):] {
		were = append(were, plan.Was{Workload: ref.Workload, Arm: ref.Arm, Round: ref.Round, Profiled: ref.Profiled, Repeat: ref.Repeat})
	}
	all, err := plan.Followed(chosen.trials, chosen.seed, were)
	if err != nil {
		return nil, usagef("--resume: what followed the planned trials cannot be planned again: %w", err)
	}
	out := *chosen
	out.trials = all
	return &out, nil
}

// left is a selection with the trials that are still to run, of a run that goes on, which
// may be none where others follow. Its error says why it cannot.
func (a *app) left(dir *results.Dir, chosen *selected, follows bool) (*selected, error) {
	if dir == nil {
		return chosen, nil
	}
	if why := conduct.Other(dir, chosen.specs, chosen.trials, a.table, launch.Here{}.Machine()); why != "" {
		return nil, usagef("--resume %s: %s; run it anew", dir.Path(), why)
	}
	left, err := conduct.Left(dir, chosen.trials)
	switch {
	case err != nil:
		return nil, err
	case len(left) == 0 && (!follows || dir.Run().State == results.StateComplete):
		return nil, usagef("--resume %s: all of its trials were run; \"kbench report %s\" shows them", dir.Path(), dir.Path())
	}
	out := *chosen
	out.trials = left
	return &out, nil
}
