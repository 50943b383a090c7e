// Command tax measures what kbench itself costs: each client does the same work
// once under the harness and once in the barest loop that an honest program could
// have, with the same options, in processes of their own, in pairs of windows one
// right after the other. What it prints is the ratio of the two.
//
// The bare loop is that of package bare. The harness side is a `kbench worker`,
// started and told as `kbench run` does. Both are this program, run again with
// another argument, so that they differ in nothing else.
//
// Producing is measured against the embedded broker, which drops what it is sent;
// consuming from a topic filled beforehand, on Apache Kafka unless --broker says
// otherwise. A pair with a window more than a second shorter than asked for is
// dropped and named. It exits 1 where a bound is missed by the whole interval, or no
// pair is left.
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

// run returns the exit code: 0, 1 where something failed or a bound was missed, 2
// for wrong flags, 130 when interrupted.
func run(args []string, out, errOut io.Writer) int {
	o, asJSON, err := parse(args, errOut)
	if errors.Is(err, flag.ErrHelp) {
		return cli.ExitOK
	}
	if err != nil {
		fmt.Fprintln(errOut, "tax:", err)
		return cli.ExitUsage
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cells, err := bench(ctx, o)
	code := cli.ExitOK
	if err != nil {
		fmt.Fprintln(errOut, "tax:", err)
		code = cli.ExitFailed
		if ctx.Err() != nil {
			code = cli.ExitInterrupted
		}
	}
	var rs []result
	for _, c := range cells {
		if len(c.Pairs) == 0 {
			if len(c.Dropped) > 0 {
				fmt.Fprintf(errOut, "tax: %s: no pair is left\n  %s\n", c.cell, strings.Join(c.missing(), "\n  "))
				code = max(code, cli.ExitFailed)
			}
			continue
		}
		r := evaluate(c)
		rs = append(rs, r)
		if code == cli.ExitOK && (r.CPUVerdict == missed || r.ThroughVerdict == missed) {
			code = cli.ExitFailed
		}
	}
	if len(rs) == 0 {
		return code // only an error leaves nothing to print
	}
	if asJSON {
		err = writeJSON(out, rs)
	} else {
		err = writeTable(out, rs, o)
	}
	if err != nil {
		fmt.Fprintln(errOut, "tax: print the result:", err)
		return cli.ExitFailed
	}
	return code
}

func parse(args []string, errOut io.Writer) (o options, asJSON bool, err error) {
	f := flag.NewFlagSet("tax", flag.ContinueOnError)
	f.SetOutput(errOut)
	var clients, sizes, directions string
	f.IntVar(&o.pairs, "pairs", 8, "pairs of windows per cell; an interval needs 6")
	f.DurationVar(&o.window, "window", 5*time.Second, "length of the measured part of a window")
	f.DurationVar(&o.warmup, "warmup", 1500*time.Millisecond, "what goes before it, from the first record on")
	f.StringVar(&clients, "client", "franz-go,sarama,kafka-go", "clients")
	f.StringVar(&sizes, "size", "100,1024", "record sizes in bytes")
	f.StringVar(&directions, "direction", "produce,consume", "directions")
	f.StringVar(&o.broker, "broker", cluster.Kafka, "broker that is consumed from: kafka or embedded; producing is always against embedded")
	f.IntVar(&o.nodes, "nodes", 3, "nodes of each broker")
	f.IntVar(&o.fill, "fill", 0, "records in a topic that is consumed from; 0: enough for the fastest client")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the order in which windows run")
	f.StringVar(&o.profile, "profile", "", "directory for a CPU profile of each side of each cell, from a pair of their own")
	f.BoolVar(&asJSON, "json", false, "print JSON with every window instead of the table")
	if err := f.Parse(args); err != nil {
		return o, false, err
	}
	if f.NArg() > 0 {
		return o, false, fmt.Errorf("unexpected argument %q: there are only flags", f.Arg(0))
	}
	o.progress = errOut
	if o.clients, err = choose("client", clients, bare.FranzGo, bare.Sarama, bare.KafkaGo); err != nil {
		return o, false, err
	}
	if o.directions, err = choose("direction", directions, bare.Produce, bare.Consume); err != nil {
		return o, false, err
	}
	if _, err = choose("broker", o.broker, cluster.Kafka, cluster.Embedded); err != nil {
		return o, false, err
	}
	for s := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < minSize || n > maxSize {
			return o, false, fmt.Errorf("--size %s: a size is a number of bytes from %d to %d", s, minSize, maxSize)
		}
		o.sizes = append(o.sizes, n)
	}
	switch {
	case o.pairs < 1:
		err = fmt.Errorf("--pairs %d: at least 1 is needed", o.pairs)
	case o.window < 2*time.Second:
		err = fmt.Errorf("--window %s: at least 2s are needed, for processes are sampled once a second", o.window)
	case o.warmup < 0 || o.fill < 0 || o.nodes < 1:
		err = errors.New("--warmup and --fill must not be negative, and --nodes is at least 1")
	}
	if err == nil && o.profile != "" {
		err = os.MkdirAll(o.profile, 0o755)
	}
	return o, asJSON, err
}

// Sizes between the header of a record and what fits a batch.
const (
	minSize = 32
	maxSize = 16 << 10
)

// choose reads a list of names that must all be known.
func choose(flagName, list string, known ...string) ([]string, error) {
	names := strings.Split(list, ",")
	for _, n := range names {
		if !slices.Contains(known, n) {
			return nil, fmt.Errorf("--%s %s: use %s", flagName, n, strings.Join(known, ", "))
		}
	}
	return names, nil
}
