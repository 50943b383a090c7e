package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/acts"
)

// Rest says of an arm whether its group stayed as it was, where nothing was done
// to it: the most of its rounds.
type Rest struct {
	Arm         int      `json:"arm"`
	Generations float64  `json:"generations"`
	BeatGap     *float64 `json:"beat_gap_ns,omitempty"`
	Strangers   int      `json:"strangers,omitempty"` // members that kbench did not start
	// Availability is the least of its rounds, where the workload is about links.
	Availability *float64 `json:"availability,omitempty"`
}

// Slowest is, of an arm and a kind of event, the phase of the client's own doing
// that was the slowest most often.
type Slowest struct {
	Event  string  `json:"event"`
	Arm    int     `json:"arm"`
	Phase  string  `json:"phase"`
	Ns     float64 `json:"ns"`     // the median of its times
	Slower int     `json:"slower"` // events in which it was the slowest
	Events int     `json:"events"`
}

// Shared says that partitions that kept their owner stopped only because the
// coordinator's node leads them. Times are medians of the worst.
type Shared struct {
	Event  string  `json:"event"`
	Arm    int     `json:"arm"`
	Led    float64 `json:"led_ns"`    // by the coordinator's node
	Others float64 `json:"others_ns"` // by other nodes
	Worse  int     `json:"worse"`     // events in which it was so
	Events int     `json:"events"`
}

// published are pause times that are quoted widely, in ns. They hold for one
// heartbeat interval and session timeout, and most of each is that configuration.
func published(spec *workloads.Spec, kind string) float64 {
	if spec == nil || time.Duration(spec.Group.Heartbeat) != 3*time.Second || time.Duration(spec.Group.Session) != 10*time.Second {
		return 0
	}
	return map[acts.Kind]float64{acts.Join: 1850e6, acts.Leave: 1620e6, acts.Crash: 9800e6}[acts.Kind(kind)]
}

// churn adds what the events of a workload did to each arm. Without events it
// adds how much the groups were at rest.
func (w *Workload) churn() {
	all := kinds(w.Arms)
	if len(all) == 0 {
		w.atRest()
		w.rebalances()
		return
	}
	t := Table{Of: Events, Groups: []Group{}}
	for i := range w.Arms {
		if len(w.Arms[i].events()) > 0 {
			t.Arms = append(t.Arms, i)
		}
	}
	for _, kind := range all {
		t.Groups = append(t.Groups, Group{Event: kind, Published: published(w.Spec, kind), Rows: w.ofKind(kind, t.Arms)})
	}
	if rows := w.trials(t.Arms); len(rows) > 0 {
		t.Groups = append(t.Groups, Group{Rows: rows})
	}
	w.Tables = append(w.Tables, t)
	w.rebalances()
	for _, kind := range all {
		w.slowest(kind, t.Arms)
		w.shared(kind, t.Arms)
	}
	w.parts()
	w.leaks()
}

// ofKind are the rows of one kind of event.
func (w *Workload) ofKind(kind string, arms []int) []Row {
	head := Row{Label: kind + ", events", Unit: results.UnitCount}
	out := []Row{w.across(arms, head, func(a *Arm) Cell { return a.numbers(kind) })}
	add := func(label, metric string, cell func([]*event) Cell) {
		m, _ := results.LookupMetric(metric)
		row := Row{Label: label, Under: true, Metric: metric, Unit: m.Unit}
		if row = w.across(arms, row, func(a *Arm) Cell { return cell(a.ofKind(kind)) }); row.known() {
			out = append(out, row)
		}
	}
	first := "start"
	if acts.Of(acts.Kind(kind)).Leaves() {
		first = "stop"
	}
	for _, h := range []struct {
		label, metric string
		stats         []string
	}{
		{first + ", p50", results.PauseStart, []string{"p50"}},
		{"act to assigned, p50", results.PauseTotal, []string{"p50"}},
		{"wire time, p50", results.PauseWire, []string{"p50"}},
		{"floor, p50", results.PauseFloor, []string{"p50"}},
		{"wire excess, p50 / max", results.PauseWireExcess, []string{"p50", "max"}},
		{"reaction, p50 / max", results.PauseReact, []string{"p50", "max"}},
		{"generations, mean", results.GroupRounds, []string{"mean"}},
		{"gap, p50 / max", results.PauseGap, []string{"p50", "max"}},
		{"gap excess, p50 / max", results.PauseGapExcess, []string{"p50", "max"}},
		{"unexplained, p50 / max", results.PauseUnexplained, []string{"p50", "max"}},
		{"lost partition-s, mean", results.PauseLost, []string{"mean"}},
		{"broker: leaders back, p50 / max", results.BrokerLeaders, []string{"p50", "max"}},
		{"delivered again, p50 / max", results.RecoverDelivered, []string{"p50", "max"}},
		{"acknowledged again, p50 / max", results.RecoverAcked, []string{"p50", "max"}},
		{"broker: coordinator back, p50 / max", results.BrokerCoordinator, []string{"p50", "max"}},
		{"coordinator found, p50 / max", results.RecoverCoordinator, []string{"p50", "max"}},
		{"connections opened, mean", results.RecoverOpened, []string{"mean"}},
		{"Metadata requests, mean", results.RecoverMetadata, []string{"mean"}},
	} {
		add(h.label, h.metric, overEvents(h.metric, h.stats...))
	}
	causes := duplicateCauses(w.Arms, kind)
	if len(causes) == 0 {
		add("duplicates", results.PauseDuplicates, total(results.PauseDuplicates, ""))
	}
	for _, cause := range causes {
		add("duplicates, "+cause, results.PauseDuplicates, total(results.PauseDuplicates, cause))
	}
	add("evictions", results.RecoverEvictions, total(results.RecoverEvictions, ""))
	add("failed sends", results.RecoverFailed, total(results.RecoverFailed, ""))
	add("records sent again", results.RecoverRetried, total(results.RecoverRetried, ""))
	add("records out of order", results.RecoverReordered, total(results.RecoverReordered, ""))
	add("lost records", results.PauseLostRecords, total(results.PauseLostRecords, ""))
	return out
}

// trials are the rows about whole trials with churn: medians over rounds.
func (w *Workload) trials(arms []int) []Row {
	var out []Row
	for _, h := range []struct {
		label, metric, class string
		role                 results.Role
	}{
		{"availability", results.PauseAvailability, "", ""},
		{"generations per change", results.GroupAmplification, "", ""},
		{"recovery after last act", results.GroupRecovery, "", ""},
		{"longest between beats", results.GroupBeatGap, "", ""},
		{"in events", results.GroupBeatGap, "events", ""},
		{"connections opened", results.WireOpened, "", results.RoleConsumer},
	} {
		m, _ := results.LookupMetric(h.metric)
		row := w.across(arms, Row{Label: h.label, Under: h.class != "", Metric: h.metric, Role: h.role, Unit: m.Unit}, func(a *Arm) Cell {
			return overRounds(h.metric, "", a.inClass(h.metric, "", m.Unit, h.role, h.class))
		})
		if row.known() {
			out = append(out, row)
		}
	}
	return out
}

// slowest adds, for one kind of event, which phase of each client was the slowest
// most often.
func (w *Workload) slowest(kind string, arms []int) {
	var found []Slowest
	for _, i := range arms {
		times := map[string][]float64{}
		n := 0
		for _, e := range w.Arms[i].ofKind(kind) {
			if !e.fit() {
				continue
			}
			n++
			if phase, ns := e.slowest(); phase != "" {
				times[phase] = append(times[phase], ns)
			}
		}
		phases := sortedKeys(times)
		if len(phases) == 0 {
			continue
		}
		slices.SortStableFunc(phases, func(a, b string) int {
			return cmp.Or(cmp.Compare(len(times[b]), len(times[a])), cmp.Compare(median(times[b]), median(times[a])))
		})
		most := phases[0]
		found = append(found, Slowest{kind, i, most, median(times[most]), len(times[most]), n})
	}
	slices.SortStableFunc(found, func(a, b Slowest) int { return cmp.Compare(b.Ns, a.Ns) })
	w.Slowest = append(w.Slowest, found...)
}

// shared adds where partitions that kept their owner stopped only because the
// coordinator's node leads them.
func (w *Workload) shared(kind string, arms []int) {
	const clear = 100e6 // ns; what a noisy machine makes of a gap is not worth a line
	for _, i := range arms {
		var led, others []float64
		worse := 0
		for _, e := range w.Arms[i].ofKind(kind) {
			l, ok := e.ofClass(results.PauseGap, results.LedByCoordinator)
			o, ok2 := e.ofClass(results.PauseGap, results.LedElsewhere)
			if !e.fit() || !ok || !ok2 {
				continue
			}
			led, others = append(led, l), append(others, o)
			if l > 2*o && l-o > clear {
				worse++
			}
		}
		if 2*worse > len(led) {
			w.Shared = append(w.Shared, Shared{kind, i, median(led), median(others), worse, len(led)})
		}
	}
}

// atRest says of each arm whether its group stayed as it was.
func (w *Workload) atRest() {
	for i := range w.Arms {
		a := &w.Arms[i]
		generations, gaps := a.values(results.GroupGenerations, "", results.UnitCount, ""), a.values(results.GroupBeatGap, "", results.UnitNs, "")
		if len(generations) == 0 {
			continue
		}
		r := Rest{Arm: i, Generations: slices.Max(generations)}
		if n := a.values(results.GroupStrangers, "", results.UnitCount, ""); len(n) > 0 {
			r.Strangers = int(slices.Max(n))
		}
		if len(gaps) > 0 {
			longest := slices.Max(gaps)
			r.BeatGap = &longest
		}
		if v := a.values(results.PauseAvailability, "", results.UnitRatio, ""); len(v) > 0 {
			least := slices.Min(v)
			r.Availability = &least
		}
		w.Rest = append(w.Rest, r)
	}
}
