// Command captures measures what each kind of capture costs: of each client, a trial
// without it and one with it, right after each other in one run of kbench, in pairs. What
// it prints are the ratios of the second to the first, of CPU per record and of the rate.
// Beside them stands A/A, of two trials right before those in which nothing is captured.
// The first trial of each client in a run is left out: with a broker that has just started
// a record costs some percent more, whoever sends it.
//
// kbench takes no timing from a trial of which profiles were taken. Here that is the
// question, so the marks of those trials are taken off before the figures are computed.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/scripts/ratio"
)

// none is the pair without a capture.
const none = "A/A"

// The rounds of a run: the first is left out, in the last the profiles are taken.
const (
	firstPlain = 2 + iota
	lastPlain
	captured
)

type options struct {
	kbench, workload string
	pairs            int
	captures         []string
	more             []string // arguments of kbench run
}

func main() {
	var o options
	var kinds string
	flag.StringVar(&o.kbench, "kbench", "bin/kbench", "the `binary`")
	flag.StringVar(&o.workload, "workload", "produce-max", "a `workload` without churn")
	flag.IntVar(&o.pairs, "pairs", 10, "`pairs` of trials; an interval needs 6")
	flag.StringVar(&kinds, "captures", "cpu;cpu@250;heap,allocs,goroutine;mutex,block;trace", "what --profile is given, with `semicolons`")
	flag.Parse()
	o.captures, o.more = strings.Split(kinds, ";"), flag.Args()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "captures:", err)
		os.Exit(1)
	}
}

// side is what one trial of a pair came to.
type side struct{ cpu, rate float64 }

// cell are the ratios of one client under one capture.
type cell struct{ cpu, rate []float64 }

func run(ctx context.Context, o options, out, log io.Writer) error {
	dir, err := os.MkdirTemp("", "kbench-captures-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cells := map[string]map[string]*cell{} // by capture and client
	add := func(pair int, capture, client string, with, plain side) {
		if cells[capture] == nil {
			cells[capture] = map[string]*cell{}
		}
		if cells[capture][client] == nil {
			cells[capture][client] = &cell{}
		}
		at, cpu, rate := cells[capture][client], with.cpu/plain.cpu, with.rate/plain.rate
		at.cpu, at.rate = append(at.cpu, cpu), append(at.rate, rate)
		fmt.Fprintf(log, "pair %d of %d, %s, %s: CPU %.3f, rate %.3f\n", pair+1, o.pairs, capture, client, cpu, rate)
	}
	var clients []string
	for pair := range o.pairs {
		for i := range o.captures {
			capture := o.captures[(i+pair)%len(o.captures)] // none is always first
			sides, err := trials(ctx, o, capture, filepath.Join(dir, fmt.Sprint(pair, "-", i)))
			if err != nil {
				return fmt.Errorf("pair %d, %s: %w", pair+1, capture, err)
			}
			for _, c := range sides.clients {
				of := sides.of[c]
				add(pair, none, c, of[lastPlain], of[firstPlain])
				add(pair, capture, c, of[captured], of[lastPlain])
			}
			clients = sides.clients
		}
	}
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| capture\t| client\t| CPU per record\t| rate\t|")
	fmt.Fprintln(w, "|---\t|---\t|---\t|---\t|")
	slices.Sort(clients)
	for _, capture := range append([]string{none}, o.captures...) {
		for _, c := range clients {
			at := cells[capture][c]
			fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t|\n", capture, c, ratio.Of(at.cpu), ratio.Of(at.rate))
		}
	}
	return w.Flush()
}

// sides are the figures of a run: of each client those of each round.
type sides struct {
	clients []string
	of      map[string]map[int]side
}

// trials runs each client without the capture, and once with it.
func trials(ctx context.Context, o options, capture, dir string) (*sides, error) {
	args := []string{"run", o.workload, "--json", "--out", dir, "--rounds", fmt.Sprint(lastPlain), "--profile", capture}
	if _, err := kbench(ctx, o, append(args, o.more...)...); err != nil {
		return nil, err
	}
	if err := asTimed(dir); err != nil {
		return nil, err
	}
	data, err := kbench(ctx, o, "report", dir, "--json")
	if err != nil {
		return nil, err
	}
	var sum results.Summary
	if err := json.Unmarshal(data, &sum); err != nil {
		return nil, err
	}
	out := &sides{of: map[string]map[int]side{}}
	for _, r := range sum.Rows {
		if out.of[r.Client] == nil {
			out.clients, out.of[r.Client] = append(out.clients, r.Client), map[int]side{}
		}
		s := out.of[r.Client][r.Round]
		switch r.Metric {
		case results.CPUPerRecord:
			s.cpu = r.Value
		case results.ProduceThroughput, results.ConsumeThroughput:
			s.rate = r.Value
		}
		out.of[r.Client][r.Round] = s
	}
	for c, rounds := range out.of {
		for n := firstPlain; n <= captured; n++ {
			if s := rounds[n]; s.cpu <= 0 || s.rate <= 0 {
				return nil, fmt.Errorf("round %d of %s has no figures", n, c)
			}
		}
	}
	return out, os.RemoveAll(dir)
}

// asTimed takes off the marks of the trials of which profiles were taken.
func asTimed(dir string) error {
	d, err := results.Open(dir)
	if err != nil {
		return err
	}
	all, err := d.Trials()
	for _, t := range all {
		t.Ref.Profiled = false
		err = errors.Join(err, d.WriteTrial(t))
	}
	return err
}

func kbench(ctx context.Context, o options, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, o.kbench, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	var said bytes.Buffer
	cmd.Stderr = &said
	data, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() > 2 && exit.ExitCode() < 100 {
		return data, nil // a gate, which is not the question here
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w\n%s", o.kbench, strings.Join(args, " "), err, said.Bytes())
	}
	return data, nil
}
