package summary

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
)

// leaks tells what the members held before the acts and after them, where the workload
// has that read. Of members that came or went in between, and of those that owned more
// partitions at one of the times, nothing is known.
func (b *builder) leaks() {
	if !b.trial.Spec.Leaks {
		return
	}
	var known []evidence.Kept
	for _, k := range b.kept {
		if k.Had == k.Has {
			known = append(known, k)
			continue
		}
		b.warn(results.Remarkf(results.KindLeakNotKnown, "what it leaked is not known: it owned %d partitions before and %d after, and holds something for each", k.Had, k.Has).
			By(k.Worker).With("partitions_before", results.UnitCount, float64(k.Had)).With("partitions_after", results.UnitCount, float64(k.Has)))
	}
	for _, reopened := range []bool{true, false} {
		of := slices.DeleteFunc(slices.Clone(known), func(k evidence.Kept) bool { return k.Reopened != reopened })
		for _, h := range held() {
			b.worstOf(of, h)
		}
	}
	for i := range known {
		b.tellLeak(&known[i])
	}
	if untold := b.untold; untold > 0 {
		b.warn(results.Remarkf(results.KindLeakNotKnown, "of %d members that came, went or were killed between the two readings it is not known what they leaked", untold).
			With("members", results.UnitCount, float64(untold)))
	}
}

// holding is something that a process holds.
type holding struct {
	metric, things string
	of             func(*evidence.Reading) (n float64, known bool)
}

func held() []holding {
	count := func(of func(*evidence.Reading) int64) func(*evidence.Reading) (float64, bool) {
		return func(r *evidence.Reading) (float64, bool) { return float64(of(r)), true }
	}
	return []holding{
		{results.LeakGoroutines, "goroutines", count(func(r *evidence.Reading) int64 { return r.Goroutines })},
		{results.LeakConnections, "connections", count(func(r *evidence.Reading) int64 { return r.Connections })},
		{results.LeakHeap, "bytes of heap", count(func(r *evidence.Reading) int64 { return r.Heap })},
		{results.LeakBlocked, "goroutines that nothing can wake", func(r *evidence.Reading) (n float64, known bool) {
			for _, m := range r.Blocked {
				n += float64(m)
			}
			return n, r.Blocked != nil
		}},
	}
}

// per is the number of cycles that a growth is given for.
const per = 100

// growth is how much more of it a member holds after that many cycles.
func (h holding) growth(k *evidence.Kept) (before, after, grew float64, known bool) {
	before, known = h.of(k.Before)
	after, too := h.of(k.After)
	return before, after, (after - before) * per / float64(k.Cycles), known && too
}

func classOf(k *evidence.Kept) string {
	if k.Reopened {
		return results.LeakReopened
	}
	return results.LeakStayed
}

// worstOf adds the rows of something that members hold, of the one that grew most.
func (b *builder) worstOf(members []evidence.Kept, h holding) {
	var worst *evidence.Kept
	most := 0.0
	for i := range members {
		if _, _, grew, known := h.growth(&members[i]); known && (worst == nil || grew > most) {
			worst, most = &members[i], grew
		}
	}
	if worst == nil {
		return
	}
	before, after, _, _ := h.growth(worst)
	m, _ := results.LookupMetric(h.metric)
	for _, r := range []struct {
		class string
		value float64
	}{{results.LeakBefore, before}, {results.LeakAfter, after}, {"", most}} {
		b.add(results.Row{Role: results.RoleConsumer, Class: classOf(worst) + r.class, Metric: h.metric, Unit: m.Unit, Value: r.value, N: int64(worst.Cycles)})
	}
}

// mostSites is how many stacks are named of a member.
const mostSites = 3

// tellLeak names what has grown with the cycles: by one for ten of them, and five at the
// least, or by twice that without any stack that did. A group that is settled has a few
// goroutines and connections more at one time than at another.
func (b *builder) tellLeak(k *evidence.Kept) {
	least := max(k.Cycles/10, 5)
	cycles := fmt.Sprintf("%d acts on the group", k.Cycles)
	if k.Reopened {
		cycles = fmt.Sprintf("%d times that its client was closed and opened again", k.Cycles)
	}
	for _, h := range held() {
		var grown []profiles.Growth
		enough := 2 * least
		switch h.metric {
		case results.LeakHeap:
			continue // no size of it is a sign by itself
		case results.LeakConnections:
			enough = least // nobody counts them by what they are for
		case results.LeakGoroutines:
			grown = profiles.Grown(k.Before.Sites, k.After.Sites, least)
		case results.LeakBlocked:
			grown = profiles.Grown(k.Before.Blocked, k.After.Blocked, least)
		}
		before, after, _, known := h.growth(k)
		if !known || after-before < float64(enough) && len(grown) == 0 {
			continue
		}
		r := results.Remarkf(results.Kind(h.metric), "%.0f %s became %.0f in %s%s", before, h.things, after, cycles, sitesInWords(grown)).
			By(k.Worker).With("before", results.UnitCount, before).With("after", results.UnitCount, after)
		r.Class = classOf(k)
		b.warn(r)
	}
}

func sitesInWords(grown []profiles.Growth) string {
	var parts []string
	for _, g := range grown[:min(len(grown), mostSites)] {
		words := fmt.Sprintf("%s, %d before and %d after", path.Base(g.At), g.Before, g.After)
		if g.By != "" {
			words += ", made by " + path.Base(g.By)
		}
		parts = append(parts, words)
	}
	if more := len(grown) - mostSites; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more stacks", more))
	}
	if parts == nil {
		return ""
	}
	return ": " + strings.Join(parts, "; ")
}
