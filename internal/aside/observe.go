// Package aside holds the workers that drive no client under test: the observer, which
// asks the coordinator for the group, the probe, which asks each node whether it
// answers, and the one that reads topics back. They ask by the harness's own client.
package aside

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// observeEvery is how often the observer asks. Between two answers a group may
// pass through states that it does not see; the taps do.
const observeEvery = 250 * time.Millisecond

// Parts are the roles of this package.
func Parts() map[results.Role]worker.Part {
	return map[results.Role]worker.Part{results.RoleObserver: observe, results.RoleProbe: probe, results.RoleReadback: readback}
}

// observe writes down what the coordinator says of the group until it is told to
// close: its state, members and assignment, and how far it lags behind.
func observe(ctx context.Context, s *worker.Stage) error {
	c, err := cluster.View(ctx, s.Job().Access)
	if err != nil {
		return fmt.Errorf("observer: %w", err)
	}
	defer func() { _ = c.Stop(context.Background()) }() // only disconnects
	s.Ready()
	tick := time.NewTicker(observeEvery)
	defer tick.Stop()
	if err := look(ctx, s, c); err != nil {
		return err
	}
	return s.Until(ctx, tick.C, func() error { return look(ctx, s, c) })
}

// look takes one view. That the coordinator does not answer is part of the
// story, not a reason to end it; that it refuses by its rules is one.
func look(ctx context.Context, s *worker.Stage, c *cluster.Cluster) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	from := record.Now()
	state, err := c.GroupState(ctx, s.Job().Settings.GroupID)
	at := record.Now()
	if err != nil {
		s.Write(record.Event{T: at, K: record.EvError, Error: err.Error()})
		if denied := (*cluster.Denied)(nil); errors.As(err, &denied) {
			return err
		}
		s.Say(worker.Report{Say: worker.Alive})
		return nil
	}
	view := View(state, s.Job().Topics)
	if err := lag(ctx, s.Job(), c, view); err != nil {
		s.Write(record.Event{T: record.Now(), K: record.EvError, Error: "lag: " + err.Error()})
	}
	s.Write(record.Event{T: at, From: from, K: record.EvGroup, Group: s.Job().Settings.GroupID, View: view})
	s.Say(worker.Report{Say: worker.Group, At: at, View: view})
	return nil
}

// View puts the members of a group under the names of their workers, and what
// they own under the numbers of the partitions.
func View(state cluster.GroupState, topics results.Topics) *record.GroupView {
	view := &record.GroupView{State: state.State}
	for _, m := range state.Members {
		g := record.GroupMember{ID: m.ID, Instance: m.Instance, Parts: []int32{}}
		if name, ok := worker.NameIn(m.ClientID); ok {
			g.Worker = name
		} else {
			g.Client = m.ClientID
		}
		for _, p := range m.Parts {
			g.Parts = append(g.Parts, topics.Number(p.Topic, p.Partition))
		}
		view.Members = append(view.Members, g)
	}
	return view
}

// lag adds to a view what is committed and what there is, by number of the
// partition.
func lag(ctx context.Context, job *worker.Job, c *cluster.Cluster, view *record.GroupView) error {
	topics := job.Topics
	if len(topics) == 0 {
		topics = results.Topics{{Name: job.Topic}}
	}
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	view.Commits, view.Ends = make(map[int32]int64), make(map[int32]int64)
	commits, err := c.Committed(ctx, job.Settings.GroupID, names...)
	if err != nil {
		return err
	}
	numbered(view.Commits, topics, commits)
	ends, err := c.EndOffsetsOf(ctx, names...)
	if err != nil {
		return err
	}
	numbered(view.Ends, topics, ends)
	return nil
}

// numbered puts the offsets of several topics under the numbers of their
// partitions.
func numbered(into map[int32]int64, topics results.Topics, offsets map[string]map[int32]int64) {
	for _, t := range topics {
		for p, offset := range offsets[t.Name] {
			into[t.First+p] = offset
		}
	}
}
