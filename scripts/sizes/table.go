package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// writeTable prints one line for what a member costs and one for what became of
// the trial, per cell.
func writeTable(w io.Writer, cells []cell, o options) error {
	fmt.Fprintf(w, "What a member costs: a mean over the members, in a quiet stretch of %s; twice as many partitions as members, %g records/s each.\n"+
		"PSS counts of each shared page its share, so that it adds up; CPU is of one core. Broker: %s.\n\n", o.window, o.rate, o.broker)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "members\tclient\tPSS MiB bare\tkbench\tmore\tRSS MiB bare\tkbench\tCPU % bare\tkbench\tmore\tGCs/s bare\tkbench\tthreads bare\tkbench\tgoroutines bare\tkbench\trecords/s bare\tkbench\t")
	for _, c := range cells {
		if c.Failed != "" {
			continue
		}
		b, k := c.Bare, c.Harness
		fmt.Fprintf(t, "%d\t%s\t%.1f\t%.1f\t%+.1f\t%.1f\t%.1f\t%.2f\t%.2f\t%+.2f\t%.2f\t%.2f\t%.1f\t%.1f\t%.0f\t%.0f\t%.1f\t%.1f\t\n", c.Members, c.Client,
			mib(b.PSS), mib(k.PSS), mib(k.PSS-b.PSS), mib(b.RSS), mib(k.RSS), b.CPU/1e7, k.CPU/1e7, (k.CPU-b.CPU)/1e7,
			b.GCs, k.GCs, b.Threads, k.Threads, b.Goroutines, k.Goroutines, b.Records, k.Records)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprint(w, "\nGroup stable after: under kbench, from the creation of the topic until the coordinator shows the whole group and the producer runs.\n"+
		"Bare, all deliver after: from the first process until every partition delivers, its producer started after the members, looked at once a second.\n\n")
	t = tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "members\tclient\tgroup stable after\tbare, all deliver after\tpartitions delivering\tat the end\tlost\tduplicate\tof acked\tfiles KiB/member\tgroup stable again after\t\t")
	for _, c := range cells {
		if c.Failed != "" {
			first, _, _ := strings.Cut(c.Failed, "\n")
			fmt.Fprintf(t, "%d\t%s\tfailed: %s\t\n", c.Members, c.Client, first)
			continue
		}
		var acts []string
		for _, a := range c.Trial.Acts {
			took := "not seen"
			if a.Took > 0 {
				took = short(a.Took)
			}
			acts = append(acts, a.Kind+" "+took)
		}
		verdict := "ok"
		if !c.ok() {
			verdict = "NOT OK"
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%d of %d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\t\n", c.Members, c.Client, short(c.Trial.Stable), short(c.BareDelivering),
			c.Trial.Delivering, c.partitions(), c.Trial.After, c.Trial.Lost, c.Trial.Duplicates, c.Trial.Acked, c.Trial.Disk>>10, strings.Join(acts, ", "), verdict)
	}
	return t.Flush()
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

func short(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }
