package trend

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/mod/semver"
	"golang.org/x/perf/benchmath"

	"github.com/kbench/kbench/results"
)

// isCanary says whether a series is of an arm that cannot change: one that is named, or
// one of a client at a set version.
func isCanary(s *points, o Options) bool {
	if len(o.Canaries) > 0 {
		return slices.Contains(o.Canaries, s.arm.Title()) || slices.Contains(o.Canaries, s.arm.Name)
	}
	_, version, _ := strings.Cut(s.client, "@") // latest is no version
	return version != "" && version == semver.Canonical(version)+semver.Build(version)
}

// hold gives every change its standing. What is worse is held back where a canary moved the
// same way in the same nights, by at least half as much: then what the arms have in
// common moved. The canaries are arms that cannot change, and a fixed piece of CPU work.
func (l *line) hold(w *Workload, o Options) {
	for i := range w.Series {
		s := &w.Series[i]
		for j := range s.Changes {
			c := &s.Changes[j]
			switch c.Why = l.moved(w, s, c); {
			case s.Canary:
				c.Standing, c.Why = Pinned, ""
			case math.Abs(c.Effect) < c.Matters:
				c.Standing = Small
			case c.Better:
				c.Standing = Gain
			case c.Why != "":
				c.Standing = Held
			case l.earlier || c.Kind == Step && len(w.Nights)-c.Night > o.Recent:
				c.Standing = Known
			default:
				c.Standing = Alert
			}
		}
	}
}

// moved is which canary moved with a change; empty where none did.
func (l *line) moved(w *Workload, s *Series, c *Change) string {
	m := &w.Measures[s.Measure]
	for i := range w.Series {
		if k := &w.Series[i]; k.Canary && k.Measure == s.Measure && k.Event == s.Event && k.Arm != s.Arm {
			var nights, values []float64
			for _, p := range k.Points {
				nights, values = append(nights, float64(p.Night)), append(values, p.Value)
			}
			if by, with := c.shift(s, nights, values, relative(m)); with {
				return fmt.Sprintf("%s cannot change and moved by %s", k.Arm.Title(), l.amount(w, s, by))
			}
		}
	}
	if !relative(m) || !ofTime(m.Unit) {
		return ""
	}
	var nights, values []float64
	for i, ns := range w.work {
		if ns > 0 && l.out[i] == "" {
			if m.Better == results.Higher {
				ns = 1 / ns // of a rate
			}
			nights, values = append(nights, float64(i)), append(values, ns)
		}
	}
	if by, with := c.shift(s, nights, values, true); with {
		if m.Better == results.Higher {
			by = 1/(1+by) - 1
		}
		return fmt.Sprintf("a fixed piece of CPU work takes %+.1f%% as long", 100*by)
	}
	return ""
}

// ofTime says whether a slower processor makes figures of a unit another.
func ofTime(unit string) bool {
	return unit == results.UnitNs || unit == results.UnitRate || unit == results.UnitBytesPS || unit == results.UnitSeconds
}

func (l *line) amount(w *Workload, s *Series, by float64) string {
	if m := &w.Measures[s.Measure]; !relative(m) {
		return strings.TrimSpace(fmt.Sprintf("%+.4g %s", by, m.Unit))
	}
	return fmt.Sprintf("%+.1f%%", 100*by)
}

// chance is how seldom chance alone may move a canary for it to count.
const chance = 0.05

// shift is how far a canary moved where a series changed: from the level before a step to
// the one after it, of a drift from the first half of the nights to the second. with: the
// same way, at least half as far, and not by chance.
func (c *Change) shift(s *Series, nights, values []float64, ratio bool) (by float64, with bool) {
	from, at, to := c.span(s)
	var before, after []float64
	for i, n := range nights {
		switch night := int(n); {
		case night < from || night >= to:
		case night < at:
			before = append(before, values[i])
		default:
			after = append(after, values[i])
		}
	}
	if len(before) == 0 || len(after) == 0 {
		return 0, false
	}
	by = median(after) - median(before)
	if ratio {
		by = median(after)/median(before) - 1
	}
	least := c.Effect / 2
	if c.Kind == Drift {
		least /= 2 // halves of a slope are half of it apart
	}
	sample := func(vs []float64) *benchmath.Sample {
		return benchmath.NewSample(slices.Clone(vs), &benchmath.DefaultThresholds)
	}
	far := by/least >= 1 // of one sign, too
	return by, far && benchmath.AssumeNothing.Compare(sample(before), sample(after)).P <= chance
}

// span is from where and to where the levels beside a change go, and the night of it.
func (c *Change) span(s *Series) (from, at, to int) {
	first, last := s.Points[0].Night, s.Points[len(s.Points)-1].Night+1
	if c.Kind == Drift {
		return first, (first + last) / 2, last
	}
	from, to = first, last
	for _, other := range s.Changes {
		switch {
		case other.Kind != Step || other.Night == c.Night:
		case other.Night < c.Night:
			from = max(from, other.Night)
		default:
			to = min(to, other.Night)
		}
	}
	return from, c.Night, to
}
