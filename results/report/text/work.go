package text

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/results/report"
	"github.com/kbench/kbench/workloads"
)

// saying is how fields of a workload are put into words. A field that nobody
// says anything of is said by its path, where it is not at its default: whoever
// adds one need not come here.
type saying struct {
	paths  []string
	always func(*workloads.Spec) bool // also where all of them are at their defaults; nil: never
	words  func(*workloads.Spec) string
}

func always(*workloads.Spec) bool       { return true }
func produces(s *workloads.Spec) bool   { return s.Kind() != workloads.Backlog }
func consumes(s *workloads.Spec) bool   { return s.Consume.Members > 0 }
func churns(s *workloads.Spec) bool     { return len(s.Churn) > 0 }
func closesLoop(s *workloads.Spec) bool { return produces(s) && s.Produce.Rate.Max }

// sayings are in the order of the sentence.
func sayings() []saying {
	one := func(path string, when func(*workloads.Spec) bool, words func(*workloads.Spec) string) saying {
		return saying{[]string{path}, when, words}
	}
	named := func(name, path string, when func(*workloads.Spec) bool) saying {
		return one(path, when, func(s *workloads.Spec) string { return name + " " + s.Says(path) })
	}
	return []saying{
		one("records.size", always, func(s *workloads.Spec) string { return sizeOf(s.Records.Size) + " records" }),
		{[]string{"records.keys.kind", "records.keys.count", "records.keys.skew", "records.keys.size"}, nil, keysOf},
		one("topic.partitions", always, func(s *workloads.Spec) string { return count(int64(s.Topic.Partitions), "partition") }),
		one("consume.backlog", nil, func(s *workloads.Spec) string { return "a backlog of " + grouped(float64(s.Consume.Backlog), 0) }),
		{[]string{"produce.rate", "produce.schedule"}, produces, loadOf},
		one("produce.window", closesLoop, func(s *workloads.Spec) string { return grouped(float64(s.Produce.Window), 0) + " outstanding" }),
		one("produce.producers", nil, func(s *workloads.Spec) string { return "over " + count(int64(s.Produce.Producers), "producer") }),
		one("produce.by", nil, func(s *workloads.Spec) string { return "by a reference producer" }),
		named("acks", "produce.acks", produces),
		named("codec", "produce.codec", produces),
		one("consume.members", consumes, membersOf),
		one("consume.handler.time", nil, func(s *workloads.Spec) string { return "handler " + s.Says("consume.handler.time") + " a record" }),
		named("isolation", "consume.isolation", nil),
		one("group.static", nil, func(*workloads.Spec) string { return "static membership" }),
		named("protocol", "group.protocol", nil),
		named("assignors", "group.assignors", churns),
		named("session", "group.session", churns),
		named("heartbeat", "group.heartbeat", churns),
	}
}

// work says what every client did, and what each did in its own way.
func (p *page) work(w *report.Workload) {
	if w.Spec == nil {
		return
	}
	own := owned(w)
	parts := workOf(w, own)
	if m := measured(w); m != "" {
		parts = append(parts, m)
	}
	if w.Spec.Sample {
		parts = append(parts, "a sample, not a measurement")
	}
	p.wrapped("  ", strings.Join(parts, ", "))
	if len(w.Spec.Churn) > 0 {
		p.wrapped("  churn    ", churnOf(w.Spec.Churn))
	}
	if len(w.Spec.Compare) > 0 {
		p.wrapped("  compared by ", strings.Join(w.Spec.Compare, ", "))
	}
	for _, g := range inTheirWay(w, own) {
		p.wrapped("  "+strings.Join(g.who, ", ")+": ", g.words)
	}
}

// workOf are the parts of the sentence about the work: what is always said, and
// what is not at its default. Fields that lanes have in their own ways are left
// to those.
func workOf(w *report.Workload, own map[string]bool) []string {
	unusual, varies := map[string]string{}, map[string]string{}
	for _, u := range w.Unusual {
		unusual[u.Path] = u.Value
	}
	for _, v := range w.Varies {
		varies[v.Path] = or(v.Values) + " by arm"
		unusual[v.Path] = varies[v.Path]
	}
	maps.DeleteFunc(unusual, func(path, _ string) bool { return own[path] })
	var parts []string
	plain := func(path string) {
		if v, ok := unusual[path]; ok {
			parts = append(parts, shortPath(path)+" "+v)
			delete(unusual, path)
		}
	}
	if measured(w) != "" && varies["phases.measure"] == "" {
		delete(unusual, "phases.measure") // it is said last, as it was
	}
	for _, s := range sayings() {
		differs := slices.ContainsFunc(s.paths, func(path string) bool { return varies[path] != "" || own[path] })
		said := s.always != nil && s.always(w.Spec) || slices.ContainsFunc(s.paths, func(path string) bool { return unusual[path] != "" })
		words := ""
		if !differs && said {
			words = s.words(w.Spec)
		}
		for _, path := range s.paths {
			if words == "" {
				plain(path)
			}
			delete(unusual, path)
		}
		if words != "" {
			parts = append(parts, words)
		}
	}
	for _, u := range w.Unusual {
		plain(u.Path)
	}
	for _, v := range w.Varies {
		plain(v.Path)
	}
	return parts
}

// or lists values of which an arm has one.
func or(values []string) string {
	last := len(values) - 1
	if last < 1 {
		return strings.Join(values, "")
	}
	return strings.Join(values[:last], ", ") + " or " + values[last]
}

// owned are the settings that lanes have in their own ways: not every arm has
// what the workload says.
func owned(w *report.Workload) map[string]bool {
	out := map[string]bool{}
	for i := range w.Arms {
		for _, s := range w.Arms[i].Own {
			if s.Value != w.Spec.Says(s.Path) {
				out[s.Path] = true
			}
		}
	}
	return out
}

// way is what some arms have in the same way.
type way struct {
	who   []string
	words string
}

// inTheirWay says of each arm what it has where lanes differ.
func inTheirWay(w *report.Workload, own map[string]bool) []way {
	var out []way
	for i := range w.Arms {
		a := &w.Arms[i]
		has := map[string]string{}
		for path := range own {
			if v := w.Spec.Says(path); v != "" {
				has[path] = v
			}
		}
		for _, s := range a.Own {
			if own[s.Path] {
				has[s.Path] = s.Value
			}
		}
		var parts []string
		for _, path := range slices.Sorted(maps.Keys(has)) {
			parts = append(parts, shortPath(path)+" "+has[path])
		}
		words := strings.Join(parts, "; ")
		same := slices.IndexFunc(out, func(o way) bool { return o.words == words })
		switch {
		case words == "":
		case same >= 0:
			out[same].who = append(out[same].who, a.Title())
		default:
			out = append(out, way{[]string{a.Title()}, words})
		}
	}
	return out
}

// shortPath leaves out the section of a path whose last part says enough.
func shortPath(path string) string {
	switch path {
	case "produce.acks", "produce.codec", "produce.idempotent", "produce.linger", "consume.isolation", "group.assignors", "group.session", "group.heartbeat", "group.protocol":
		return path[strings.IndexByte(path, '.')+1:]
	}
	return path
}

// measured is how long was measured: what was asked for, but under churn, where
// nobody asks for a length, and of a backlog, which ends when it is read.
func measured(w *report.Workload) string {
	least, most := w.Measured[0].Round(time.Second), w.Measured[1].Round(time.Second)
	switch {
	case len(w.Spec.Churn) > 0 && most > least:
		return fmt.Sprintf("%s to %s measured", least, most)
	case len(w.Spec.Churn) > 0 && most > 0:
		return most.String() + " measured"
	case len(w.Spec.Churn) > 0 || w.Spec.Kind() == workloads.Backlog:
		return ""
	default:
		return w.Spec.Phases.Measure.String() + " measured"
	}
}

func membersOf(s *workloads.Spec) string {
	switch {
	case s.Consume.Members == 0:
		return "nothing consumes"
	case len(s.Churn) > 0:
		return count(int64(s.Consume.Members), "member") + " that come and go"
	default:
		return count(int64(s.Consume.Members), "member")
	}
}

// loadOf is the load as it runs.
func loadOf(s *workloads.Spec) string {
	p := &s.Produce
	rate := rateOf(p.Rate.PerSecond)
	switch {
	case p.Rate.Max && p.Schedule.Kind != "constant":
		return "rate max, schedule " + s.Says("produce.schedule")
	case p.Rate.Max:
		return "rate max"
	case p.Schedule.Kind == "bursts":
		return fmt.Sprintf("%s: %s and %s", rateOf(p.Mean()), rate, s.Says("produce.schedule"))
	case p.Schedule.Kind == "ramp":
		return fmt.Sprintf("%s in the mean: ramp from %s to %s", rateOf(p.Mean()), rateOf(p.Schedule.From*p.Rate.PerSecond), rate)
	case p.Schedule.Kind == "steps":
		return fmt.Sprintf("%s in the mean: %s of %s", rateOf(p.Mean()), s.Says("produce.schedule"), rate)
	default:
		return rate + " " + p.Schedule.Kind
	}
}

// keysOf is which keys records have, empty for none.
func keysOf(s *workloads.Spec) string {
	k := s.Records.Keys
	if k.Kind == "none" {
		return ""
	}
	words := fmt.Sprintf("%s keys of %d B, %s", grouped(float64(k.Count), 0), k.Size, k.Kind)
	if k.Kind == "zipf" || k.Skew != workloads.Default().Records.Keys.Skew {
		words += " " + s.Says("records.keys.skew")
	}
	return words
}

// rateOf writes a rate by the minute where a second has less than one record.
func rateOf(perSecond float64) string {
	if perSecond < 1 {
		return significant(perSecond*60) + "/min"
	}
	return grouped(perSecond, 0) + "/s"
}

func sizeOf(s workloads.Size) string {
	if s.Uniform[1] == 0 && s.Median == 0 && len(s.Choice) == 0 {
		return grouped(float64(s.Fixed), 0) + " B"
	}
	spec := workloads.Spec{Records: workloads.Records{Size: s}}
	return spec.Says("records.size")
}

// churnOf is the timeline, entry by entry.
func churnOf(entries []workloads.ChurnEntry) string {
	var out []string
	for i := range entries {
		e := &entries[i]
		words := e.Do + strings.Join(e.Cycle, ", ")
		if e.Times > 1 {
			words += fmt.Sprintf(" ×%d", e.Times)
		}
		if parts := entryOf(e); len(parts) > 0 {
			words += " (" + strings.Join(parts, ", ") + ")"
		}
		out = append(out, words)
	}
	return strings.Join(out, "; ")
}

// entryOf are the parts of an entry beside what is done.
func entryOf(e *workloads.ChurnEntry) []string {
	var parts []string
	for _, p := range []struct {
		there  bool
		format string
		value  any
	}{
		{e.At > 0, "at %s", e.At}, {e.Every > 0, "every %s", e.Every}, {e.When != "", "when %s", e.When}, {e.For > 0, "for %s", e.For},
		{e.Rate.PerSecond > 0, "at %s", rateOf(e.Rate.PerSecond)}, {e.Phase != "", "phase %s", e.Phase}, {e.Target != "", "target %s", e.Target},
		{e.Count > 0, "count %d", e.Count}, {len(e.To) > 0, "to %s", strings.Join(e.To, ",")}, {e.ID != "", "id %s", e.ID},
	} {
		if p.there {
			parts = append(parts, fmt.Sprintf(p.format, p.value))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(e.With)) {
		parts = append(parts, fmt.Sprintf("with %s %v", path, e.With[path]))
	}
	if e.Restore != nil && !*e.Restore {
		parts = append(parts, "not restored")
	}
	return parts
}
