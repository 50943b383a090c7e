package aside

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// Where nodes of the broker are ended or stopped the probe also asks each of them what it
// serves: when nobody serves a partition, no client can be blamed for not reading it.

// servingLimit is how long a node has to answer that. One that stands still has not
// answered then, and is asked again.
const servingLimit = 500 * time.Millisecond

// serving asks one node, and writes down what it serves whenever that is another than
// before, or the answer was late.
type serving struct {
	id      int32
	cluster *cluster.Cluster
	job     *worker.Job
	emit    func(record.Event)

	last *record.Serving // what was written down last
	well int64           // when that was last so
}

func (s *serving) run(ctx context.Context, interval time.Duration) {
	every(ctx, interval, func() { s.ask(ctx) })
}

func (s *serving) ask(ctx context.Context) {
	topics := s.job.Topics
	if len(topics) == 0 {
		topics = results.Topics{{Name: s.job.Topic}}
	}
	var names []string
	for _, t := range topics {
		names = append(names, t.Name)
	}
	asking, cancel := context.WithTimeout(ctx, servingLimit)
	defer cancel()
	from := record.Now()
	got, err := s.cluster.Serves(asking, s.id, names, s.job.Settings.GroupID)
	at := record.Now()
	if ctx.Err() != nil {
		return // it is not asked any more
	}
	now := &record.Serving{Node: s.id}
	if err != nil {
		at, now.Error = from, err.Error()
	} else {
		now.Group, now.Leads = got.Coordinates, map[int32][]int32{}
		for _, t := range topics {
			for p, inStep := range got.Leads[t.Name] {
				slices.Sort(inStep)
				now.Leads[t.First+p] = inStep
			}
		}
	}
	s.see(now, from, at)
}

// see compares an answer with the last one. One that was late is kept too: a node that
// stood still answers as before, and when it did so tells how long it stood.
func (s *serving) see(now *record.Serving, from, at int64) {
	if s.last != nil && same(s.last, now) && at-from <= record.ServingLate {
		s.well = at
		return
	}
	now.Well = s.well
	s.last, s.well = now, at
	s.emit(record.Event{T: at, From: from, K: record.EvServing, Serving: now})
}

// same says whether a node serves the same in two answers. Why it gave none does not matter.
func same(a, b *record.Serving) bool {
	return (a.Error == "") == (b.Error == "") && a.Group == b.Group && maps.EqualFunc(a.Leads, b.Leads, slices.Equal)
}
