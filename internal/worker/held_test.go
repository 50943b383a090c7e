package worker

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// TestHeldSince lays calls and waits on a line and asks for the time between.
func TestHeldSince(t *testing.T) {
	h := &held{points: make([]point, 1, mostPoints)}
	f := func(due, send, room int64) {
		t.Helper()
		if s, r := h.since(due); s != send || r != room {
			t.Errorf("since %d: %d inside Send and %d without room, want %d and %d", due, s, r, send, room)
		}
	}
	f(0, 0, 0)
	h.add(10, 14, 4, 0)
	h.add(14, 20, 0, 6) // straight after
	h.add(30, 35, 5, 0)
	f(0, 9, 6)
	f(10, 9, 6)
	f(11, 8, 6)
	f(14, 5, 6)
	f(17, 5, 3)
	f(25, 5, 0)
	f(33, 2, 0)
	f(35, 0, 0)
	f(40, 0, 0)
	h.add(50, 51, 1, 0)
	f(45, 1, 0)
}

// However far behind a generator is, it keeps few points, and what they say is right
// to within what a few of them cover.
func TestHeldForgets(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const each, call = 100, 60
		h := &held{points: make([]point, 1, 64)}
		behind := rapid.Int64Range(0, 400).Draw(t, "behind")
		for i := range int64(1000) {
			from := i * each
			h.add(from, from+call, call, 0)
			due := max(from-behind*each, 0)
			send, room := h.since(due)
			want := (from/each - due/each + 1) * call
			if room != 0 || send < want-want/8-each || send > want+want/8+each {
				t.Fatalf("%d behind: %d inside Send since %d, want about %d", behind, send, due, want)
			}
		}
		if len(h.points) > 64 {
			t.Fatalf("%d points", len(h.points))
		}
	})
}

// TestReferenceIsBehind: a client that blocks in Send, or has no room, is the client
// under test unless it is that of the reference producer.
func TestReferenceIsBehind(t *testing.T) {
	const ms = int64(1e6)
	f := func(what string, reference bool, want []record.Late, play func(*held)) {
		t.Helper()
		l, err := record.CreateLatencies(filepath.Join(t.TempDir(), "l"), time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		h := newHeld(l, reference)
		play(h)
		if !slices.Equal(h.late, want) {
			t.Errorf("%s, reference %t: %+v, want %+v", what, reference, h.late, want)
		}
	}
	send := func(h *held, due, from, to int64) {
		h.record(due*ms, from*ms)
		h.sent(due*ms, from*ms, to*ms)
	}
	inSend := func(h *held) {
		send(h, 100, 100, 101)
		send(h, 110, 110, 150)
		send(h, 151, 151, 152)
	}
	noRoom := func(h *held) {
		send(h, 100, 100, 101)
		h.full(110*ms, 150*ms)
		send(h, 110, 150, 150)
	}
	all := []record.Late{{Since: 101 * ms, Due: 110 * ms, T: 150 * ms}}
	f("inside Send", true, all, inSend)
	f("inside Send", false, nil, inSend)
	f("no room", true, all, noRoom)
	f("no room", false, nil, noRoom)
}

// blocking is a driver that acks at once and takes its time in Send.
type blocking struct {
	drivers.Driver
	inSend time.Duration
}

func (*blocking) Name() string { return "blocking" }

func (b *blocking) Producer(_ drivers.Settings, _ drivers.Env, ack func(*drivers.Msg, error)) (drivers.Producer, error) {
	return blockingProducer{b.inSend, ack}, nil
}

type blockingProducer struct {
	inSend time.Duration
	ack    func(*drivers.Msg, error)
}

func (p blockingProducer) Send(_ context.Context, msgs []*drivers.Msg) error {
	if p.inSend > 0 {
		time.Sleep(p.inSend)
	}
	for _, m := range msgs {
		m.Offset = int64(m.Seq)
		p.ack(m, nil)
	}
	return nil
}

func (blockingProducer) Close(context.Context) error { return nil }

// outcome is what a producer wrote down of its load, all parts together.
type outcome struct {
	due, sent, unsent int64
	own, held, room   float64 // means of records
	late              int64   // how long after the end it answered
	behind            int64   // by how much others than the client under test were late at most
}

// producing runs a producer for a second.
func producing(t *testing.T, d drivers.Driver, change func(s *workloads.Spec)) outcome {
	t.Helper()
	return producingAs(t, results.RoleProducer, d, change)
}

func producingAs(t *testing.T, role results.Role, d drivers.Driver, change func(s *workloads.Spec)) outcome {
	t.Helper()
	job := testJob(t)
	job.Role, job.Client, job.Name = role, d.Name(), "producer-0"
	change(&job.Spec)
	c := talk(t, job, d)
	c.hear(Ready)
	now := record.Now()
	end := now + int64(time.Second)
	c.say(Command{Do: Begin, Warmup: now, Measure: now + 1e8, End: end})
	p := c.hear(Produced)
	out := outcome{late: record.Now() - end}
	c.say(Command{Do: Close})
	c.hear(Done)
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	if p.Acked != p.Sent || p.Error != "" {
		t.Errorf("produced %+v", p)
	}
	ivs, err := record.SumLatencies(filepath.Join(job.Dir, results.LatencyFile))
	if err != nil {
		t.Fatal(err)
	}
	mean := map[string]*float64{"schedule.lag": &out.own, "schedule.held": &out.held, "produce.no_room": &out.room}
	for _, iv := range ivs {
		n := iv.Hist.TotalCount()
		if iv.Metric == "produce.unsent" {
			out.unsent += n
		} else if sum := mean[iv.Metric]; sum != nil {
			*sum += iv.Hist.Mean() * float64(n) / float64(p.Sent)
		}
	}
	err = record.ReadEvents(filepath.Join(job.Dir, results.EventsFile), func(e record.Event) error {
		for _, l := range e.Late {
			if e.K == record.EvBehind {
				out.behind = max(out.behind, l.By())
			}
		}
		if e.K == record.EvTally {
			out.due, out.sent = e.Tally.Due, e.Tally.Sent
			if e.Tally.Unsent != out.unsent {
				t.Errorf("the account has %d unsent, the histogram %d", e.Tally.Unsent, out.unsent)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if out.sent != p.Sent || out.due != out.sent+out.unsent {
		t.Errorf("%d were due, %d were handed over and %d were not", out.due, out.sent, out.unsent)
	}
	return out
}

// A client that blocks in Send is what keeps records waiting, and not the generator.
func TestBlocksInSend(t *testing.T) {
	o := producing(t, &blocking{inSend: 2 * time.Millisecond}, func(s *workloads.Spec) {
		s.Produce.Rate.PerSecond, s.Produce.Chunk = 5000, 1
	})
	if o.due != 5000 || o.unsent < 1000 {
		t.Errorf("%d of %d unsent, though at most 500 calls fit into the time", o.unsent, o.due)
	}
	if o.held < float64(10*time.Millisecond) { // whatever the machine adds
		t.Errorf("records were held up for %.0f ns by the client and %.0f by the generator", o.held, o.own)
	}
}

// A reference producer that blocks in Send gives a sign of it.
func TestReferenceBlocksInSend(t *testing.T) {
	const inSend = 50 * time.Millisecond
	o := producingAs(t, results.RoleReference, &blocking{inSend: inSend}, func(s *workloads.Spec) {
		s.Produce.Rate.PerSecond = 10
	})
	if o.behind < int64(inSend) {
		t.Errorf("the latest sign is of %s", time.Duration(o.behind))
	}
}

// A client that takes nothing any more until its time is over: the producer ends when
// the drain does, and what was not taken is unsent.
func TestBlockedSend(t *testing.T) {
	f := func(rate workloads.Rate) {
		t.Helper()
		const taken, drain = 300, 500 * time.Millisecond
		d := faulty.Wrap(loopback.New(), faulty.Fault{Kind: faulty.Block, Nth: taken + 1})
		o := producing(t, d, func(s *workloads.Spec) {
			s.Produce.Rate, s.Produce.Chunk, s.Phases.Drain = rate, 7, drain
		})
		if o.sent != taken || o.late < int64(drain) {
			t.Errorf("%+v: %d handed over of the %d that were taken, ended %d ns after the end", rate, o.sent, taken, o.late)
		}
		if !rate.Max && (o.due != 5000 || o.unsent != 5000-taken) {
			t.Errorf("%d were due, %d unsent", o.due, o.unsent)
		}
	}
	f(workloads.Rate{PerSecond: 5000})
	f(workloads.Rate{Max: true})
}

// A window without room is the client's too.
func TestNoRoom(t *testing.T) {
	o := producing(t, &slowAck{}, func(s *workloads.Spec) {
		s.Produce.Rate.PerSecond, s.Produce.Chunk, s.Produce.Window = 5000, 1, 3
	})
	if o.room < float64(10*time.Millisecond) || o.unsent < 1000 {
		t.Errorf("records waited %.0f ns for room and %.0f for the generator, %d unsent", o.room, o.own, o.unsent)
	}
}

// slowAck acks each record 5 ms after it came.
type slowAck struct{ drivers.Driver }

func (*slowAck) Name() string { return "slow-ack" }

func (*slowAck) Producer(_ drivers.Settings, _ drivers.Env, ack func(*drivers.Msg, error)) (drivers.Producer, error) {
	p := &slowAckProducer{todo: make(chan *drivers.Msg, 16), done: make(chan struct{})}
	go func() {
		defer close(p.done)
		for m := range p.todo {
			time.Sleep(5 * time.Millisecond)
			m.Offset = int64(m.Seq)
			ack(m, nil)
		}
	}()
	return p, nil
}

type slowAckProducer struct {
	todo chan *drivers.Msg
	done chan struct{}
}

func (p *slowAckProducer) Send(_ context.Context, msgs []*drivers.Msg) error {
	for _, m := range msgs {
		p.todo <- m
	}
	return nil
}

func (p *slowAckProducer) Close(context.Context) error {
	close(p.todo)
	<-p.done
	return nil
}

// A generator that sleeps through what is due is late by itself, where the client
// takes all that it gets.
func TestStarvedGenerator(t *testing.T) {
	o := producing(t, &blocking{}, func(s *workloads.Spec) {
		s.Produce.Rate.PerSecond, s.Produce.Chunk, s.Produce.Tick = 5000, 64, 50*time.Millisecond
	})
	if o.own < float64(10*time.Millisecond) {
		t.Errorf("records were late by %.0f ns of the generator's and %.0f of the client's doing", o.own, o.held)
	}
}

// TestBehind: of each second the record that the generator itself was latest with,
// since it last was in time.
func TestBehind(t *testing.T) {
	const ms = int64(1e6)
	h := &held{}
	for _, r := range []struct{ now, own int64 }{{100, 1}, {400, 250}, {401, 200}, {402, 10}, {900, 400}, {3000, 20}, {3001, 0}} {
		h.behind((r.now-r.own)*ms, r.now*ms, r.own*ms)
	}
	at := func(since, due, t int64) record.Late { return record.Late{Since: since * ms, Due: due * ms, T: t * ms} }
	if want := []record.Late{at(402, 500, 900), at(402, 2980, 3000)}; !slices.Equal(h.late, want) {
		t.Errorf("%+v, want %+v", h.late, want)
	}
	// What piled up while it was suspended for three seconds is one entry, not thousands.
	h = &held{}
	h.behind(0, ms, 0)
	for i := range int64(1000) {
		h.behind((i+1)*ms, (3000+i/10)*ms, (3000+i/10-i-1)*ms)
	}
	if want := []record.Late{at(1, 1, 3000)}; !slices.Equal(h.late, want) {
		t.Errorf("after a long stop %+v, want %+v", h.late, want)
	}
	if n := testing.AllocsPerRun(100, func() { h.behind(0, ms, ms) }); n > 0 {
		t.Errorf("%.0f allocations of a record in time", n)
	}
}
