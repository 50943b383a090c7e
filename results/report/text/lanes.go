package text

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/kbench/kbench/results/group"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads/acts"
)

// axis maps a stretch of time to the columns of a lane.
type axis struct {
	window.Interval
	zero    int64
	columns int
}

// column is where a moment is drawn.
func (x axis) column(t int64) int {
	i := int(float64(t-x.From) / float64(x.Length()) * float64(x.columns))
	return min(max(i, 0), x.columns-1)
}

func (x axis) shows(t int64) bool { return x.From <= t && t <= x.To }

// lane is a row of signs below an axis.
type lane struct {
	axis
	signs []rune
}

func (x axis) lane() *lane {
	return &lane{x, []rune(strings.Repeat(" ", x.columns))}
}

// fill draws a stretch; however short it is, it has a column.
func (l *lane) fill(from, to int64, sign rune) {
	if to < l.From || from > l.To || to < from {
		return
	}
	for i := l.column(from); i <= l.column(to); i++ {
		l.signs[i] = sign
	}
}

// mark draws a moment. It does not cover what was marked before, so that callers
// begin with what matters most.
func (l *lane) mark(t int64, sign rune) {
	if !l.shows(t) {
		return
	}
	if i := l.column(t); !strings.ContainsRune("XLDJS!h", l.signs[i]) {
		l.signs[i] = sign
	}
}

func (l *lane) String() string { return string(l.signs) }

func (l *lane) blank() bool { return strings.TrimSpace(string(l.signs)) == "" }

// panel draws the lanes of a stretch of time.
func (d *drawing) panel(of window.Interval, partitions bool) {
	label := d.labels()
	right := 0
	for i := range d.e.Partitions {
		right = max(right, len([]rune(d.after(&d.e.Partitions[i]))))
	}
	x := axis{of, d.zero, max(10, d.width-2-label-2-right-2)}
	d.ticks(x, label)
	digits := len(strconv.Itoa(len(d.e.Partitions)))
	if partitions {
		for i := range d.e.Partitions {
			p := &d.e.Partitions[i]
			d.row(label, fmt.Sprintf("%*d %s", digits, p.Partition, p.OldOwner), d.partition(x, p), d.after(p))
		}
		d.line("")
	}
	for i := range d.c.Input.Workers {
		w := &d.c.Input.Workers[i]
		l := d.member(x, w)
		if l.blank() {
			continue // it was not there
		}
		right := ""
		for _, m := range d.e.Members {
			if m.Worker == w.Name && m.Paused > 0 {
				right = "paused " + window.Short(m.Paused)
			}
		}
		d.row(label, w.Name, l, right)
	}
	if d.e.Rebalanced {
		d.row(label, "wire", d.wire(x), "")
	}
}

func (d *drawing) row(label int, left string, l *lane, right string) {
	for _, sign := range l.signs {
		d.used[sign] = true
	}
	d.line("  %-*s %s  %s", label, left, l, right)
}

// after is what stands on the right of a partition: who has it now.
func (d *drawing) after(p *window.Partition) string {
	parts := []string{p.NewOwner}
	if d.width >= 80 {
		parts = append(parts, string(p.Class))
	}
	if p.Records > 0 {
		parts = append(parts, window.Short(p.Gap))
	}
	if p.Lost > 0 {
		parts = append(parts, fmt.Sprintf("%d lost", p.Lost))
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// partition is delivering in its window but where records were late.
func (d *drawing) partition(x axis, p *window.Partition) *lane {
	l := x.lane()
	if p.Records > 0 {
		l.fill(d.e.Window.From, d.e.Window.To, '─')
	} else {
		l.fill(d.e.Window.From, d.e.Window.To, '·')
	}
	for _, down := range p.Down {
		l.fill(down.From, down.To, '█')
	}
	return l
}

// member draws what one member did: first how it waited, then its requests on
// top, those that matter most first.
func (d *drawing) member(x axis, w *window.Worker) *lane {
	l := x.lane()
	from, to := d.life(x, w)
	l.fill(from, to, '·')
	for i := range d.c.Input.Acts {
		if a := &d.c.Input.Acts[i]; a.Hits(w.Name) && a.At != 0 && a.At < to {
			l.fill(max(a.At, from), min(max(a.Resumed, a.At), to), '≈')
		}
	}
	for _, c := range w.Calls {
		if c.API == group.JoinGroup && c.Resp != 0 {
			l.fill(c.Req, c.Resp, '=')
		}
	}
	for _, a := range d.c.Input.Acts {
		if a.Member != w.Name && a.Replaces != w.Name || a.At == 0 {
			continue
		}
		switch act := acts.Of(a.Kind); {
		case act.Stops && a.Resumed != 0:
			l.fill(a.At, a.Resumed, '▒')
		case act.Stops:
			l.fill(a.At, x.To, '▒')
		case act.Abrupt, a.Replaces == w.Name:
			l.mark(a.At, 'X')
		}
	}
	each := func(sign rune, at func(*group.Call) (int64, bool)) {
		for i := range w.Calls {
			if t, ok := at(&w.Calls[i]); ok {
				l.mark(t, sign)
			}
		}
	}
	each('L', func(c *group.Call) (int64, bool) { return c.Req, c.Leaves() })
	for i := range d.e.Members {
		if m := &d.e.Members[i]; m.Worker == w.Name {
			l.mark(resumed(m), 'D')
		}
	}
	each('J', func(c *group.Call) (int64, bool) { return c.Req, c.Enters() })
	each('S', func(c *group.Call) (int64, bool) { return c.Req, c.API == group.SyncGroup })
	for _, m := range d.e.Members {
		for _, r := range m.Rounds {
			if m.Worker == w.Name {
				l.mark(r.Told, '!')
			}
		}
	}
	each('h', func(c *group.Call) (int64, bool) { return c.Req, c.Beats() })
	return l
}

// life is when the process of a member was there, as far as acts tell; the
// others were there all the time.
func (d *drawing) life(x axis, w *window.Worker) (from, to int64) {
	from, to = x.From, x.To
	for _, a := range d.c.Input.Acts {
		if a.At == 0 || acts.Of(a.Kind).Within {
			continue
		}
		switch {
		case a.Member == w.Name && acts.Of(a.Kind).Joins:
			from = a.At
		case a.Ended() == w.Name:
			to = max(a.At, a.Gone)
		}
	}
	return from, to
}

// wire is the time from t0 to the last assignment: what nobody could have
// avoided, and the rest.
func (d *drawing) wire(x axis) *lane {
	l := x.lane()
	end, known := d.e.T0+d.e.Wire, d.e.T0+max(d.e.Floor, 0)
	l.fill(d.e.T0, end, '▓')
	l.fill(d.e.T0, min(known, end), '░')
	// The excess may be shorter than a column and is there all the same.
	if d.e.WireExcess > 0 {
		l.fill(max(known, end-1), end, '▓')
	}
	return l
}

// ticks draws the axis: times relative to the act.
func (d *drawing) ticks(x axis, label int) {
	const apart = 11
	step, unit := tick(x.Length() * apart / int64(x.columns))
	names, ruler := x.lane(), x.lane()
	for i := range ruler.signs {
		ruler.signs[i] = '╌'
	}
	first := (x.From - x.zero) / step * step
	for t := first; t <= x.To-x.zero; t += step {
		if !x.shows(x.zero + t) {
			continue
		}
		i := x.column(x.zero + t)
		ruler.signs[i] = '┴'
		name := []rune(tickName(t, unit))
		if i = min(i, x.columns-len(name)); i >= 0 && (i == 0 || names.signs[i-1] == ' ') {
			copy(names.signs[i:], name)
		}
	}
	d.line("  %-*s %s", label, "", names)
	d.line("  %-*s %s", label, "partition", ruler)
}

// tick is the smallest step of 1, 2 or 5 that is at least as long as asked, and
// the unit in which it reads best.
func tick(least int64) (step int64, unit time.Duration) {
	step = 1000
	for i := 0; step < least; i++ {
		step = step / []int64{1, 2, 5}[i%3] * []int64{2, 5, 10}[i%3]
	}
	unit = time.Millisecond
	if step >= int64(100*time.Millisecond) {
		unit = time.Second
	}
	return step, unit
}

func tickName(t int64, unit time.Duration) string {
	if t == 0 {
		return "act"
	}
	name := strconv.FormatFloat(float64(t)/float64(unit), 'f', -1, 64)
	if t > 0 {
		name = "+" + name
	}
	if unit == time.Second {
		return name + " s"
	}
	return name + " ms"
}
