package conduct_test

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// ownBroker is a simulated broker of this process, to which a run is attached.
func ownBroker(t *testing.T, nodes int) *kfake.Cluster {
	t.Helper()
	c, err := kfake.NewCluster(kfake.NumBrokers(nodes), kfake.GroupMinSessionTimeout(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// attachedTo are the options of a run on a broker, and the name of its first topic and
// group.
func attachedTo(t *testing.T, c *kfake.Cluster, s workloads.Spec, client string) (conduct.Options, string) {
	t.Helper()
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{s}, client))
	o.ID, o.Broker = cluster.NewRunID(), cluster.Options{Kind: cluster.Attached, Brokers: c.ListenAddrs()}
	return o, cluster.Name(o.ID, 1)
}

func clientOf(t *testing.T, c *kfake.Cluster, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(c.ListenAddrs()...))...)
	if err != nil {
		t.Fatal(err)
	}
	return cl
}

// underWay waits until a topic holds so many records.
func underWay(ctx context.Context, t *testing.T, c *kfake.Cluster, topic string, records int64) {
	t.Helper()
	for {
		var sum int64
		for _, p := range c.PartitionInfos(topic) {
			sum += p.HighWatermark
		}
		if sum >= records {
			return
		}
		select {
		case <-ctx.Done():
			t.Errorf("%s was never under way", topic)
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// warned is what the summary says of a kind.
func (o *outcome) warned(kind results.Kind) string {
	var lines []string
	for _, w := range o.summary.Warnings {
		if w.Kind == kind {
			lines = append(lines, w.String())
		}
	}
	return strings.Join(lines, "\n")
}

// wantSums checks that every sum of the first trial holds.
func (o *outcome) wantSums(t *testing.T) audit.Sums {
	t.Helper()
	tr := o.trials[0]
	e := o.evidence(t, tr)
	defer e.Close()
	r := e.Audit()
	if broken := r.Sums.Broken(); len(broken) > 0 || !r.Sums.Known {
		t.Errorf("sums do not hold: %q", broken)
	}
	if s := r.Sums; s.Due == 0 || s.Due != s.Handed+s.Unsent || s.Handed != s.Acked+s.Failed+s.Unanswered {
		t.Errorf("sums %+v", s)
	}
	return r.Sums
}

// from and to bound the Produce requests that tests have a broker refuse: early, since a
// busy machine sees few requests, and large ones. The first of a connection is let pass:
// what is hung up on at once may not speak Kafka.
const from, to = 2, 5

// TestFailedSends has a broker refuse what it is sent for a while. What failed is
// counted by the words of each client, and late it is as well.
func TestFailedSends(t *testing.T) {
	onEmbedded(t)
	for _, client := range clients {
		t.Run(client, func(t *testing.T) {
			t.Parallel()
			c := ownBroker(t, 1)
			var requests atomic.Int64
			onProduce(c, func(p *kmsg.ProduceRequest) (kmsg.Response, error, bool) {
				if n := requests.Add(1); n < from || n >= to {
					return nil, nil, false
				}
				return refuse(p, kerr.MessageTooLarge), nil, true
			})
			s := short("refused")
			s.Produce.Idempotent = false
			o, _ := attachedTo(t, c, s, client)
			got, err := run(t, bounded(t), o)
			if err != nil {
				t.Fatal(err)
			}
			failed := got.wantSums(t).Failed
			if failed == 0 || int64(got.value(t, 1, results.ProduceFailed, "")) != failed {
				t.Fatalf("%d failed, the row says %v", failed, got.value(t, 1, results.ProduceFailed, ""))
			}
			wantWords(t, strings.ToLower(strings.ReplaceAll(got.warned(results.ProduceFailed), "_", " ")), "sends failed", "large")
			if lost := got.value(t, 1, results.AuditLost, ""); lost != 0 {
				t.Errorf("%v are said to be lost", lost)
			}
		})
	}
}

// refuse answers a Produce request with an error for all that is in it.
func refuse(req *kmsg.ProduceRequest, why *kerr.Error) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, topic := range req.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
		for _, p := range topic.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition, rp.ErrorCode, rp.BaseOffset = p.Partition, why.Code, -1
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}

// TestRetriedSends has a broker turn producers away for a while, by an error that passes
// or by hanging up, and the client try again: what went over the wire more than once is
// what the broker was asked to write more than once.
func TestRetriedSends(t *testing.T) {
	onEmbedded(t)
	f := func(name, client string, idempotent bool, turnAway func(*kmsg.ProduceRequest) (kmsg.Response, error)) {
		t.Run(name+"/"+client, func(t *testing.T) {
			t.Parallel()
			c := ownBroker(t, 1)
			var requests, asked atomic.Int64
			onProduce(c, func(p *kmsg.ProduceRequest) (kmsg.Response, error, bool) {
				asked.Add(recordsIn(t, p))
				if n := requests.Add(1); turnAway == nil || n < from || n >= to {
					return nil, nil, false
				}
				resp, err := turnAway(p)
				return resp, err, true
			})
			s := short("retried")
			s.Produce.Idempotent = idempotent
			o, _ := attachedTo(t, c, s, client)
			got, err := run(t, bounded(t), o)
			if err != nil {
				t.Fatal(err)
			}
			sums := got.wantSums(t)
			again := int64(got.value(t, 1, results.ProduceRetried, ""))
			switch most := asked.Load() - sums.Handed; {
			case sums.Failed+sums.Unanswered > 0:
				t.Errorf("%d failed, %d have no answer", sums.Failed, sums.Unanswered)
			case again != most && (name != "gone" || again < most): // of what the broker hung up on, it may not have read all
				t.Errorf("%d were sent again; the broker was asked to write %d more than there are", again, most)
			case (again > 0) != (turnAway != nil):
				t.Errorf("%d were sent again", again)
			}
		})
	}
	refused := func(p *kmsg.ProduceRequest) (kmsg.Response, error) { return refuse(p, kerr.NotLeaderForPartition), nil }
	gone := func(*kmsg.ProduceRequest) (kmsg.Response, error) { return nil, context.Canceled }
	for _, client := range clients {
		f("refused", client, false, refused)
		f("gone", client, false, gone)
		f("clean", client, false, nil)
	}
	f("refused and idempotent", "franz-go", true, refused)
}

// onProduce has f answer each Produce request of clients, or let it pass. Those by which
// the run renews its lease are not theirs.
func onProduce(c *kfake.Cluster, f func(*kmsg.ProduceRequest) (kmsg.Response, error, bool)) {
	c.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if p := req.(*kmsg.ProduceRequest); !ofLease(p) {
			return f(p)
		}
		return nil, nil, false
	})
}

// ofLease says whether a Produce request is the run's own, and not one of a client.
func ofLease(req *kmsg.ProduceRequest) bool {
	return slices.ContainsFunc(req.Topics, func(t kmsg.ProduceRequestTopic) bool {
		return slices.ContainsFunc(t.Partitions, func(p kmsg.ProduceRequestTopicPartition) bool {
			return bytes.Contains(p.Records, []byte(`"kbench_lease"`))
		})
	})
}

// recordsIn is how many records a Produce request holds.
func recordsIn(t *testing.T, req *kmsg.ProduceRequest) (n int64) {
	for _, topic := range req.Topics {
		for _, p := range topic.Partitions {
			for rest := p.Records; len(rest) > 0; {
				var b kmsg.RecordBatch
				if err := b.ReadFrom(rest); err != nil {
					t.Error(err)
					return n
				}
				n += int64(b.NumRecords)
				rest = rest[12+b.Length:]
			}
		}
	}
	return n
}

// TestNodeGone has one of three nodes hang up on whoever produces, and the client try
// once only: what was on its way is failed, and not forgotten.
func TestNodeGone(t *testing.T) {
	onEmbedded(t)
	c := ownBroker(t, 3)
	var requests atomic.Int64
	onProduce(c, func(*kmsg.ProduceRequest) (kmsg.Response, error, bool) {
		if n := requests.Add(1); n < from || n >= to {
			return nil, nil, false
		}
		return nil, context.Canceled, true
	})
	s := short("gone")
	s.Produce.Idempotent, s.Produce.Retries = false, 0
	o, _ := attachedTo(t, c, s, "sarama")
	got, err := run(t, bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	if got.wantSums(t).Failed == 0 {
		t.Error("nothing failed")
	}
	if beside := got.warned(results.ProduceFailed); beside == "" {
		t.Error("nobody is told what failed")
	}
}

// TestTopicMadeAnew deletes the topic under way and makes it again: offsets begin
// anew, records are gone, and the sums hold.
func TestTopicMadeAnew(t *testing.T) {
	onEmbedded(t)
	const written = 50 // one batch: how many there will be of them is the machine's doing
	c := ownBroker(t, 1)
	s := short("anew")
	s.Consume.Members, s.Phases.Drain = 0, 5*time.Second
	o, topic := attachedTo(t, c, s, "sarama")
	ctx := bounded(t)
	done := make(chan error, 1)
	go func() {
		underWay(ctx, t, c, topic, written)
		err := c.DeleteTopic(topic)
		if err == nil {
			err = c.CreateTopic(topic, 4, nil)
		}
		done <- err
	}()
	got, err := run(t, ctx, o)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	got.wantSums(t)
	if lost := got.value(t, 1, results.AuditLost, ""); lost < written {
		t.Errorf("%v lost of at least %d", lost, written)
	}
}

// TestForeignRecords has somebody else produce to the topic: what is theirs is neither
// consumed nor corrupt.
func TestForeignRecords(t *testing.T) {
	onEmbedded(t)
	const foreign = 61
	c := ownBroker(t, 1)
	o, topic := attachedTo(t, c, short("foreign"), "franz-go")
	ctx := bounded(t)
	cl := clientOf(t, c, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer cl.Close()
	// The trial asks for its end offsets when this is over.
	o.Progress = &hook{workload: "foreign", measuring: func() {
		underWay(ctx, t, c, topic, 1)
		var records []*kgo.Record
		for i := range foreign {
			records = append(records, &kgo.Record{Topic: topic, Partition: int32(i % 4), Value: []byte(strings.Repeat("not of this trial ", i%5))})
		}
		if err := cl.ProduceSync(ctx, records...).FirstErr(); err != nil {
			t.Error(err)
		}
	}}
	got, err := run(t, ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	got.wantSums(t)
	if found := got.truth(t, 1); len(found) > 0 {
		t.Errorf("the audit found %v", found)
	}
	if n := got.value(t, 1, results.AuditForeign, ""); n != foreign {
		t.Errorf("%v foreign records, want %d", n, foreign)
	}
	if said := got.warned(results.KindEndOffset); said != "" {
		t.Error(said)
	}
}

// TestStranger has somebody join the group, take records and go. They are neither
// lost, nor is the client to blame for the rebalances.
func TestStranger(t *testing.T) {
	onEmbedded(t)
	c := ownBroker(t, 1)
	s := short("stranger")
	s.Consume.Members, s.Phases.Measure = 2, 6*time.Second
	s.Phases.Drain = 3 * time.Second
	s.Group.Heartbeat, s.Group.Session, s.Group.Rebalance = 200*time.Millisecond, 6*time.Second, 6*time.Second
	o, topic := attachedTo(t, c, s, "franz-go")
	ctx, took := bounded(t), 0
	// It stays until it has had records and the observer has seen it with partitions. The
	// trial asks for its end offsets when it is gone.
	o.Progress = &hook{workload: "stranger", measuring: func() {
		underWay(ctx, t, c, topic, 1)
		other := clientOf(t, c, kgo.ClientID(stranger), kgo.ConsumeTopics(topic), kgo.ConsumerGroup(topic), kgo.Balancers(kgo.RangeBalancer()), kgo.HeartbeatInterval(100*time.Millisecond))
		defer other.Close()
		for (took == 0 || !observed(o, stranger)) && ctx.Err() == nil {
			pctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			took += other.PollFetches(pctx).NumRecords()
			cancel()
		}
		if err := other.CommitUncommittedOffsets(ctx); err != nil {
			t.Error(err)
		}
	}}
	got, err := run(t, ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	got.wantSums(t)
	if took == 0 {
		t.Fatal("the stranger had no records")
	}
	if n := int(got.value(t, 1, results.AuditUndelivered, "stranger")); n == 0 || n > took {
		t.Errorf("%d records are said to be the stranger's, it had %d", n, took)
	}
	if lost := got.value(t, 1, results.AuditLost, ""); lost != 0 {
		t.Errorf("%v are said to be lost", lost)
	}
	wantWords(t, got.warned(results.KindStranger), stranger, "did not start")
}

// stranger is the client id of a member that kbench did not start.
const stranger = "somebody-else"

// observed says whether the observer of the first trial has written down that a client
// of this id has partitions.
func observed(o conduct.Options, client string) (there bool) {
	file := filepath.Join(o.Out, "trials", o.Trials[0].Dir, "observer", results.EventsFile)
	_ = record.ReadEvents(file, func(e record.Event) error { // its end may be torn
		there = there || e.K == record.EvGroup && slices.ContainsFunc(e.View.Members, func(m record.GroupMember) bool { return m.Client == client && len(m.Parts) > 0 })
		return nil
	})
	return there
}

// TestUndelivered has a handler that cannot keep up: what it had not come to is still
// in the log.
func TestUndelivered(t *testing.T) {
	onEmbedded(t)
	s := short("slow")
	// It comes to an eighth of what is due, so that there is more than that on any machine.
	s.Consume.Handler.Time, s.Phases.Drain = 20*time.Millisecond, 300*time.Millisecond
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{s}, clients[:]...))
	got, err := run(t, bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, tr := range got.trials {
		n := got.value(t, tr.Ref.N, results.AuditUndelivered, "")
		if n == 0 || got.value(t, tr.Ref.N, results.AuditUndelivered, "handler") != n {
			t.Errorf("%s: %v undelivered", tr.Ref.Client, n)
		}
		if lost := got.value(t, tr.Ref.N, results.AuditLost, ""); lost != 0 {
			t.Errorf("%s: %v are said to be lost", tr.Ref.Client, lost)
		}
		if len(tr.Reread) == 0 || tr.Committed == nil {
			t.Errorf("%s: nobody looked at what was left: reread %v, committed %v", tr.Ref.Client, tr.Reread, tr.Committed)
		}
	}
}

// TestAckTwice counts what a client answers twice, and nothing else is wrong by it.
func TestAckTwice(t *testing.T) {
	onEmbedded(t)
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{short("twice")}, "franz-go+ack-twice"))
	got, err := run(t, bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	want := got.wantSums(t).Acked / 7 // every seventh
	if n := got.value(t, 1, results.ProduceTwice, ""); int64(n) != want || want == 0 {
		t.Errorf("%v answers too many, want %d", n, want)
	}
	if found := got.truth(t, 1); len(found) > 0 {
		t.Errorf("the audit found %v", found)
	}
}
