package summary

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/window"
)

// derive replaces a file that is made of the raw ones, such as the pauses.json of a
// trial: everything per event, per partition and per member, for those to whom the
// rows of the summary are too coarse. Where there is nothing to be said, one of an
// earlier analysis is removed: it would contradict the summary.
func derive(path string, some bool, encode func() ([]byte, error)) error {
	if !some {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("remove stale %s: %w", filepath.Base(path), err)
		}
		return nil
	}
	data, err := encode()
	if err != nil {
		return fmt.Errorf("encode %s: %w", filepath.Base(path), err)
	}
	if err := results.WriteFile(path, data); err != nil {
		return fmt.Errorf("write %s: %w", filepath.Base(path), err)
	}
	return nil
}

// pauses is the shape of pauses.json. Times are ns of the host's monotonic
// clock, as everywhere in the run directory, and durations are ns. What is not
// known is left out, so that 0 means zero.
type pauses struct {
	Schema        int             `json:"schema"`
	Trial         int             `json:"trial"`
	Partitions    int             `json:"partitions"`
	Down          *int64          `json:"down_ns,omitempty"`
	Availability  *float64        `json:"availability,omitempty"`
	Late          *int64          `json:"late,omitempty"`
	Lost          int64           `json:"lost"`
	Generations   int             `json:"generations"`
	Changes       int             `json:"changes"`
	Amplification float64         `json:"amplification"`
	Storms        *[]window.Storm `json:"storms,omitempty"` // not looked for under KIP-848
	Recovery      *int64          `json:"recovery_ns,omitempty"`
	Events        []pausesEvent   `json:"events"`
	Warnings      []string        `json:"warnings"`
}

type pausesEvent struct {
	Name             string            `json:"name"`
	Counted          bool              `json:"counted"`
	Merged           bool              `json:"merged"`
	Acts             []int             `json:"acts"` // numbers in trial.json
	Window           window.Interval   `json:"window"`
	Settled          bool              `json:"settled"`
	Protocol         string            `json:"protocol"`
	T0               int64             `json:"t0,omitempty"`
	T0Low            int64             `json:"t0_low,omitempty"`
	Rounds           int               `json:"rounds"`
	Wire             *int64            `json:"wire_ns,omitempty"`
	Floor            *int64            `json:"floor_ns,omitempty"`
	FloorHigh        *int64            `json:"floor_high_ns,omitempty"`
	WireExcess       *int64            `json:"wire_excess_ns,omitempty"`
	UAny             *int64            `json:"u_any_ns,omitempty"`
	UAll             *int64            `json:"u_all_ns,omitempty"`
	LostPartition    *int64            `json:"lost_partition_ns,omitempty"`
	CatchUp          *int64            `json:"catch_up_ns,omitempty"`
	Movement         float64           `json:"movement"`
	ExcessRevocation float64           `json:"excess_revocation"`
	Baseline         *int64            `json:"baseline_ns,omitempty"`
	Noisy            bool              `json:"noisy"`
	Duplicates       map[string]int64  `json:"duplicates"`
	Late             *int64            `json:"late,omitempty"`
	Lost             int64             `json:"lost"`
	Recovery         *window.Recovery  `json:"recovery,omitempty"` // of an act on nodes of the broker
	Down             []window.Interval `json:"down"`
	Partitions       []pausesPart      `json:"partitions"`
	Members          []pausesMember    `json:"members"`
	Words            []string          `json:"words"`
	Notes            []string          `json:"notes"`
}

type pausesPart struct {
	Partition int32  `json:"partition"`
	Class     string `json:"class"`
	OldOwner  string `json:"old_owner,omitempty"`
	NewOwner  string `json:"new_owner,omitempty"`
	Records   int    `json:"records"`
	Gap       *int64 `json:"gap_ns,omitempty"`
	Floor     *int64 `json:"floor_ns,omitempty"`
	Excess    *int64 `json:"gap_excess_ns,omitempty"`
	// What of the lateness of a record is the client's, at least and at most, and who had
	// what of the gap.
	Least   *int64            `json:"gap_unexplained_least_ns,omitempty"`
	Most    *int64            `json:"gap_unexplained_ns,omitempty"`
	By      []pausesBy        `json:"explained,omitempty"`
	Lost    int               `json:"lost"`
	CatchUp *int64            `json:"catch_up_ns,omitempty"`
	Down    []window.Interval `json:"down"`
}

type pausesBy struct {
	Source  blame.Source `json:"source"`
	Who     string       `json:"who,omitempty"`
	Excuses bool         `json:"excuses"`
	Least   int64        `json:"least_ns"`
	Most    int64        `json:"most_ns"`
}

type pausesMember struct {
	Worker   string                 `json:"worker"`
	Client   string                 `json:"client"`
	Spent    map[window.Phase]int64 `json:"spent_ns"`
	Paused   int64                  `json:"paused_ns,omitempty"`
	Reported int64                  `json:"client_reported_ns,omitempty"`
	Rounds   []window.Round         `json:"rounds"`
}

// pausesOf puts a report into the shape of the file. Lists are never nil:
// readers of the JSON need not care for null.
func pausesOf(t *results.Trial, r *window.Report) pauses {
	out := pauses{
		Schema: results.Schema, Trial: t.Ref.N, Partitions: r.Partitions, Down: where(!r.Slow, r.Down), Availability: where(!r.Slow, r.Availability),
		Late: where(!r.Slow, r.Late), Lost: r.Lost, Generations: r.Generations, Changes: r.Changes, Amplification: r.Amplification,
		Recovery: where(r.Recoveries > 0, r.Recovery), Events: []pausesEvent{}, Warnings: results.Lines(r.Warnings),
	}
	if r.StormsSought {
		storms := append([]window.Storm{}, r.Storms...)
		out.Storms = &storms
	}
	for i := range r.Events {
		out.Events = append(out.Events, eventOf(&r.Events[i], !r.Slow))
	}
	return out
}

// eventOf is an event. Lateness is not known with a slow handler.
func eventOf(e *window.Event, lateness bool) pausesEvent {
	out := pausesEvent{
		Name: e.Name, Counted: e.Counted, Merged: e.Merged, Acts: []int{}, Window: e.Window, Settled: e.Settled,
		Protocol: e.Protocol, T0: e.T0, T0Low: e.T0Low, Rounds: e.Rounds,
		Wire: where(e.Rebalanced, e.Wire), Floor: where(e.Rebalanced, e.Floor), FloorHigh: where(e.Rebalanced, e.FloorHigh),
		WireExcess: where(e.Rebalanced, e.WireExcess), UAny: where(lateness, e.UAny), UAll: where(lateness, e.UAll), LostPartition: where(lateness, e.LostPartitionTime),
		CatchUp: where(lateness, e.CatchUp), Movement: e.Movement, ExcessRevocation: e.ExcessRevocation,
		Baseline: where(e.BaselineKnown, e.Baseline), Noisy: e.Noisy, Duplicates: e.Duplicates.ByCause(),
		Recovery: e.Recovery, Late: where(lateness, e.Late), Lost: e.Lost, Down: append([]window.Interval{}, e.Down...),
		Partitions: []pausesPart{}, Members: []pausesMember{}, Words: results.Lines(e.Words), Notes: results.Lines(e.Notes),
	}
	for _, a := range e.Acts {
		out.Acts = append(out.Acts, a.N)
	}
	for _, p := range e.Partitions {
		part := pausesPart{
			Partition: p.Partition, Class: string(p.Class), OldOwner: p.OldOwner, NewOwner: p.NewOwner, Records: p.Records,
			Gap: where(p.Records > 0, p.Gap), Floor: where(p.FloorKnown, p.Floor), Excess: where(p.FloorKnown && p.Records > 0, p.Excess),
			Lost: p.Lost, CatchUp: where(p.Records > 0, p.CatchUp), Down: append([]window.Interval{}, p.Down...),
		}
		if u := p.Unexplained; u != nil {
			part.Least, part.Most = &u.Least, &u.Most
		}
		for _, s := range p.By {
			part.By = append(part.By, pausesBy{s.Source, s.Who, s.Excuses, s.Least, s.Most})
		}
		out.Partitions = append(out.Partitions, part)
	}
	for _, m := range e.Members {
		pm := pausesMember{
			Worker: m.Worker, Client: m.Client, Spent: map[window.Phase]int64{}, Paused: m.Paused, Reported: m.Reported,
			Rounds: append([]window.Round{}, m.Rounds...),
		}
		maps.Copy(pm.Spent, m.Spent)
		out.Members = append(out.Members, pm)
	}
	return out
}

// where is a pointer to what is known, and nil otherwise.
func where[T int64 | float64](known bool, v T) *T {
	if !known {
		return nil
	}
	return &v
}
