package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/kbench/kbench/scripts/ratio"
)

// writeTable prints one line per cell, and in words what was not plainly met.
func writeTable(w io.Writer, rs []result, o options) error {
	fmt.Fprintf(w, "Harness tax: kbench over the barest loop with the same client and settings.\n"+
		"Pairs of %s windows after %s, each window a fresh process, whose points come once a second: the shortest is as long as it really was.\n"+
		"Medians, in brackets the exact %.0f%% interval of the median ratio.\n\n",
		o.window, o.warmup, 100*ratio.Confidence)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "cell\tpairs\tshortest\tCPU ns/record bare\tkbench\tratio\t\tthousand rec/s bare\tkbench\tratio\t\tGCs bare\tkbench\tbroker cores\tbroker idle\tmachine idle\tlimit")
	for _, r := range rs {
		fmt.Fprintf(t, "%s\t%d\t%.1fs\t%.0f\t%.0f\t%s\t%s\t%.0f\t%.0f\t%s\t%s\t%.0f\t%.0f\t%.2f\t%.0f%%\t%.0f%%\t%s\n", r.cell, len(r.Pairs), r.Shortest,
			r.BareCPU, r.KbenchCPU, r.CPU, r.CPUVerdict, r.BareRate/1e3, r.KbenchRate/1e3, r.Throughput, r.ThroughVerdict,
			r.BareGCs, r.KbenchGCs, r.BrokerCores, 100*r.BrokerIdle, 100*r.MachineIdle, r.Limit)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintln(w)
	for _, b := range brokers(rs) {
		fmt.Fprintln(w, b)
	}
	for _, r := range rs {
		for _, s := range r.sentences() {
			fmt.Fprintln(w, s)
		}
	}
	return nil
}

// brokers names the broker of each direction.
func brokers(rs []result) []string {
	var out []string
	for _, r := range rs {
		if line := fmt.Sprintf("%s: %s", r.Direction, r.Broker); !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	return out
}

func writeJSON(w io.Writer, rs []result) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(rs)
}
