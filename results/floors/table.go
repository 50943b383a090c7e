package floors

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteTable prints one line for each kind of event of each trial, and below it
// what was left out. Times are in ms.
func WriteTable(w io.Writer, reports []*Report) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "client\tkind\tevents\tsurvivors\tbeats every\tspread p50\tmax\tlaw: mean\tseen: mean\tmax\tD at H\tp\tD at 1.3H\tp\t")
	for _, r := range reports {
		for _, v := range r.Verdicts {
			fmt.Fprintf(t, "%s\t%s\t%d\t", r.Trial.Client, v.Kind, v.Events)
			if v.Refused != "" {
				fmt.Fprintf(t, "-\t%.1f%s%s\n", r.Beat/1e6, strings.Repeat("\t-", 9), "\t"+v.String())
				continue
			}
			fmt.Fprintf(t, "%.3g\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t%.3f\t%.2g\t%.3f\t%.2g\t%s\n", v.Survivors, r.Beat/1e6, v.Spread/1e6, v.Widest/1e6,
				v.Expected/1e6, v.Mean/1e6, v.Longest/1e6, v.AtH.D, v.AtH.P, v.AtLonger.D, v.AtLonger.P, v.String())
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, r := range reports {
		for _, l := range r.LeftOut {
			if _, err := fmt.Fprintf(w, "left out, %s: %s: %s\n", r.Trial.Client, l.Event, l.Why); err != nil {
				return err
			}
		}
	}
	return nil
}
