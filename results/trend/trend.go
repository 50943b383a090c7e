// Package trend says what moved over nights: of each arm and figure whether it made a
// step, and at which night, or drifts, and whether that is the client's doing.
//
// A run is a night, and one value of each series. Only runs of one key (package series:
// machine, topology, broker, workload) make a series; where the key changes, another
// begins.
//
//	night     a run, reduced to what a history needs; which nights say nothing
//	divide    change points
//	drift     slopes
//	shape     which of the two it was
//	noise     how far nights scatter, and how
//	hold      whether the machine moved instead: a canary is an arm that cannot change
//
// It is pure: the same nights give the same bytes. It reads rows and nothing else, and
// shows nothing.
package trend

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/compare"
	"github.com/kbench/kbench/results/series"
)

// Options of a look at nights. The zero value is that of a nightly run.
type Options struct {
	// Level is how often a look finds a change in any series although nothing changed,
	// where nights are exchangeable. 0: 0.01.
	Level float64
	// Recent is for how many nights a change alerts: later it is known. 0: 7.
	Recent int
	// Canaries are the arms that cannot change. None: those pinned to a version.
	Canaries []string
}

// LeastNights is how many it takes until the rarest order is rarer than chance.
const LeastNights = 8

// near is within how many nights a change is said to be found.
const near = 2

// Trend is all that was found. No list of it is nil.
type Trend struct {
	Level     float64    `json:"level"`
	Recent    int        `json:"recent_nights"`
	From      string     `json:"from"` // RFC 3339
	To        string     `json:"to"`
	Runs      int        `json:"runs"`
	Passed    []Passed   `json:"passed_over"`
	Workloads []Workload `json:"workloads"`
}

// Passed is a run that is no night, for whoever reads the directory to fill in.
type Passed struct {
	Dir string `json:"dir"`
	Why string `json:"why"`
}

// Workload is a workload on one machine with one broker: what makes a key.
type Workload struct {
	Name     string              `json:"name"`
	Host     string              `json:"host"`
	Cores    int                 `json:"cores"`
	Broker   string              `json:"broker"`
	Earlier  bool                `json:"earlier"` // another key has nights after it
	Differs  []series.Difference `json:"differs"` // from the nights before it, of another key
	Nights   []NightOf           `json:"nights"`
	Canaries []string            `json:"canaries"` // titles of arms
	Measures []compare.Measure   `json:"measures"`
	Series   []Series            `json:"series"`
	work     []float64           // what a fixed piece of CPU work took, by night; 0: not known
}

// NightOf is a night of a workload.
type NightOf struct {
	Run     string              `json:"run"`
	Started string              `json:"started"`
	Out     string              `json:"out,omitempty"` // why it is in no series
	Trials  int                 `json:"trials_out"`    // of its trials, those that are in no value
	Changed []series.Difference `json:"changed"`       // since the night before
}

// Series is what an arm came to night by night.
type Series struct {
	Arm     compare.Arm `json:"arm"`
	Client  string      `json:"client"`
	Measure int         `json:"measure"` // of the workload
	Event   string      `json:"event,omitempty"`
	Canary  bool        `json:"canary,omitempty"`
	Points  []Point     `json:"points"`
	Why     string      `json:"why,omitempty"` // nothing was looked for
	Noise   Noise       `json:"noise"`
	Changes []Change    `json:"changes"`
}

// Point is a night of a series.
type Point struct {
	Night int     `json:"night"` // of the workload, from 0
	Value float64 `json:"value"`
}

// Change is something that a series did.
type Change struct {
	Kind  Moved  `json:"kind"`
	Night int    `json:"night"` // the first of the new level; of a drift the first of all
	Run   string `json:"run"`   // of that night
	// Before and After are the levels beside a step; of a drift, where it began and where
	// it has come to. Effect is the way between them: a share of Before, or an amount.
	Before   float64             `json:"before"`
	After    float64             `json:"after"`
	Effect   float64             `json:"effect"`
	PerNight float64             `json:"per_night,omitempty"` // of a drift
	Matters  float64             `json:"matters"`             // the least that does, on the same scale
	Better   bool                `json:"better"`
	Standing Standing            `json:"standing"`
	Why      string              `json:"why,omitempty"` // it is held back
	What     []series.Difference `json:"what"`          // changed at that night, or within two nights of it
}

// Moved is what a change looks like.
type Moved string

// The changes.
const (
	Step  Moved = "step"
	Drift Moved = "drift"
)

// Standing is what a change is to whoever waits for regressions.
type Standing string

// The standings, the first that applies.
const (
	Pinned Standing = "canary" // of an arm that cannot change
	Gain   Standing = "better"
	Small  Standing = "small" // less than matters
	Held   Standing = "held"  // the machine moved
	Known  Standing = "known" // it is no longer recent
	Alert  Standing = "alert"
)

// Of looks at nights, which may come in any order.
func Of(nights []*Night, o Options) *Trend {
	o.Level, o.Recent = cmp.Or(o.Level, 0.01), cmp.Or(o.Recent, 7)
	nights = slices.Clone(nights)
	slices.SortStableFunc(nights, func(a, b *Night) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.Run.ID, b.Run.ID))
	})
	t := &Trend{Level: o.Level, Recent: o.Recent, Runs: len(nights), Passed: []Passed{}, Workloads: []Workload{}}
	if len(nights) > 0 {
		t.From, t.To = nights[0].Run.Started, nights[len(nights)-1].Run.Started
	}
	var all []*line
	for _, name := range names(nights) {
		all = append(all, linesOf(nights, name)...)
	}
	tests := 0
	for _, l := range all {
		l.gather(o)
		tests += len(l.series)
	}
	for _, l := range all {
		t.Workloads = append(t.Workloads, *l.judge(o, o.Level/float64(max(tests, 1))))
	}
	return t
}

// names are those of workloads, as the newest nights have them.
func names(nights []*Night) (out []string) {
	for _, n := range slices.Backward(nights) {
		for i := range n.Run.Specs {
			if name := n.Run.Specs[i].Name; !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// line is the nights of one key of a workload.
type line struct {
	name    string
	nights  []*Night
	before  *Night // the last of another key before the first
	earlier bool

	out    []string // why, by night
	series []*points
}

// linesOf parts the nights of a workload by their keys, in the order of their last nights.
func linesOf(nights []*Night, name string) []*line {
	var lines []*line
	var last *Night
	for _, n := range nights {
		if n.of(name) == nil {
			continue
		}
		at := slices.IndexFunc(lines, func(l *line) bool { return len(series.Differences(n.Run, l.nights[0].Run, name)) == 0 })
		if at < 0 {
			at = len(lines)
			lines = append(lines, &line{name: name, before: last})
		}
		lines[at].nights = append(lines[at].nights, n)
		last = n
	}
	for _, l := range lines {
		l.earlier = l.nights[len(l.nights)-1] != last
	}
	return lines
}

// points are the values of a series, on the scale on which they are compared.
type points struct {
	key
	client  string
	measure compare.Measure
	nights  []float64
	values  []float64 // scaled
	raw     []float64
	shape   shape
	spread  float64
}

// key tells series of a line from one another.
type key struct {
	arm     compare.Arm
	measure string
	event   string
}

// relative says whether a measure is looked at by its logarithm: with a share alone, as
// arms are compared.
func relative(m *compare.Measure) bool { return m.Amount == 0 }

func scaled(m *compare.Measure, v float64) float64 {
	if relative(m) {
		return math.Log(v)
	}
	return v
}

func unscaled(m *compare.Measure, v float64) float64 {
	if relative(m) {
		return math.Exp(v)
	}
	return v
}

// effect is the way from one level to another.
func effect(m *compare.Measure, from, to float64) float64 {
	if relative(m) {
		return to/from - 1
	}
	return to - from
}

// gather finds which nights say something, and their values by series.
func (l *line) gather(o Options) {
	l.putOut()
	at := map[key]*points{}
	for i, n := range l.nights {
		if l.out[i] != "" {
			continue
		}
		for _, v := range n.of(l.name).values {
			k := key{v.Arm, v.Measure.Text, v.Event}
			if at[k] == nil {
				at[k] = &points{key: k, client: v.Client, measure: v.Measure}
				l.series = append(l.series, at[k])
			}
			s := at[k]
			if s.measure = v.Measure; relative(&v.Measure) && v.Value <= 0 {
				continue // it has no ratio
			}
			s.nights, s.values, s.raw = append(s.nights, float64(i)), append(s.values, scaled(&v.Measure, v.Value)), append(s.raw, v.Value)
		}
	}
	l.series = slices.DeleteFunc(l.series, func(s *points) bool { return len(s.values) == 0 })
}

// judge looks at all series of a line. level is that of each.
func (l *line) judge(o Options, level float64) *Workload {
	first, newest := l.nights[0].Run, l.nights[len(l.nights)-1].Run
	w := &Workload{
		Name: l.name, Host: newest.Machine.Host, Cores: newest.Machine.Cores, Broker: newest.Broker.Title, Earlier: l.earlier,
		Differs: []series.Difference{}, Nights: []NightOf{}, Canaries: []string{}, Measures: []compare.Measure{}, Series: []Series{},
	}
	if l.before != nil {
		w.Differs = append(w.Differs, series.Differences(first, l.before.Run, l.name)...)
	}
	for i, n := range l.nights {
		of := NightOf{Run: n.Run.ID, Started: n.Run.Started, Out: l.out[i], Trials: n.of(l.name).out, Changed: []series.Difference{}}
		if i > 0 {
			of.Changed = append(of.Changed, series.Changed(n.Run, l.nights[i-1].Run)...)
		}
		w.Nights, w.work = append(w.Nights, of), append(w.work, n.of(l.name).canary)
	}
	for _, s := range l.series {
		w.add(s, o, level)
	}
	w.order()
	l.hold(w, o)
	return w
}

// add looks at one series.
func (w *Workload) add(s *points, o Options, level float64) {
	at := slices.IndexFunc(w.Measures, func(m compare.Measure) bool { return m.Text == s.measure.Text })
	if at < 0 {
		at = len(w.Measures)
		w.Measures = append(w.Measures, s.measure)
	}
	m := &w.Measures[at]
	out := Series{Arm: s.arm, Client: s.client, Measure: at, Event: s.event, Canary: isCanary(s, o), Points: []Point{}, Changes: []Change{}}
	if title := s.arm.Title(); out.Canary && !slices.Contains(w.Canaries, title) {
		w.Canaries = append(w.Canaries, title)
	}
	for i, n := range s.nights {
		out.Points = append(out.Points, Point{int(n), s.raw[i]})
	}
	f := fitter{s.nights, s.values, spread(s.values)}
	if len(s.values) < LeastNights {
		out.Why = fmt.Sprintf("it takes %d nights, and there are %d", LeastNights, len(s.values))
		s.shape = f.shape(nil, 0)
	} else {
		rng := compare.Seeded(w.Name, s.arm.Title(), s.measure.Text, s.event, s.nights, s.values)
		s.shape = shapeOf(s.nights, s.values, level, rng)
	}
	out.Noise = noiseOf(f.rest(s.shape))
	if relative(m) {
		out.Noise.Deviation = math.Expm1(out.Noise.Deviation)
	}
	for i := range s.shape.steps {
		out.Changes = append(out.Changes, w.step(m, s, i))
	}
	if s.shape.slope != 0 {
		out.Changes = append(out.Changes, w.drift(m, s))
	}
	w.Series = append(w.Series, out)
}

// step is the change at a step of a series. Of one that drifts too it is the way from
// the one level to the other in that night.
func (w *Workload) step(m *compare.Measure, s *points, i int) Change {
	at := s.nights[s.shape.steps[i]]
	level := func(i int) float64 { return unscaled(m, s.shape.levels[i]+s.shape.slope*at) }
	c := Change{Kind: Step, Night: int(at), Before: level(i), After: level(i + 1)}
	w.finish(m, s, &c, effect(m, c.Before, c.After))
	return c
}

// drift is the slope of a series over all of its nights.
func (w *Workload) drift(m *compare.Measure, s *points) Change {
	first, last := s.nights[0], s.nights[len(s.nights)-1]
	begin := s.shape.levels[0] + s.shape.slope*first
	c := Change{Kind: Drift, Night: int(first), Before: unscaled(m, begin), After: unscaled(m, begin+s.shape.slope*(last-first))}
	if c.PerNight = s.shape.slope; relative(m) {
		c.PerNight = math.Expm1(s.shape.slope)
	}
	w.finish(m, s, &c, effect(m, c.Before, c.After))
	return c
}

func (w *Workload) finish(m *compare.Measure, s *points, c *Change, by float64) {
	c.Run, c.Effect, c.What = w.Nights[c.Night].Run, by, []series.Difference{}
	c.Better = (by > 0) == (m.Better == results.Higher)
	if c.Matters = m.Share; !relative(m) {
		c.Matters = max(m.Amount, m.Share*math.Abs(c.Before))
	}
	if c.Kind == Step {
		c.What = append(c.What, w.changedAt(c.Night, s.client)...)
	}
}

// changedAt is what changed at a night for an arm of a client, or else what did within the
// nights by which the step may be elsewhere.
func (w *Workload) changedAt(night int, client string) []series.Difference {
	for off := 0; off <= near; off++ {
		var all []series.Difference
		for _, at := range slices.Compact([]int{night - off, night + off}) {
			if at < 0 || at >= len(w.Nights) {
				continue
			}
			for _, d := range w.Nights[at].Changed {
				if d.Client == "" || d.Client == client {
					all = append(all, d)
				}
			}
		}
		if len(all) > 0 {
			return all
		}
	}
	return nil
}

// order sorts series by measure, event and arm, canaries last.
func (w *Workload) order() {
	slices.SortStableFunc(w.Series, func(a, b Series) int {
		canary := 0
		if a.Canary != b.Canary {
			canary = map[bool]int{true: 1, false: -1}[a.Canary]
		}
		return cmp.Or(cmp.Compare(a.Measure, b.Measure), cmp.Compare(a.Event, b.Event), canary, cmp.Compare(a.Arm.Title(), b.Arm.Title()))
	})
	slices.Sort(w.Canaries)
}

// With lists the changes of a standing, by workload, arm and figure.
func (t *Trend) With(s Standing) (out []string) {
	for i := range t.Workloads {
		w := &t.Workloads[i]
		for _, of := range w.Series {
			for _, c := range of.Changes {
				if c.Standing == s {
					out = append(out, fmt.Sprintf("%s, %s: %s", w.Name, of.Arm.Title(), w.Figure(&of)))
				}
			}
		}
	}
	return out
}

// Figure is what a series is of.
func (w *Workload) Figure(s *Series) string {
	name := w.Measures[s.Measure].Text
	if s.Event != "" {
		name += " of " + s.Event
	}
	return name
}

// Looked says whether any series had enough nights.
func (t *Trend) Looked() bool {
	return slices.ContainsFunc(t.Workloads, func(w Workload) bool {
		return slices.ContainsFunc(w.Series, func(s Series) bool { return s.Why == "" })
	})
}
