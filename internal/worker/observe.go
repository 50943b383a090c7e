package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// observeEvery is how often the observer asks. Between two answers a group may
// pass through states that it does not see; the taps do.
const observeEvery = 250 * time.Millisecond

// ClientID is what a worker calls itself in its requests. The observer reads the
// worker's name back from it.
func ClientID(name string) string { return clientIDPrefix + name }

const clientIDPrefix = "kbench-"

// observe writes down what the coordinator says of the group until it is told to
// close: its state, members and assignment, and how far it lags behind.
func (w *worker) observe(ctx context.Context) error {
	c, err := cluster.View(w.job.Access)
	if err != nil {
		return fmt.Errorf("observer: %w", err)
	}
	defer func() { _ = c.Stop(context.Background()) }() // only disconnects
	w.report.say(Report{Say: Ready, Runtime: inForce()})
	tick := time.NewTicker(observeEvery)
	defer tick.Stop()
	w.look(ctx, c)
	return w.watching(ctx, tick.C, func() { w.look(ctx, c) })
}

// watching is the life of a worker that only looks on: until it is told to close, and
// with each tick it does something.
func (w *worker) watching(ctx context.Context, tick <-chan time.Time, do func()) error {
	for {
		select {
		case <-ctx.Done():
			return errors.New("the supervisor is gone")
		case <-w.leave:
			return nil
		case cmd := <-w.commands:
			if cmd.Do == Close {
				return nil
			}
		case <-tick:
			do()
		}
	}
}

// look takes one view. That the coordinator does not answer is part of the
// story, not a reason to end it.
func (w *worker) look(ctx context.Context, c *cluster.Cluster) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	from := record.Now()
	state, err := c.GroupState(ctx, w.job.Settings.GroupID)
	at := record.Now()
	if err != nil {
		w.s.events.Write(record.Event{T: at, K: record.EvError, Error: err.Error()})
		w.report.say(Report{Say: Alive})
		return
	}
	view := View(state, w.job.Topics)
	if err := w.lag(ctx, c, view); err != nil {
		w.s.events.Write(record.Event{T: record.Now(), K: record.EvError, Error: "lag: " + err.Error()})
	}
	w.s.events.Write(record.Event{T: at, From: from, K: record.EvGroup, Group: w.job.Settings.GroupID, View: view})
	w.report.say(Report{Say: Group, At: at, View: view})
}

// View puts the members of a group under the names of their workers, and what
// they own under the numbers of the partitions.
func View(state cluster.GroupState, topics results.Topics) *record.GroupView {
	view := &record.GroupView{State: state.State}
	for _, m := range state.Members {
		g := record.GroupMember{ID: m.ID, Instance: m.Instance, Parts: []int32{}}
		if name, ok := strings.CutPrefix(m.ClientID, clientIDPrefix); ok {
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
func (w *worker) lag(ctx context.Context, c *cluster.Cluster, view *record.GroupView) error {
	topics := w.job.Topics
	if len(topics) == 0 {
		topics = results.Topics{{Name: w.job.Topic}}
	}
	names := make([]string, len(topics))
	for i, t := range topics {
		names[i] = t.Name
	}
	view.Commits, view.Ends = make(map[int32]int64), make(map[int32]int64)
	commits, err := c.Committed(ctx, w.job.Settings.GroupID, names...)
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
