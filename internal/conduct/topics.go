package conduct

// This file is the topics of a trial, and the acts that bring new partitions: by
// letting the topic grow, or by having all members subscribe to one more.

import (
	"context"
	"fmt"
	"slices"

	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/acts"
	"github.com/kbench/kbench/workloads/churn"
)

// layout numbers the partitions of all topics that the trial will have. Each
// subscribe has a topic of its own, as large as the first.
func layout(name string, partitions int, planned []churn.Act) results.Topics {
	ts := results.Topics{{Name: name, Count: int32(partitions)}}
	for _, a := range planned {
		switch d := acts.Of(a.Kind); {
		case d.Grows && d.Refresh:
			ts[0].Count += int32(a.Count)
		case d.Grows:
			last := ts[len(ts)-1]
			ts = append(ts, results.Topic{Name: fmt.Sprintf("%s-%d", name, len(ts)+1), First: last.First + last.Count, Count: int32(partitions)})
		}
	}
	return ts
}

// createTopics makes all topics as they are at the beginning.
func (t *trial) createTopics(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, t.run.o.Deadlines.Start)
	defer cancel()
	spec := &t.plan.Spec
	for i := range t.out.Topics {
		topic := &t.out.Topics[i]
		used, err := t.cluster.CreateTopic(ctx, topic.Name, spec.Topic.Partitions, spec.Topic.Replication)
		if err != nil {
			return err
		}
		if topic.ID, err = t.cluster.TopicID(ctx, topic.Name); err != nil {
			return err
		}
		t.out.Replication = used
	}
	if err := t.cluster.Allowed(ctx, t.names(), t.out.Group); err != nil {
		return err
	}
	if t.out.Replication != spec.Topic.Replication {
		t.note("replication is %d, not %d: the cluster has no more nodes", t.out.Replication, spec.Topic.Replication)
	}
	return t.leaders(ctx)
}

// leaders notes who leads the partitions that there are.
func (t *trial) leaders(ctx context.Context) error {
	var err error
	if t.out.Nodes, err = t.cluster.Addresses(ctx); err != nil {
		return err
	}
	t.out.Leaders = make(map[int32]int32)
	for _, topic := range t.out.Topics {
		leaders, err := t.cluster.Leaders(ctx, topic.Name)
		if err != nil {
			return err
		}
		for p, node := range leaders {
			t.out.Leaders[topic.First+p] = node
		}
	}
	return nil
}

// awaitNewcomer starts the producer of the partitions that an act will bring, so
// that the act itself costs no process start. It offers each of them what the
// others have, and leaves their schedule alone. A topic that is there already may
// be connected to; of partitions that are not, a client must not hear too early.
func (l *timeline) awaitNewcomer(ctx context.Context, a *churn.Act) error {
	spec, n := l.plan.Spec, a.Brings(&l.plan.Spec)
	share := func(of int) int { return max(of*n/l.plan.Spec.Topic.Partitions, n) }
	spec.Topic.Partitions = n
	spec.Produce.Rate.PerSecond *= float64(n) / float64(l.plan.Spec.Topic.Partitions)
	spec.Produce.Window = share(spec.Produce.Window)
	spec.Produce.Producers = 1
	role, set, name := l.producer()
	number := len(l.producers) // those that acts have brought are among them
	w, err := l.start(ctx, worker.Job{
		Role: role, Name: fmt.Sprintf("%s-%d", name, number), Settings: set, Spec: spec, Number: uint32(number), First: l.partitions, Hold: true,
	})
	if err != nil {
		return err
	}
	if err := l.brief(ctx, w); err != nil {
		return err
	}
	l.newcomer = w
	if d := acts.Of(a.Kind); d.Grows && !d.Refresh {
		return l.connect(ctx)
	}
	return nil
}

// connect has the newcomer make its client.
func (l *timeline) connect(ctx context.Context) error {
	if err := l.newcomer.tell(worker.Command{Do: worker.Join}); err != nil {
		return err
	}
	_, err := l.newcomer.await(ctx, worker.Joined, l.run.o.Deadlines.Start)
	return err
}

// offer starts the schedule of the newcomer and counts its partitions in.
func (l *timeline) offer(start int64, out *results.Act) error {
	first, n := l.newcomer.job.First, int32(l.newcomer.job.Spec.Topic.Partitions)
	var added []int32
	for p := first; p < first+n; p++ {
		added = append(added, p)
	}
	l.set(func() { out.Added, out.Ready = added, start })
	l.partitions += n
	if err := l.newcomer.tell(worker.Command{Do: worker.Offer, Start: start}); err != nil {
		return err
	}
	l.producers = append(l.producers, l.newcomer)
	l.newcomer = nil
	return nil
}

// addPartitions lets the topic grow. Records for the new partitions are due once
// every broker knows them and their producer has its client: what that takes is
// no delay of a member, and no client may hear of the partitions earlier.
func (l *timeline) addPartitions(ctx context.Context, a *churn.Act, out *results.Act) error {
	cctx, cancel := context.WithTimeout(ctx, l.run.o.Deadlines.Start)
	defer cancel()
	l.set(func() { out.At = record.Now() })
	if err := l.cluster.AddPartitions(cctx, l.out.Topic, int(l.partitions)+a.Count); err != nil {
		return err
	}
	if err := l.connect(ctx); err != nil {
		return err
	}
	if err := l.offer(record.Now(), out); err != nil {
		return err
	}
	return l.leaders(cctx)
}

// subscribe has every member take one topic more. It was empty until now, so
// that what is measured is the way to its first records and not how fast a
// backlog is read. Those that join later are told of it when they do.
func (l *timeline) subscribe(out *results.Act) error {
	topic, _ := l.out.Topics.Place(l.partitions)
	at := record.Now()
	l.set(func() { out.At = at })
	if err := l.offer(at, out); err != nil {
		return err
	}
	topics, members := l.extend(topic)
	return tell(members, worker.Command{Do: worker.Subscribe, Topics: topics})
}

// extend adds a topic to those that members have. It returns all of them, and
// who has joined without this one.
func (l *timeline) extend(topic string) (topics []string, members []*process) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.subscribed = append(slices.Clone(l.subscribed), topic)
	return l.subscribed, l.sorted()
}
