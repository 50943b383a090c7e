package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/internal/ownname"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/profiles/ui"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/profiled"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/workloads/catalog"
)

// profileFlags are those of "kbench profile".
type profileFlags struct {
	profiled.Choice
	http   string
	diff   string
	top    int
	ledger bool
	export string
}

func (a *app) profileCommand() *cobra.Command {
	var o profileFlags
	cmd := &cobra.Command{
		Use:   "profile [RUN]",
		Short: "Show the profiles of a run: flame graphs, hot functions, cost by layer",
		Long: `Serves the profiles that "kbench run --profile" took, as pprof's own web pages:
flame graph, top, graph, source. Each is merged over the rounds of an arm and over
the workers of a role; the index at the printed address lists what there is and of
how many samples. RUN is a run directory or its name below runs/; without it, the
last run.

--diff A,B holds two against each other, each per million records: arms of one
client, its versions, two runs, two slices. A side is [RUN:][ARM][#SLICE], and what
it does not say is as the other flags say. Two clients share no functions, so that
of those the layers are compared.

--top and --ledger print in the terminal: the functions that have the most, and what
each layer of a client (encoding, batching, scheduler, collector, ...) costs per
record. --export writes the merged files, for "go tool pprof" and for builds
(CLIENT/default.pgo).`,
		Example: `  kbench run quick --profile cpu,heap,allocs
  kbench profile                                  flame graphs, in a browser
  kbench profile --ledger                         why is one dearer than the other?
  kbench profile --top --arm sarama --kind allocs
  kbench profile --diff sarama/range,sarama/sticky
  kbench profile tonight --diff tonight:,last-night: --arm franz-go --top
  kbench profile --export profiles`,
		Args: func(cmd *cobra.Command, args []string) error {
			// A flag that may stand without a number takes none from behind a space.
			if i := slices.IndexFunc(args, isNumber); i >= 0 && cmd.Flags().Changed("top") {
				return usagef("--top %s: write --top=%s; behind a space it is a run, and one that is called so is %s/%s", args[i], args[i], runsDir, args[i])
			}
			return arguments(0, 1, "one run")(cmd, args)
		},
		ValidArgsFunction: aRun,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := o.check(cmd); err != nil {
				return err
			}
			return a.profile(cmd.Context(), args, &o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.http, "http", "127.0.0.1:0", "`address` to serve at; without a port one that is free")
	f.StringVar(&o.diff, "diff", "", "show what one side has more than another: `A,B`, each [RUN:][ARM][#SLICE]")
	f.IntVar(&o.top, "top", 0, "print so many `functions` of each profile that have the most")
	f.Lookup("top").NoOptDefVal = "20"
	f.BoolVar(&o.ledger, "ledger", false, "print what each layer costs per record, with the arms side by side")
	f.StringVar(&o.export, "export", "", "write the merged profiles to a `directory`")
	f.StringVar(&o.Workload, "workload", "", "only of this `workload`")
	f.StringVar(&o.Arm, "arm", "", "only of this `arm`, or of all arms of this client")
	f.StringVar(&o.Role, "role", "", "only of this `role`: producer, consumer or both")
	f.StringVar(&o.Worker, "worker", "", "only of this `worker`, such as consumer-1 (default: all of a role together)")
	f.StringVar(&o.Kind, "kind", "", "only of this `kind`: cpu, heap, allocs, goroutine, mutex or block")
	f.StringVar(&o.Slice, "slice", "", "only of this `slice`: steady, rebalance, rebalance/join, catch-up, drain,\nor a phase of the members' ways through rebalances, as phase/sync")
	completes(cmd, "kind", oneWord(slices.DeleteFunc(profiles.Names(), func(kind string) bool { return !profiles.Kind(kind).IsPprof() })...))
	completes(cmd, "role", oneWord(string(results.RoleProducer), string(results.RoleConsumer), string(results.RoleBoth)))
	completes(cmd, "workload", oneWord(catalog.Names()...))
	return cmd
}

func isNumber(arg string) bool {
	_, err := strconv.Atoi(arg)
	return err == nil
}

// check says which flags do not go together.
func (o *profileFlags) check(cmd *cobra.Command) error {
	var chosen []string
	for _, name := range []string{"top", "ledger", "export", "http"} {
		if cmd.Flags().Changed(name) {
			chosen = append(chosen, "--"+name)
		}
	}
	switch {
	case len(chosen) > 1:
		return usagef("%s are different things to do; give one of them", strings.Join(chosen, " and "))
	case cmd.Flags().Changed("top") && o.top < 1:
		return usagef("--top %d: at least 1 function", o.top)
	case o.export != "" && o.diff != "":
		return usagef("--export writes profiles as they are, and --diff is of two; give one of them")
	}
	return nil
}

func (a *app) profile(ctx context.Context, args []string, o *profileFlags) error {
	run, err := a.profilesOf(args)
	if err != nil {
		return err
	}
	choice := o.Choice
	if choice.Kind == "" && o.top > 0 && o.diff == "" {
		choice.Kind = run.FirstKind()
	}
	var pairs []profiled.Pair
	var sets []*profiled.Set
	if o.diff != "" {
		pairs, err = a.pairs(run, choice, o.diff)
	} else if sets, err = run.Choose(choice); err != nil {
		err = usage(err)
	}
	if err != nil {
		return err
	}
	for _, w := range run.Warnings {
		a.complain("kbench: " + w.String())
	}
	width, colour := a.terminal()
	to := text.Options{Width: width, Color: colour}
	switch {
	case o.top > 0:
		return a.tops(sets, pairs, o.top, to)
	case o.ledger:
		return a.ledgers(sets, pairs, to)
	case o.export != "":
		files, err := profiled.Export(sets, o.export)
		for _, f := range files {
			fmt.Fprintln(a.out, f)
		}
		return err
	}
	if o.Worker == "" { // the index lists them all
		sets = run.With(sets)
	}
	index, pages, err := run.Pages(sets, pairs)
	if err != nil {
		return err
	}
	return a.serve(ctx, o.http, run.ID, ui.Handler(index, pages))
}

// profilesOf loads those of a run; that it has none is an error that says how to get some.
func (a *app) profilesOf(args []string) (*profiled.Run, error) {
	dir, err := openRun(args)
	if err != nil {
		return nil, err
	}
	if at := dir.Run().Reduced; at != "" {
		return nil, usagef("%s has no profiles any more: its raw files were removed (%s)", dir.Path(), at)
	}
	run, err := profiled.Load(dir)
	if err != nil {
		return nil, err
	}
	if len(run.Sets) == 0 {
		err := run.Missing(dir.Run().Command)
		for _, w := range run.Warnings {
			err = fmt.Errorf("%w\n%s", err, w)
		}
		return nil, err
	}
	return run, nil
}

// pairs finds the two sides of a difference.
func (a *app) pairs(run *profiled.Run, choice profiled.Choice, diff string) ([]profiled.Pair, error) {
	left, right, err := profiled.ParseDiff(diff)
	if err != nil {
		return nil, usagef("--diff: %w", err)
	}
	var sets [2][]*profiled.Set
	for i, side := range []profiled.Side{left, right} {
		of := run
		if side.Run != "" {
			if of, err = a.profilesOf([]string{side.Run}); err != nil {
				return nil, err
			}
		}
		if sets[i], err = of.Choose(choice.Of(side)); err != nil {
			return nil, usagef("--diff: %w", err)
		}
	}
	pairs, err := profiled.Pairs(sets[0], sets[1], left.Arm == "" && right.Arm == "")
	if err != nil {
		return nil, usagef("--diff %s: %w", diff, err)
	}
	return pairs, nil
}

// tops prints the functions of sets or of differences. Of two clients it prints layers.
func (a *app) tops(sets []*profiled.Set, pairs []profiled.Pair, lines int, to text.Options) error {
	var tops []*profiled.Top
	var foreign []profiled.Pair
	for _, s := range sets {
		t, err := s.Top()
		if err != nil {
			return err
		}
		tops = append(tops, t)
	}
	for _, p := range pairs {
		if !p.SameClient() {
			foreign = append(foreign, p)
			continue
		}
		t, err := p.Top()
		if err != nil {
			return err
		}
		tops = append(tops, t)
	}
	if err := text.Tops(a.raw, tops, lines, to); err != nil {
		return err
	}
	if len(foreign) > 0 {
		return a.ledgers(nil, foreign, to)
	}
	return nil
}

// ledgers prints those of sets, or of the two sides of differences.
func (a *app) ledgers(sets []*profiled.Set, pairs []profiled.Pair, to text.Options) error {
	var notes []string
	if len(pairs) > 0 {
		sets, notes = profiled.Sides(pairs)
	}
	ls, err := profiled.Ledgers(sets)
	if err != nil {
		return usage(err)
	}
	return text.Ledgers(a.raw, ls, notes, to)
}

// serve serves until it is interrupted.
func (a *app) serve(ctx context.Context, address, id string, h http.Handler) error {
	if !strings.Contains(address, ":") {
		address += ":0"
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("serve profiles at %s: %w; choose another address with --http", address, err)
	}
	ctx, ended := a.inOrder(ctx)
	defer ended()
	server := &http.Server{Handler: ownname.Only(l, h), ReadHeaderTimeout: 10 * time.Second}
	fmt.Fprintf(a.out, "profiles of run %s: http://%s/\n", id, l.Addr())
	fmt.Fprintln(a.errOut, "Ctrl-C ends it")
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
