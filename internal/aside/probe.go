package aside

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// probeEvery is how often each node is asked, in a large cluster less often, and
// layoutEvery how often the probe looks who leads and who coordinates.
const (
	probeEvery  = 50 * time.Millisecond
	layoutEvery = time.Second
)

// probe asks the nodes of the cluster, each by itself, what they should answer at
// once, and writes down how long that took, until it is told to close: metadata,
// the group if the node coordinates it, and one of the partitions that it leads, in
// turn. It knows no client under test: when a node is silent to it, then the node is.
func probe(ctx context.Context, s *worker.Stage) error {
	c, err := cluster.View(ctx, s.Job().Access)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	defer func() { _ = c.Stop(context.Background()) }() // only disconnects
	h := &hush{}
	s.Go(func(ctx context.Context) {
		every(ctx, time.Second, func() { s.Say(worker.Report{Say: worker.Alive, Silent: h.silent()}) })
	})
	answered := h.ask(worker.AnyNode)
	ids, err := c.Nodes(ctx)
	if err != nil {
		return fmt.Errorf("probe: %w", err)
	}
	answered()
	// It asks little, and threads that wake each other for that cost more than the asking.
	runtime.GOMAXPROCS(1)
	s.Ready()

	asking, stop := context.WithCancel(ctx)
	var nodes sync.WaitGroup
	defer func() { stop(); nodes.Wait() }()
	l := &layout{leads: map[int32][]leader{}, coordinator: -1}
	nodes.Go(func() { every(asking, layoutEvery, func() { l.look(asking, c, s.Job()) }) })
	interval := probeEvery * time.Duration(1+len(ids)/10)
	for _, id := range ids {
		n := &node{id: id, cluster: c, group: s.Job().Settings.GroupID, layout: l, hush: h, emit: s.Write}
		nodes.Go(func() { n.run(asking, interval) })
		if s.Job().Spec.BrokerActs() {
			serves := &serving{id: id, cluster: c, job: s.Job(), emit: s.Write}
			nodes.Go(func() { serves.run(asking, interval) })
		}
	}
	return s.Until(ctx, nil, nil)
}

// every does something at once and then at intervals, until ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// layout is who leads what and who coordinates the group, as last seen.
type layout struct {
	mu          sync.Mutex
	leads       map[int32][]leader // by node
	coordinator int32
}

// leader is a partition that a node leads, and its number in the trial.
type leader struct {
	topic     string
	partition int32
	number    int32
}

// look asks the cluster. What it does not know yet, such as topics that acts of the
// trial will make, is left out.
func (l *layout) look(ctx context.Context, c *cluster.Cluster, job *worker.Job) {
	topics := job.Topics
	if len(topics) == 0 {
		topics = results.Topics{{Name: job.Topic}}
	}
	leads := map[int32][]leader{}
	for _, t := range topics {
		of, err := c.Leaders(ctx, t.Name)
		if err != nil {
			continue
		}
		for p, id := range of {
			leads[id] = append(leads[id], leader{t.Name, p, t.First + p})
		}
	}
	for _, of := range leads {
		slices.SortFunc(of, func(a, b leader) int { return cmp.Compare(a.number, b.number) })
	}
	coordinator := int32(-1)
	if job.Settings.GroupID != "" {
		if id, err := c.Coordinator(ctx, job.Settings.GroupID); err == nil {
			coordinator = id
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leads, l.coordinator = leads, coordinator
}

// of is what to ask a node in its n-th turn.
func (l *layout) of(id int32, n int) (coordinates bool, lead *leader) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if of := l.leads[id]; len(of) > 0 {
		lead = &of[n%len(of)]
	}
	return l.coordinator == id, lead
}

// node asks one node.
type node struct {
	id      int32
	cluster *cluster.Cluster
	group   string
	layout  *layout
	hush    *hush
	emit    func(record.Event)

	from int64 // of the interval being summed
	asks [3]asked
}

// asked is how one kind of question was answered in the interval.
type asked struct {
	api    int16
	well   int64 // when the last answer came
	since  int64 // when what is not answered yet was asked first; 0: all is
	took   []int64
	late   []record.Late
	number int32 // of the partition that was asked for
}

func (n *node) run(ctx context.Context, interval time.Duration) {
	n.asks = [3]asked{{api: int16(kmsg.Metadata)}, {api: int16(kmsg.DescribeGroups)}, {api: int16(kmsg.ListOffsets)}}
	// The first answer takes a connection, which is nobody's delay.
	answered := n.hush.ask(n.id)
	for n.cluster.AskMetadata(ctx, n.id) != nil {
		if record.SleepUntil(ctx, record.Now()+int64(interval)) != nil {
			return
		}
	}
	answered()
	n.from = record.Now()
	turn := 0
	every(ctx, interval, func() {
		n.turn(ctx, turn)
		turn++
	})
	now := record.Now()
	for i := range n.asks {
		n.asks[i].unanswered(now)
	}
	n.tell(now)
}

// turn asks what the node should answer. A partition that it leads stands for the
// node as metadata does, so that they take turns; the group is another matter.
func (n *node) turn(ctx context.Context, turn int) {
	coordinates, lead := n.layout.of(n.id, turn/2)
	if lead == nil {
		n.asks[2].drop()
	}
	if !coordinates {
		n.asks[1].drop()
	}
	if lead == nil || turn%2 == 0 {
		n.ask(&n.asks[0], func() error { return n.cluster.AskMetadata(ctx, n.id) })
	} else {
		n.asks[2].number = lead.number
		n.ask(&n.asks[2], func() error { return n.cluster.AskEnd(ctx, n.id, lead.topic, lead.partition) })
	}
	if coordinates {
		n.ask(&n.asks[1], func() error { return n.cluster.AskGroup(ctx, n.id, n.group) })
	}
	if now := record.Now(); now-n.from >= int64(time.Second) {
		n.tell(now)
	}
}

// ask asks once. A question that fails, because the node is not there or because it
// was silent for longer than a client waits, stays open until one is answered.
func (n *node) ask(a *asked, question func() error) {
	if a.since == 0 {
		a.since = record.Now()
	}
	answered := n.hush.ask(n.id)
	if question() != nil {
		return
	}
	answered()
	now := record.Now()
	took := now - a.since
	a.took = append(a.took, took)
	if took > record.LateAfter {
		a.late = append(a.late, record.Late{Since: cmp.Or(a.well, a.since), Due: a.since, T: now, Partition: a.number})
	}
	a.well, a.since = now, 0
}

// drop forgets a question that the node need not answer any more. When it could have
// is not known; that it lives is asked besides.
func (a *asked) drop() { a.since, a.well = 0, 0 }

// unanswered notes at the end a question that nobody has answered.
func (a *asked) unanswered(now int64) {
	if a.since != 0 && now-a.since > record.LateAfter {
		a.late = append(a.late, record.Late{Since: cmp.Or(a.well, a.since), Due: a.since, T: now, Partition: a.number})
	}
}

// tell writes the sums of the interval down. Answers that are late one by one are
// no more than there are turns in it.
func (n *node) tell(to int64) {
	e := record.Event{T: to, From: n.from, K: record.EvProbe}
	for i := range n.asks {
		a := &n.asks[i]
		if len(a.took)+len(a.late) == 0 {
			continue
		}
		s := record.Answers{Node: n.id, API: a.api, Count: len(a.took), Late: a.late}
		if slices.Sort(a.took); len(a.took) > 0 {
			s.Usual, s.Worst = a.took[len(a.took)/2], a.took[len(a.took)-1]
		}
		e.Answers = append(e.Answers, s)
		a.took, a.late = a.took[:0], nil
	}
	n.emit(e)
	n.from = to
}
