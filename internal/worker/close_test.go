package worker

import (
	"context"
	"io"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/payload"
)

// unending is a client that runs out of time when it is closed, and answers and
// delivers on.
type unending struct {
	drivers.Driver
	started, stop chan struct{}
	done          sync.WaitGroup
	record        func() *drivers.Rec
}

func (*unending) Name() string                            { return "unending" }
func (*unending) Plan(drivers.Settings) []drivers.Setting { return nil }

func (u *unending) Producer(_ drivers.Settings, _ drivers.Env, ack func(*drivers.Msg, error)) (drivers.Producer, error) {
	return &unendingProducer{u: u, ack: ack}, nil
}

type unendingProducer struct {
	u    *unending
	ack  func(*drivers.Msg, error)
	sent []*drivers.Msg
}

func (p *unendingProducer) Send(_ context.Context, msgs []*drivers.Msg) error {
	p.sent = append(p.sent, msgs...)
	return nil
}

func (p *unendingProducer) Close(ctx context.Context) error {
	p.u.done.Go(func() {
		for i, m := range p.sent {
			m.Offset = int64(m.Seq)
			p.ack(m, nil)
			if i == len(p.sent)/2 {
				close(p.u.started)
				<-p.u.stop
			}
		}
	})
	<-p.u.started
	return giveUp(ctx)
}

func (u *unending) Consumer(_ drivers.Settings, _ drivers.Env, h drivers.Handler) (drivers.Consumer, error) {
	return &unendingConsumer{u, h}, nil
}

type unendingConsumer struct {
	u *unending
	h drivers.Handler
}

func (*unendingConsumer) Mark(string, int32, int64)    {}
func (*unendingConsumer) Commit(context.Context) error { return nil }

func (c *unendingConsumer) Close(ctx context.Context) error {
	l := c.h.Open("t", 0)
	c.u.done.Go(func() {
		for i := 0; ; i++ {
			l.Record(c.u.record())
			if i == 1000 {
				close(c.u.started)
			}
			select {
			case <-c.u.stop:
				return
			default:
			}
		}
	})
	<-c.u.started
	return giveUp(ctx)
}

func giveUp(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

// unclosed is a worker with a client that does not close in time.
func unclosed(t *testing.T, role results.Role) (*worker, *unending, context.Context) {
	t.Helper()
	job, u := testJob(t), &unending{started: make(chan struct{}), stop: make(chan struct{})}
	job.Role, job.Client = role, u.Name()
	job.Spec.Produce.Rate, job.Spec.Produce.Window = workloads.Rate{Max: true}, 3000
	w := &worker{driver: u, job: job, report: &reporter{out: io.Discard}}
	var err error
	if w.s, err = openSession(context.Background(), job, w.report); err != nil {
		t.Fatal(err)
	}
	if err := w.start(nil); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	t.Cleanup(cancel)
	return w, u, ctx
}

// Answers that come when a client had no more time to close are heard no more: the
// account and the spans are of one moment. It is for the race detector as well.
func TestAnswersAfterClose(t *testing.T) {
	w, u, ctx := unclosed(t, results.RoleProducer)
	if err := w.gen.closed(t.Context(), 1000); err != nil {
		t.Fatal(err)
	}
	u.done.Go(func() {
		<-ctx.Done()
		close(u.stop)
	})
	tally, _, err := w.settle(ctx)
	if err == nil {
		t.Error("a client that did not close is said to have closed")
	}
	if err := w.s.close(); err != nil {
		t.Error(err)
	}
	u.done.Wait()
	count := map[record.Kind]int64{}
	if _, err := record.EachSpan(filepath.Join(w.job.Dir, results.DeliveryFile), func(s record.Span) { count[s.Kind] += int64(s.Count) }); err != nil {
		t.Fatal(err)
	}
	if tally.Sent != 1000 || tally.Acked < 500 || tally.Acked+tally.Unanswered != 1000 || count[record.Acked] != tally.Acked || count[record.Unanswered] != tally.Unanswered {
		t.Errorf("the account is %+v, spans are %v", tally, count)
	}
}

// Records that are delivered when a member had no more time to close harm nobody.
func TestRecordsAfterClose(t *testing.T) {
	w, u, ctx := unclosed(t, results.RoleConsumer)
	seq, value := uint64(0), make([]byte, 256)
	pool := payload.NewPool(w.job.Spec.Records, w.job.Seed)
	u.record = func() *drivers.Rec {
		body := pool.Fill(value, 0)
		payload.Put(value, payload.Header{Run: w.job.RunTag, Seq: seq, Due: record.Now(), Body: body})
		seq++
		return &drivers.Rec{Offset: int64(seq) - 1, Value: value}
	}
	if err := w.all()[0].close(ctx); err == nil {
		t.Error("a member that did not close is said to have closed")
	}
	if err := w.s.close(); err != nil {
		t.Error(err)
	}
	close(u.stop)
	u.done.Wait()
	delivered := int64(0)
	if _, err := record.EachSpan(filepath.Join(w.job.Dir, results.DeliveryFile), func(s record.Span) { delivered += int64(s.Count) }); err != nil {
		t.Fatal(err)
	}
	if delivered < 1000 {
		t.Errorf("%d records are in the spans, 1000 had been delivered before", delivered)
	}
}
