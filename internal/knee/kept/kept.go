// Package kept is a search for the highest rate that is held as it goes on over hours: it
// has one trial run after the other, keeps in results/held's File what each came to as soon
// as that is known, and takes it up again from the run directories of its trials.
//
// Which rate comes next is for package knee, what a trial comes to for package results/held,
// and how one is run for whoever searches.
package kept

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/knee"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/held"
	"github.com/kbench/kbench/results/summary"
)

// MostTrials is how many trials of an arm count at the most.
const MostTrials = 40

// Search is one that is kept in a directory.
type Search struct {
	Knee *held.Knee
	Dir  string

	course *knee.Course
	names  []string // of the arms, in the order of their searches
}

// Begin begins a search of each arm that can do the workload. Nothing is written before
// there was a trial.
func Begin(k *held.Knee, dir string) *Search {
	s := &Search{Knee: k, Dir: dir, names: Searched(k)}
	var searches []*knee.Search
	for range s.names {
		searches = append(searches, knee.New(knee.Options{From: k.From, Least: k.Least, Most: k.Most, Precision: k.Precision, Repeats: k.Repeats, Trials: MostTrials}))
	}
	s.course = knee.NewCourse(searches, k.Seed)
	return s
}

// Searched are the names of the arms that are searched.
func Searched(k *held.Knee) (names []string) {
	for _, a := range k.Arms {
		if a.Refused == "" {
			names = append(names, a.Name)
		}
	}
	return names
}

// Read reads what a search has kept.
func Read(dir string) (*held.Knee, error) {
	path := filepath.Join(dir, held.File)
	data, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%s: there is no %s in it: it is no directory of a search, or that had no trial yet", dir, held.File)
	case err != nil:
		return nil, err
	}
	k := &held.Knee{}
	if err := json.Unmarshal(data, k); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if k.Schema > held.Schema {
		return nil, fmt.Errorf("%s: it is of a newer kbench (schema %d, this one reads %d)", path, k.Schema, held.Schema)
	}
	if wrong := k.Damaged(); wrong != "" {
		return nil, fmt.Errorf("%s: it is damaged: %s; its trials are run directories, which \"kbench report\" shows", path, wrong)
	}
	return k, nil
}

// Again takes a search up again: its trials are judged anew, from their run directories, and
// all that follows from them is derived once more.
func Again(k *held.Knee, dir string) (*Search, error) {
	s := Begin(k, dir)
	for i := range k.Steps {
		step := &k.Steps[i]
		if step.Run != "" {
			trial, err := judged(filepath.Join(dir, step.Run))
			if err != nil {
				return nil, err
			}
			step.Trial = trial
		}
		which := slices.Index(s.names, step.Arm)
		if which < 0 {
			return nil, fmt.Errorf("%s: trial %d is of %s, which is no arm of it", filepath.Join(dir, held.File), i+1, step.Arm)
		}
		s.course.Next() // so that its turns are those that they were
		if err := s.tell(which, step); err != nil {
			return nil, fmt.Errorf("%s: trial %d: %w", filepath.Join(dir, held.File), i+1, err)
		}
	}
	s.derive()
	return s, nil
}

// InUse is an error where somebody else is at a trial of the search.
func (s *Search) InUse() error {
	all, err := os.ReadDir(s.Dir)
	if err != nil {
		return err
	}
	for _, of := range all {
		if !of.IsDir() {
			continue
		}
		if err := results.InUse(filepath.Join(s.Dir, of.Name())); err != nil {
			return fmt.Errorf("%w; wait until it has ended", err)
		}
	}
	return nil
}

// judged judges one run directory.
func judged(path string) (held.Trial, error) {
	dir, err := results.Open(path)
	if err != nil {
		return held.Trial{}, err
	}
	s, err := dir.Summary()
	if err != nil {
		var unwritten *summary.Unwritten
		if s, err = summary.Write(dir); err != nil && !errors.As(err, &unwritten) {
			return held.Trial{}, err
		}
	}
	return Judge(dir, s)
}

// Judge judges a run, which has one trial.
func Judge(dir *results.Dir, s *results.Summary) (held.Trial, error) {
	trials, err := dir.Trials()
	if err != nil {
		return held.Trial{}, err
	}
	if len(trials) != 1 {
		return held.Trial{}, fmt.Errorf("%s: it has %d trials, and a trial of a search is a run of its own", dir.Path(), len(trials))
	}
	return held.Judge(dir.Run(), trials[0], s), nil
}

// tell tells a search what a trial came to.
func (s *Search) tell(which int, step *held.Step) error {
	known := true
	switch search := s.course.Searches[which]; step.Outcome {
	case held.Held, held.NotHeld:
		known = search.Tried(step.Rate, step.Outcome == held.Held)
	default:
		came := knee.ToNothing
		switch {
		case len(step.Missed) > 0:
			came = knee.ToMissed
		case step.Limit == held.Machine:
			came = knee.ToHeld
		}
		known = search.Undecided(step.Rate, came, step.Why)
	}
	if s.course.Had(which); !known {
		return fmt.Errorf("%g/s is no rate of the search", step.Rate)
	}
	return nil
}

// derive writes down what is known of each arm.
func (s *Search) derive() {
	k := s.Knee
	for i := range k.Arms {
		a := &k.Arms[i]
		which := slices.Index(s.names, a.Name)
		if which < 0 {
			continue
		}
		x := s.course.Searches[which].Answer()
		a.Held, a.HeldIn = x.Held, held.Tally{Held: x.HeldIn.Held, NotHeld: x.HeldIn.Missed}
		a.NotHeld, a.NotHeldIn = x.Missed, held.Tally{Held: x.MissedIn.Held, NotHeld: x.MissedIn.Missed}
		if a.Trials, a.Found, a.Why = x.Trials, x.Found, x.Why; !a.Found {
			a.Why = cmp.Or(a.Why, k.Ended)
		}
	}
	k.Derive()
}

// Trials are what a search has run.
type Trials struct {
	Length time.Duration // of one, about
	// Run runs one, of the arm and the rate of the step, and fills in the rest of it. Its
	// error ends the search.
	Run func(context.Context, *held.Step) error
	// Told is told of each that was run, the n-th.
	Told func(n int, step *held.Step)
}

// Run has one trial run after the other, until all is known or the time is up, and keeps
// each. What ended it before its time stands in the Knee, which is to be saved with it.
func (s *Search) Run(ctx context.Context, t Trials) (err error) {
	s.Knee.Ended, err = s.run(ctx, t)
	s.derive()
	return err
}

func (s *Search) run(ctx context.Context, t Trials) (ended string, err error) {
	k := s.Knee
	for {
		which, rate, more := s.course.Next()
		if !more {
			return "", nil
		}
		took, longest := k.Took()
		if longest = max(longest, t.Length); k.For > 0 && took+longest > time.Duration(k.For) {
			return fmt.Sprintf("a further trial would not have ended within %s", time.Duration(k.For)), nil
		}
		step := held.Step{Arm: s.names[which], Rate: rate}
		if err := t.Run(ctx, &step); err != nil {
			if errors.Is(err, conduct.ErrInterrupted) {
				return "it was interrupted", err
			}
			return "it failed", err
		}
		k.Steps = append(k.Steps, step)
		if err := s.tell(which, &step); err != nil {
			return "", err
		}
		t.Told(len(k.Steps), &step)
		s.derive()
		if err := s.Save(); err != nil {
			return "", err
		}
	}
}

// Save writes down what is known.
func (s *Search) Save() error {
	data, err := json.MarshalIndent(s.Knee, "", "  ")
	if err == nil {
		err = os.MkdirAll(s.Dir, 0o755)
	}
	if err != nil {
		return err
	}
	return results.WriteFile(filepath.Join(s.Dir, held.File), append(data, '\n'))
}
