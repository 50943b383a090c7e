package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/launch"
)

// cleanLimit bounds each part of a clean in which nobody is asked.
const cleanLimit = 2 * time.Minute

func (a *app) cleanCommand() *cobra.Command {
	var (
		broker   brokerFlags
		run      string
		dry, yes bool
	)
	cmd := &cobra.Command{
		Use:   "clean --brokers host:port",
		Short: "Remove the topics and groups that a killed run left on a cluster",
		Long: `Removes from an existing cluster what runs left there that were killed. While a
run lives it holds a lease there, a topic called kbench-<run>-lease, which names
the topics and groups that it makes. Only what the lease of a dead run names is
removed, after a question. What is left alone is named, with the reason: runs
that live, groups with members, what was kept with --keep (name its run with
--run to remove it), leases that cannot be read, and whatever is called kbench-...
without a lease. To see who lives takes 10 s.

Exit codes: 0 done, or nothing to do, 1 something could not be removed or the run
of --run is left alone, 2 usage, or nobody to ask and no --yes.`,
		Example: `  kbench clean --brokers kafka-1:9092 --dry-run   what would be removed
  kbench clean --brokers kafka-1:9092
  kbench clean --brokers kafka-1:9092 --run 20261129-101500-0abc --yes`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if len(broker.Brokers) == 0 && !cmd.Flags().Changed("brokers") {
				return usagef("kbench clean: say which cluster: --brokers host:port")
			}
			o, err := broker.options(cmd)
			switch {
			case err != nil:
				return usage(err)
			case cmd.Flags().Changed("run") && !cluster.IsRunID(run):
				return usagef("--run %s: a run is called as its directory is by default, such as 20261129-101500-0abc", run)
			case dry && yes:
				return usagef("--dry-run only says, --yes removes; give one of them")
			case !dry && !yes && !a.person():
				return usagef("kbench clean: there is no terminal to ask on before anything is removed; give --yes, or see with --dry-run what it would be")
			}
			c, err := cluster.Start(cmd.Context(), o, launch.Local{}, nil)
			if err != nil {
				return err
			}
			defer func() { _ = c.Stop(context.Background()) }()
			left, err := a.survey(cmd.Context(), c, run)
			if err != nil {
				return err
			}
			if len(left) == 0 {
				fmt.Fprintln(a.out, "nothing to remove")
				return nil
			}
			if !dry && !yes && !a.agreed(left) {
				fmt.Fprintln(a.out, "nothing was removed")
				return nil
			}
			return a.remove(cmd.Context(), c, left, dry)
		},
	}
	broker.addAttached(cmd)
	f := cmd.Flags()
	f.StringVar(&run, "run", "", "only what the `run` of this name left, also where it was to be kept")
	completes(cmd, "run", runName)
	f.BoolVar(&dry, "dry-run", false, "only say what would be removed")
	f.BoolVar(&yes, "yes", false, "ask nobody")
	return cmd
}

// person says whether somebody can be asked.
func (a *app) person() bool {
	f, ok := a.in.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// survey returns what is to be removed, and says what is left alone. That the one run
// that was asked for is left alone is an error.
func (a *app) survey(ctx context.Context, c *cluster.Cluster, run string) ([]*cluster.Leftover, error) {
	ctx, cancel := context.WithTimeout(ctx, cleanLimit)
	defer cancel()
	left, others, err := c.Survey(ctx, run)
	if err != nil {
		return nil, err
	}
	if run != "" && len(left) == 0 {
		return nil, fmt.Errorf("there is no lease of run %s on the cluster: it has removed what it made, or never was here", run)
	}
	var rest []*cluster.Leftover
	for _, l := range left {
		switch {
		case l.Alone == "" || l.Keep && run != "":
			rest = append(rest, l)
		case run != "":
			return nil, fmt.Errorf("run %s is left alone: %s", run, l.Alone)
		case l.Keep:
			fmt.Fprintf(a.out, "left alone: run %s: %s; --run %s removes it\n", ofWhom(l), l.Alone, l.Run)
		default:
			fmt.Fprintf(a.out, "left alone: run %s: %s\n", ofWhom(l), l.Alone)
		}
		for _, name := range l.Foreign {
			fmt.Fprintf(a.out, "left alone: topic %s: run %s made one of that name, and this is another\n", name, l.Run)
		}
	}
	for _, what := range others {
		fmt.Fprintf(a.out, "left alone: %s: no lease names it\n", what)
	}
	return rest, nil
}

// ofWhom is a run with whose it is, as far as its lease could be read.
func ofWhom(l *cluster.Leftover) string {
	if l.State == "" {
		return l.Run
	}
	return fmt.Sprintf("%s (%s)", l.Run, l.Whose())
}

// agreed asks a person.
func (a *app) agreed(left []*cluster.Leftover) bool {
	topics, groups := 0, 0
	for _, l := range left {
		fmt.Fprintf(a.errOut, "run %s, last heard of %s:\n", ofWhom(l), l.Renewed.UTC().Format("2006-01-02 15:04:05 UTC"))
		for _, what := range names(l) {
			fmt.Fprintf(a.errOut, "  %s\n", what)
		}
		topics += len(l.Topics) + 1
		groups += len(l.Groups)
	}
	whose := "of run " + left[0].Run
	if len(left) > 1 {
		whose = "of " + quantity(len(left), "run")
	}
	fmt.Fprintf(a.errOut, "Remove these %s and %s, %s? [y/N] ", quantity(topics, "topic"), quantity(groups, "group"), whose)
	answer, _ := bufio.NewReader(a.in).ReadString('\n') // no answer is none
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(answer)))
}

// names lists what is removed of a run, in that order.
func names(l *cluster.Leftover) (all []string) {
	for _, g := range l.Groups {
		all = append(all, "group "+g)
	}
	for _, t := range l.Topics {
		all = append(all, "topic "+t)
	}
	return append(all, "topic "+l.LeaseTopic())
}

// remove removes what runs left, or says what it would.
func (a *app) remove(ctx context.Context, c *cluster.Cluster, left []*cluster.Leftover, dry bool) error {
	var errs []error
	for _, l := range left {
		if dry {
			for _, what := range names(l) {
				fmt.Fprintf(a.out, "would remove %s\n", what)
			}
			continue
		}
		bounded, cancel := context.WithTimeout(ctx, cleanLimit)
		errs = append(errs, c.Remove(bounded, l, func(what string) { fmt.Fprintf(a.out, "removed %s\n", what) }))
		cancel()
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("not removed:\n%w", err)
	}
	return nil
}
