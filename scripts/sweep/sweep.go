package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/kbench/kbench/results"
)

// gone are the causes of a rebalance that a member which was still wanted brought: its
// session ran out, or its connection to the coordinator broke.
var gone = []string{"network", "process", "client"}

// line is a client with a session; a cell of it is a loss.
type line struct {
	client  string
	session time.Duration
}

type sweep map[line]map[float64]*cell

// cell is what the trials of a loss came to.
type cell struct {
	seconds   float64 // measured
	evictions float64
	figures   map[string][]float64 // by label, one of each trial
}

// figures are what loss did to the group beside evictions. What a table has of them is in
// so many of the metric's unit.
var figures = []struct {
	label, metric, stat string
	unit                float64
}{
	{"availability, %", results.PauseAvailability, "", 0.01},
	{"p99 of lateness, s", results.E2EResponse, "p99", 1e9},
	{"latest record, s", results.E2EResponse, "max", 1e9},
	{"longest between beats, s", results.GroupBeatGap, "", 1e9},
}

// add takes the rows of a run whose trials were measured for so many seconds each.
func (s sweep) add(rows []results.Row, seconds float64) error {
	trials := map[int]bool{}
	for _, r := range rows {
		l, loss, ok := parse(r.Arm)
		if !ok || r.Profiled {
			continue
		}
		if s[l] == nil {
			s[l] = map[float64]*cell{}
		}
		if s[l][loss] == nil {
			s[l][loss] = &cell{figures: map[string][]float64{}}
		}
		if !trials[r.Trial] {
			trials[r.Trial] = true
			s[l][loss].seconds += seconds
		}
		s[l][loss].take(r)
	}
	if len(trials) == 0 {
		return errors.New("it has no arm with a session and a loss, as net-sweep has them")
	}
	return nil
}

func (c *cell) take(r results.Row) {
	switch {
	case r.Event != "":
	case r.Metric == results.RebalanceCause && slices.Contains(gone, r.Class):
		c.evictions += r.Value
	case r.Class == "":
		for _, f := range figures {
			if r.Metric == f.metric && r.Stat == f.stat {
				c.figures[f.label] = append(c.figures[f.label], r.Value/f.unit)
			}
		}
	}
}

// parse takes the name of an arm apart: franz-go/session=10s,loss=5%.
func parse(arm string) (l line, loss float64, ok bool) {
	client, point, _ := strings.Cut(arm, "/session=")
	session, percent, both := strings.Cut(point, ",loss=")
	d, err := time.ParseDuration(session)
	if !both || err != nil {
		return line{}, 0, false
	}
	loss, err = strconv.ParseFloat(strings.TrimSuffix(percent, "%"), 64)
	return line{client, d}, loss, err == nil
}

func (s sweep) write(out io.Writer) error {
	var losses []float64
	for _, cells := range s {
		losses = append(losses, slices.Collect(maps.Keys(cells))...)
	}
	slices.Sort(losses)
	losses = slices.Compact(losses)
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	head, rule := "| client\t| session\t| ", "|---\t|---\t|---"
	for _, l := range losses {
		head += fmt.Sprintf("\t| %g%%", l)
		rule += "\t|---"
	}
	fmt.Fprintln(w, head+"\t| trend\t|")
	fmt.Fprintln(w, rule+"\t|---\t|")
	for _, l := range slices.SortedFunc(maps.Keys(s), func(a, b line) int {
		return cmp.Or(cmp.Compare(a.client, b.client), cmp.Compare(a.session, b.session))
	}) {
		cells := s[l]
		row := func(what string, figure func(*cell) string, trend string) {
			text := fmt.Sprintf("| %s\t| %s\t| %s", l.client, l.session, what)
			for _, loss := range losses {
				said := ""
				if c := cells[loss]; c != nil {
					said = figure(c)
				}
				text += "\t| " + said
			}
			fmt.Fprintln(w, text+"\t| "+trend+"\t|")
		}
		row("evictions in 10 min (of)", (*cell).rate, s.trend(l, losses))
		for _, f := range figures {
			row(f.label, func(c *cell) string { return span(c.figures[f.label]) }, "")
		}
	}
	return w.Flush()
}

func (c *cell) rate() string {
	return fmt.Sprintf("%.1f (%g in %s)", 600*c.evictions/c.seconds, c.evictions, time.Duration(c.seconds*1e9).Round(time.Second))
}

// span is the lowest and the highest of several trials.
func span(values []float64) string {
	if len(values) == 0 {
		return "not known"
	}
	low, high := fmt.Sprintf("%.1f", slices.Min(values)), fmt.Sprintf("%.1f", slices.Max(values))
	if low == high {
		return low
	}
	return low + " to " + high
}

// trend is how likely as steep a rise of evictions with loss is where loss changes nothing.
func (s sweep) trend(l line, losses []float64) string {
	var counts []int
	var scores, exposure []float64
	for _, loss := range losses {
		if c := s[l][loss]; c != nil {
			counts, scores, exposure = append(counts, int(c.evictions)), append(scores, loss), append(exposure, c.seconds)
		}
	}
	p, ok := rises(counts, scores, exposure)
	if !ok {
		return "not known"
	}
	return fmt.Sprintf("p = %.2g", p)
}
