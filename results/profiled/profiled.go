// Package profiled finds the profiles that the trials of a run left, and brings them
// together: over the rounds of an arm, and over the workers of a role. It knows of how
// many records each is, so that they can be held against each other per record.
//
//	profiled  the run directory -> sets of profiles
//	choose    which of them are meant
//	ledger    a set -> what each layer costs per record
//	diff      two sets -> what one has more than the other
//	top       the functions that have the most of either
//	pages     all of it as pprof's pages, with an index
//
// A terminal shows it by package text.
package profiled

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/summary"
)

// Key says what the profiles of a set have in common.
type Key struct {
	Workload string
	Arm      string // with its lane, where that is not matched
	Role     results.Role
	Worker   string // "": all workers of the role
	Kind     profiles.Kind
	Slice    string // "": all of the measured part
}

// Set is profiles of one kind that belong together.
type Set struct {
	Key
	Run             string // its id
	Client, Version string
	Cost            summary.Cost // of all of them; of a slice nothing but the CPU time
	Samples         int64        // of profiles of CPU and memory, of which those are about so many
	Windows         int          // of a slice: of all its workers
	Time            int64        // of a slice: how long those are together, ns

	parts []part
}

// part is one file, as it is on the disk: parsed they are ten times as large.
type part struct {
	round, trial int
	worker       string
	data         []byte
}

// Few says that it has so few samples that only what is large in it says anything.
func (s *Set) Few() bool { return s.counts() && s.Samples < profiles.EnoughSamples }

// counts says that it is known how many samples the set has.
func (s *Set) counts() bool {
	return s.Kind == profiles.CPU || s.Kind == profiles.Allocs || s.Kind == profiles.Heap
}

// Files is how many profiles are in it, each of one process.
func (s *Set) Files() int { return len(s.parts) }

// Rounds and Workers are how many of them there are files of.
func (s *Set) Rounds() int  { return distinct(s.parts, func(p part) int { return p.round }) }
func (s *Set) Workers() int { return distinct(s.parts, func(p part) string { return p.worker }) }

func distinct[K comparable](parts []part, of func(part) K) int {
	seen := map[K]bool{}
	for _, p := range parts {
		seen[of(p)] = true
	}
	return len(seen)
}

// Profile merges the files of the set.
func (s *Set) Profile() (*profile.Profile, error) {
	all := make([]*profile.Profile, 0, len(s.parts))
	for _, part := range s.parts {
		p, err := part.parse()
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	p, err := profile.Merge(all)
	if err != nil {
		return nil, fmt.Errorf("merge the %s profiles of %s: %w", s.Kind, s.Arm, err)
	}
	return p, nil
}

func (p part) parse() (*profile.Profile, error) {
	out, err := profile.ParseData(p.data)
	if err != nil {
		return nil, fmt.Errorf("profile of %s in trial %d: %w", p.worker, p.trial, err)
	}
	return out, nil
}

// Run is the profiles of a run.
type Run struct {
	ID       string
	Sets     []*Set           // of roles, each followed by those of its workers where there are several
	Warnings []results.Remark // of trials whose profiles are left out, and files
	Asked    []profiles.Kind  // that were to be taken

	clients map[string]string // with their versions
}

// Load finds the profiles of the complete trials of a run.
func Load(d *results.Dir) (*Run, error) {
	trials, err := d.Trials()
	if err != nil {
		return nil, err
	}
	r := &Run{ID: d.Run().ID, Asked: d.Run().Profiles, clients: d.Run().Clients}
	sets := map[Key]*Set{}
	for _, t := range trials {
		if t.State != results.StateComplete {
			continue
		}
		if err := r.trial(d, t, sets); err != nil {
			r.Warnings = append(r.Warnings, results.Remarkf(results.KindDamaged, "its profiles are left out: %v", err).In(t.Ref))
		}
	}
	for key, s := range sets {
		all := key
		if all.Worker = ""; key == all || sets[all].Workers() > 1 {
			r.Sets = append(r.Sets, s)
		}
	}
	r.Sets = slices.DeleteFunc(r.Sets, func(s *Set) bool { return s.Slice != "" && s.Samples == 0 })
	slices.SortFunc(r.Sets, func(a, b *Set) int { return compare(a.Key, b.Key) })
	return r, nil
}

// compare puts keys in the order in which they are shown.
func compare(a, b Key) int {
	kind := func(k Key) int { return slices.Index(profiles.Kinds(), k.Kind) }
	return cmp.Or(cmp.Compare(a.Workload, b.Workload), cmp.Compare(a.Arm, b.Arm), -cmp.Compare(a.Role, b.Role), cmp.Compare(kind(a), kind(b)),
		cmp.Compare(a.Slice, b.Slice), cmp.Compare(a.Worker, b.Worker))
}

// trial adds the profiles of a trial.
func (r *Run) trial(d *results.Dir, t *results.Trial, sets map[Key]*Set) error {
	e, err := evidence.Load(d, t)
	if err != nil {
		return err
	}
	costs := summary.Costs(e)
	parts := e.Slices()
	if err := errors.Join(e.Err(), e.Close(), e.Unread()); err != nil {
		return err
	}
	for i := range e.Workers {
		w := &e.Workers[i]
		if err := r.slices(e, w, parts, sets); err != nil {
			r.Warnings = append(r.Warnings, results.Remarkf(results.KindDamaged, "no part of it can be cut out: %v", err).In(t.Ref).By(w.Name))
		}
		for _, k := range profiles.Kinds() {
			if !k.IsPprof() {
				continue
			}
			data, err := e.Profile(w, k)
			if data == nil && err == nil {
				continue
			}
			p := part{t.Ref.Round, t.Ref.N, w.Name, data}
			n := int64(0)
			if err == nil {
				n, err = p.samples()
			}
			if err != nil {
				r.Warnings = append(r.Warnings, results.Remarkf(results.KindDamaged, "it is left out: %v", err).In(t.Ref).By(w.Name))
				continue
			}
			for _, s := range r.of(sets, t, w, Key{Kind: k}) {
				s.add(p, costs[w.Name], n)
			}
		}
	}
	return nil
}

// of are the sets that a worker's profile goes into: that of all workers, and its own.
func (r *Run) of(sets map[Key]*Set, t *results.Trial, w *evidence.Worker, key Key) (out []*Set) {
	key.Workload, key.Arm, key.Role = t.Ref.Workload, title(t.Ref), w.Role
	for _, key.Worker = range []string{"", w.Name} {
		if sets[key] == nil {
			_, version, _ := strings.Cut(r.clients[w.Client], "@")
			sets[key] = &Set{Key: key, Run: r.ID, Client: w.Client, Version: version, Cost: summary.Cost{Known: true}}
		}
		out = append(out, sets[key])
	}
	return out
}

// slices adds what parts of the trial can be cut out of the samples of a worker.
func (r *Run) slices(e *evidence.Trial, w *evidence.Worker, parts []evidence.Slice, sets map[Key]*Set) error {
	raw, err := e.Samples(w)
	if raw == nil || err != nil {
		return err
	}
	for _, of := range parts {
		labels := map[string]string{"client": w.Client, "role": string(w.Role), "worker": w.Name, "slice": of.Name}
		cut, err := profiles.Build(of.Name, profiles.Cut{Raw: raw, Labels: labels, Windows: of.Windows(w)})
		if err != nil {
			return err
		}
		if cut.Windows == 0 {
			continue // it did not run then
		}
		var data bytes.Buffer
		if err := cut.Profile.Write(&data); err != nil {
			return err
		}
		p := part{e.Ref.Round, e.Ref.N, w.Name, data.Bytes()}
		for _, s := range r.of(sets, e.Trial, w, Key{Kind: profiles.CPU, Slice: of.Name}) {
			s.add(p, summary.Cost{CPU: float64(cut.CPU), Known: cut.CPU > 0}, cut.Samples)
			s.Windows, s.Time = s.Windows+cut.Windows, s.Time+cut.Time
		}
	}
	return nil
}

// samples is how many samples the file has, as far as that is known.
func (p part) samples() (int64, error) {
	out, err := p.parse()
	if err != nil {
		return 0, err
	}
	return profiles.Samples(out), nil
}

func (s *Set) add(p part, c summary.Cost, samples int64) {
	s.parts = append(s.parts, p)
	s.Samples += samples
	s.Cost.Records += c.Records
	s.Cost.CPU, s.Cost.Allocs, s.Cost.Bytes = s.Cost.CPU+c.CPU, s.Cost.Allocs+c.Allocs, s.Cost.Bytes+c.Bytes
	s.Cost.Known = s.Cost.Known && c.Known
}

// title is the name of an arm, outside the matched lane with its lane.
func title(ref results.TrialRef) string {
	if ref.Lane == "" || ref.Lane == string(drivers.Matched) || strings.HasSuffix(ref.Arm, "@"+ref.Lane) {
		return ref.Arm
	}
	return ref.Arm + "@" + ref.Lane
}
