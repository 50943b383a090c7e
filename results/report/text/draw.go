package text

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/results/window"
)

// Closeup draws an event: its figures, then partitions and members as lanes
// below one time axis that begins at the act, then where the time went.
//
// A rebalance is often a hundredth of the window around it. Where that is so, the
// lanes of the members are drawn a second time, with the rebalance alone.
func Closeup(w io.Writer, c *report.Closeup, o Options) error {
	p := newPage(o)
	d := &drawing{page: p, c: c, e: c.Event, zero: c.Event.Acts[0].At, used: map[rune]bool{}}
	d.figures()
	whole := d.whole()
	d.panel(whole, true)
	if near, ok := d.near(whole); ok {
		p.line("")
		p.line("  The rebalance alone:")
		d.panel(near, false)
	}
	d.legend()
	d.phases()
	for _, n := range c.Event.Notes {
		p.wrapped("  note     ", n.String())
	}
	return p.writeTo(w)
}

// drawing is one event being drawn.
type drawing struct {
	*page
	c    *report.Closeup
	e    *window.Event
	zero int64         // t_e, from which times are counted
	used map[rune]bool // signs that the legend must explain
}

// figures are the lines above the lanes.
func (d *drawing) figures() {
	e, ref := d.e, d.c.Trial.Ref
	title := fmt.Sprintf("event %s · %s · %s, %s", d.c.Name(), e.Name, ref.Workload, ref.Arm)
	if ref.Lane != "" && ref.Lane != "matched" {
		title += " (" + ref.Lane + ")"
	}
	d.title(title + fmt.Sprintf(", round %d", ref.Round))
	for _, a := range e.Acts {
		d.wrapped("  act      ", fmt.Sprintf("%s  %s", d.at(a.At), inWords(a, d.c.Trial.Topics)))
	}
	in := d.c.Input
	d.wrapped("  group    ", fmt.Sprintf("%s, heartbeat %s, session %s, %s", e.Protocol, time.Duration(in.Heartbeat), time.Duration(in.Session), count(int64(e.Rounds), "round")))
	switch {
	case e.Rebalanced:
		d.wrapped("  wire     ", fmt.Sprintf("%s from t0 at %s: floor %s, excess %s", window.Short(e.Wire), d.at(e.T0), floor(e), window.Short(e.WireExcess)))
	case e.T0 != 0:
		d.wrapped("  wire     ", fmt.Sprintf("t0 at %s; no member got an assignment after it", d.at(e.T0)))
	default:
		d.wrapped("  wire     ", "the group did not change")
	}
	for i := range d.c.Causes {
		r := &d.c.Causes[i]
		d.wrapped("  cause    ", fmt.Sprintf("%s  %s (%s): %s", d.at(r.At), r.Cause, r.Sure, r.Why))
	}
	if of := d.c.Worst(); of != nil {
		line := fmt.Sprintf("worst %s, partition %d", window.Short(of.Gap), of.Partition)
		if of.FloorKnown {
			line += fmt.Sprintf(" (it had to wait %s, excess %s)", window.Short(of.Floor), window.Short(of.Excess))
		}
		line += unexplained(of)
		line += fmt.Sprintf("; a partition late for %s, all of them for %s; %s partition-seconds lost",
			window.Short(e.UAny), window.Short(e.UAll), significant(float64(e.LostPartitionTime)/1e9))
		d.wrapped("  gap      ", line)
	}
	d.wrapped("  records  ", d.records())
	if len(e.Words) > 0 {
		d.wrapped("  slowest  ", strings.Join(results.Lines(e.Words), "; "))
	}
	d.line("")
}

// unexplained is what of a lateness is the client's, and who had what of the gap that
// the floor leaves; nothing where nobody listened.
func unexplained(p *window.Partition) string {
	if p.Unexplained == nil {
		return ""
	}
	line := "; unexplained " + window.Short(p.Unexplained.Most)
	if least := p.Unexplained.Least; least < p.Unexplained.Most {
		line = fmt.Sprintf("; unexplained %s to %s", window.Short(least), window.Short(p.Unexplained.Most))
	}
	for _, s := range p.By {
		if s.Source != blame.SourceFloor && s.Most > 0 {
			line += fmt.Sprintf(", %s %s", s.Name(), window.Short(s.Most))
		}
	}
	return line
}

// records is what happened to the records of the window.
func (d *drawing) records() string {
	var parts []string
	if !d.c.Input.Slow {
		parts = append(parts, grouped(float64(d.e.Late), 0)+" late")
	}
	parts = append(parts, grouped(float64(d.e.Lost), 0)+" lost")
	if n := d.e.Duplicates.Total(); n == 0 {
		parts = append(parts, "0 duplicates")
	} else {
		parts = append(parts, fmt.Sprintf("%s (%s)", count(n, "duplicate"), byCause(d.e.Duplicates.ByCause())))
	}
	if d.e.BaselineKnown {
		parts = append(parts, fmt.Sprintf("before it p99.9 of %s late", window.Short(d.e.Baseline)))
	}
	return strings.Join(parts, ", ")
}

func byCause[N int64 | float64](causes map[string]N) string {
	var by []string
	for _, c := range slices.Sorted(maps.Keys(causes)) {
		by = append(by, grouped(float64(causes[c]), 0)+" "+c)
	}
	return strings.Join(by, ", ")
}

// floor is the floor of an event, as an interval where t0 is one.
func floor(e *window.Event) string {
	if e.FloorHigh > e.Floor {
		return window.Short(e.Floor) + " to " + window.Short(e.FloorHigh)
	}
	return window.Short(e.Floor)
}

// inWords says what an act did to whom, or what it brought: by the numbers that
// stand at the partitions, and by name where the topic is not the first.
func inWords(a results.Act, topics results.Topics) string {
	s := string(a.Kind)
	if a.Member != "" {
		s += " of " + a.Member
	}
	if n := len(a.Added); n > 0 {
		s += fmt.Sprintf(": partitions %d to %d", a.Added[0], a.Added[n-1])
		if topic, first := topics.Place(a.Added[0]); len(topics) > 1 {
			s += fmt.Sprintf(", which are %s/%d to %d", topic, first, first+int32(n)-1)
		}
	}
	if a.Replaces != "" {
		s += " in place of " + a.Replaces
	}
	if a.Link != nil {
		s += ": " + linkInWords(a.Link)
	}
	switch {
	case a.Resumed == 0:
	case a.Link == nil:
		s += fmt.Sprintf(", which went on after %s", window.Short(a.Resumed-a.At))
	case a.For != 0:
		s += fmt.Sprintf(", for %s", window.Short(a.Resumed-a.At))
	}
	if !a.Counted {
		s += " (only restores the group)"
	}
	return s
}

// at is a time relative to the act.
func (d *drawing) at(t int64) string {
	if t < d.zero {
		return "-" + window.Short(d.zero-t)
	}
	return "+" + window.Short(t-d.zero)
}

// whole is the stretch that is drawn: the window, a little before it, since the
// last beat before an act explains much, and the first deliveries after it.
func (d *drawing) whole() window.Interval {
	w := d.e.Window
	length := max(w.Length(), int64(time.Millisecond))
	out := window.Interval{From: w.From - min(d.c.Input.Heartbeat, length/4), To: w.From + length}
	for i := range d.e.Members {
		out.To = max(out.To, resumed(&d.e.Members[i]))
	}
	out.To += length / 50
	return out
}

// near is the rebalance alone: from the first member that was told to the last
// that delivered again. It is not worth drawing where it fills a good part of
// the whole.
func (d *drawing) near(whole window.Interval) (window.Interval, bool) {
	var out window.Interval
	for i := range d.e.Members {
		m := &d.e.Members[i]
		for _, r := range m.Rounds {
			if r.Told != 0 && (out.From == 0 || r.Told < out.From) {
				out.From = r.Told
			}
			out.To = max(out.To, r.Synced)
		}
		out.To = max(out.To, resumed(m))
	}
	margin := out.Length() / 20
	out.From, out.To = out.From-margin, out.To+margin
	return out, margin > 0 && out.From > whole.From && out.Length()*5 < whole.Length()
}

// resumed is when a member delivered its first record after its last assignment,
// 0 where it did not.
func resumed(m *window.Member) int64 {
	deliver, ok := m.Spent[window.Deliver]
	if !ok || len(m.Rounds) == 0 {
		return 0
	}
	return m.Rounds[len(m.Rounds)-1].Synced + m.Spent[window.Position] + deliver
}

// legend says what the signs mean that were drawn.
func (d *drawing) legend() {
	var parts []string
	for _, s := range []struct {
		sign rune
		what string
	}{
		{'─', "delivering"}, {'█', "late"}, {'h', "heartbeat"}, {'!', "told to rejoin"}, {'J', "JoinGroup"},
		{'=', "waits for the others"}, {'S', "SyncGroup"}, {'D', "delivers again"}, {'L', "leaves"}, {'X', "killed"},
		{'▒', "stopped"}, {'≈', "its link as in the act"}, {'░', "floor"}, {'▓', "excess"},
	} {
		if d.used[s.sign] {
			parts = append(parts, string(s.sign)+" "+s.what)
		}
	}
	d.line("")
	d.wrapped("  ", strings.Join(parts, ", "))
}

// phases is the table of where the time of each member went. Phases in which
// nobody spent any are left out.
func (d *drawing) phases() {
	used := slices.DeleteFunc(window.Phases(), func(p window.Phase) bool {
		_, by := d.e.Spent(p)
		return by == nil
	})
	if len(used) == 0 {
		return
	}
	const column = 10
	label := d.labels()
	fit := max(1, (d.width-label-2)/column)
	for phases := range slices.Chunk(used, fit) {
		d.line("")
		line := fmt.Sprintf("  %-*s", label, "ms")
		for _, p := range phases {
			line += fmt.Sprintf("%*s", column, strings.ReplaceAll(string(p), "second_round", "2nd round"))
		}
		d.line("%s", line)
		for i := range d.e.Members {
			m := &d.e.Members[i]
			line := fmt.Sprintf("  %-*s", label, m.Worker)
			for _, p := range phases {
				cell := "-"
				if ns, ok := m.Spent[p]; ok {
					cell = significant(float64(ns) / 1e6)
				}
				line += fmt.Sprintf("%*s", column, cell)
			}
			d.line("%s", line)
		}
	}
	var own []string
	for _, p := range used {
		if p.OfClient() {
			own = append(own, strings.ReplaceAll(string(p), "second_round", "2nd round"))
		}
	}
	if len(own) > 0 {
		d.wrapped("  ", "The client's own doing: "+strings.Join(own, ", ")+". The rest is settings, others, or process start-up.")
	}
}

// labels is the width of the longest name on the left of a lane.
func (d *drawing) labels() int {
	n := len("partition")
	for _, w := range d.c.Input.Workers {
		n = max(n, len(w.Name)+4)
	}
	return n
}
