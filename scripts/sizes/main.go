// Command sizes runs groups of growing size, with twice as many partitions as
// members, and measures what a member costs in the harness and what the same
// client costs in a bare process of its own: memory, CPU, threads, goroutines.
//
// Each size and client is run twice. First as a trial of kbench: a reference
// producer, the group, and a join, a leave and a crash once it is stable. Then as
// so many bare processes of the same client with the same settings, which read
// and mark and do nothing else, behind a producer of the same rate. Figures of
// both are from a quiet stretch in which every partition delivers. Both sides are
// this program, run again with another argument, so that the text of the program
// is the same and shared alike.
//
// It exits 1 where a run failed, a record was lost or a partition did not
// deliver. The figures themselves are for people to judge.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/kbench/kbench/cmd/kbench/cli"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/scripts/bare"
)

func main() {
	bare.Roles() // this program is both sides, too
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// options are the flags.
type options struct {
	sizes    []int
	clients  []string
	broker   string
	nodes    int
	rate     float64 // records a second and partition
	window   time.Duration
	out      string // where the runs go
	keep     bool
	progress io.Writer
}

// run returns the exit code: 0, 1 where something failed, 2 for wrong flags, 130
// when interrupted.
func run(args []string, out, errOut io.Writer) int {
	o, err := parse(args, errOut)
	if errors.Is(err, flag.ErrHelp) {
		return cli.ExitOK
	}
	if err != nil {
		fmt.Fprintln(errOut, "sizes:", err)
		return cli.ExitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	code := cli.ExitOK
	var cells []cell
	for _, n := range o.sizes {
		for _, client := range o.clients {
			if ctx.Err() != nil {
				break
			}
			c := cell{Members: n, Client: client}
			if err := o.measure(ctx, &c); err != nil {
				c.Failed = err.Error()
				fmt.Fprintf(errOut, "sizes: %d members, %s: %v\n", n, client, err)
			}
			if !c.ok() {
				code = cli.ExitFailed
			}
			cells = append(cells, c)
		}
	}
	if err := writeTable(out, cells, o); err != nil {
		fmt.Fprintln(errOut, "sizes: print the result:", err)
		code = cli.ExitFailed
	}
	if ctx.Err() != nil {
		code = cli.ExitInterrupted
	}
	if !o.keep && code == cli.ExitOK {
		if err := os.RemoveAll(o.out); err != nil {
			fmt.Fprintln(errOut, "sizes:", err)
		}
	} else {
		fmt.Fprintln(errOut, "sizes: the runs are in", o.out)
	}
	return code
}

// leastRate leaves no second without a record, though one comes late.
const leastRate = 2

func parse(args []string, errOut io.Writer) (o options, err error) {
	f := flag.NewFlagSet("sizes", flag.ContinueOnError)
	f.SetOutput(errOut)
	var sizes, clients string
	f.StringVar(&sizes, "members", "3,10,30,100", "sizes of the group")
	f.StringVar(&clients, "client", "franz-go,sarama,kafka-go", "clients")
	f.StringVar(&o.broker, "broker", cluster.Embedded, "embedded or kafka")
	f.IntVar(&o.nodes, "nodes", 1, "nodes of the broker")
	f.Float64Var(&o.rate, "rate", 5, "records a second for each partition")
	f.DurationVar(&o.window, "window", 15*time.Second, "length of the quiet stretch that figures are from")
	f.StringVar(&o.out, "out", "", "where the runs go, and stay; without it they are removed when all went well")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q: there are only flags", f.Arg(0))
	}
	o.progress, o.keep = errOut, o.out != ""
	for s := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 2 {
			return o, fmt.Errorf("--members %s: a group that members leave has 2 or more", s)
		}
		o.sizes = append(o.sizes, n)
	}
	for c := range strings.SplitSeq(clients, ",") {
		if !slices.Contains([]string{bare.FranzGo, bare.Sarama, bare.KafkaGo}, c) {
			return o, fmt.Errorf("--client %s: use %s, %s or %s", c, bare.FranzGo, bare.Sarama, bare.KafkaGo)
		}
		o.clients = append(o.clients, c)
	}
	switch {
	case o.broker != cluster.Embedded && o.broker != cluster.Kafka:
		return o, fmt.Errorf("--broker %s: use %s or %s", o.broker, cluster.Embedded, cluster.Kafka)
	case o.nodes < 1:
		return o, errors.New("--nodes must be above 0")
	case !(o.rate >= leastRate):
		return o, fmt.Errorf("--rate %g: at least %d records a second are needed, for the bare side looks once a second whether a partition delivers", o.rate, leastRate)
	case o.window < 5*time.Second:
		return o, fmt.Errorf("--window %s: at least 5s are needed, for processes are sampled once a second", o.window)
	}
	if o.out == "" {
		o.out, err = os.MkdirTemp("", "kbench-sizes-")
	} else {
		err = os.MkdirAll(o.out, 0o755)
	}
	return o, err
}

func (o options) say(format string, args ...any) {
	fmt.Fprintf(o.progress, "sizes: "+format+"\n", args...)
}
