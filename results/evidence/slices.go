package evidence

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/window"
)

// Names of slices of a trial: what went on in the group. Rebalance and CatchUp are also
// there for a kind of event, as rebalance/join, and for one event, as rebalance/join#3.
// A phase of the way of a member through rebalances is phase/sync, and the like.
const (
	SliceSteady    = "steady"
	SliceRebalance = "rebalance"
	SliceCatchUp   = "catch-up"
	SliceDrain     = "drain"
	SlicePhase     = "phase"
)

// Slice is windows of a trial by which the samples of its workers can be cut. Kind and
// Event say whose they are, empty for those of all events.
type Slice struct {
	Name        string
	Part        string // one of the names above
	Kind, Event string
	Phase       window.Phase // of a phase

	all []profiles.Window            // of every worker
	own map[string][]profiles.Window // of a phase: of each that went through it
}

// Windows are those of a worker, disjoint, by the clock of the trial.
func (s *Slice) Windows(w *Worker) []profiles.Window {
	if s.Part == SlicePhase {
		return s.own[w.Name]
	}
	return s.all
}

// Slices are those of the trial that have any time in them, first the parts of all
// events, then the phases, then by kind of event, then by event.
func (e *Trial) Slices() []Slice {
	var out []Slice
	at := map[string]int{}
	add := func(part, kind, event string, i window.Interval) {
		name := part
		if event != "" {
			name += "/" + event
		} else if kind != "" {
			name += "/" + kind
		}
		n, known := at[name]
		if !known {
			n, at[name] = len(out), len(out)
			out = append(out, Slice{Name: name, Part: part, Kind: kind, Event: event})
		}
		out[n].all = append(out[n].all, profiles.Window{From: i.From, To: i.To})
	}
	kinds := map[string]string{}
	r := e.Windows()
	for _, ev := range r.Events {
		kinds[ev.Name] = ev.Kind
	}
	parts := map[window.Part]string{window.Steady: SliceSteady, window.Rebalance: SliceRebalance, window.CatchUp: SliceCatchUp}
	for _, s := range r.Stretches(e.Measured) {
		part := parts[s.Part]
		add(part, "", "", s.Interval)
		if s.Event != "" {
			add(part, kinds[s.Event], "", s.Interval)
			add(part, kinds[s.Event], s.Event, s.Interval)
		}
	}
	if p := e.Phase(results.PhaseDrain); p.To > p.From {
		add(SliceDrain, "", "", window.Interval{From: p.From, To: p.To})
	}
	rank := func(s Slice) int {
		switch {
		case s.Kind == "":
			return 0
		case s.Event == "":
			return 1
		}
		return 2
	}
	out = append(out, e.phases(r)...)
	slices.SortStableFunc(out, func(a, b Slice) int { return rank(a) - rank(b) })
	return out
}

// phases are those of the members' ways through the events, in their order. A member has
// windows of its own: while one waits for the others, these are on their way.
func (e *Trial) phases(r *window.Report) []Slice {
	type of struct {
		phase  window.Phase
		worker string
	}
	went := map[of][]window.Interval{}
	for i := range r.Events {
		for _, m := range r.Events[i].Members {
			for _, p := range m.Went {
				at := of{p.Phase, m.Worker}
				went[at] = append(went[at], p.Interval)
			}
		}
	}
	var out []Slice
	for _, phase := range window.Phases() {
		s := Slice{Name: SlicePhase + "/" + string(phase), Part: SlicePhase, Phase: phase, own: map[string][]profiles.Window{}}
		for i := range e.Workers {
			name := e.Workers[i].Name
			for _, w := range results.Clip(results.Union(went[of{phase, name}]), e.Measured) {
				s.own[name] = append(s.own[name], profiles.Window{From: w.From, To: w.To})
			}
		}
		if len(s.own) > 0 {
			out = append(out, s)
		}
	}
	return out
}

// Samples are the raw CPU samples of a worker, by the clock of the trial; nil where it
// left none, or where they are not as they were written, which Beside says.
func (e *Trial) Samples(w *Worker) (*profiles.Raw, error) {
	name := path.Join(results.ProfilesDir, profiles.RawFile)
	if e.beside(path.Join(w.Name, name)) {
		return nil, nil
	}
	at, err := e.raw(w.Name, name)
	var raw *profiles.Raw
	if err == nil {
		raw, err = profiles.ReadRaw(at)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", w.Name, err)
	}
	raw.Shift(-e.Clocks[w.Host])
	return raw, nil
}
