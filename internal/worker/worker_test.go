package worker

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/internal/leak"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

func TestMain(m *testing.M) { leak.Main(m) }

// conversation is a worker in this process, spoken to as the supervisor would.
type conversation struct {
	t    *testing.T
	in   *io.PipeWriter
	out  *bufio.Scanner
	done chan error
}

func talk(t *testing.T, job Job, others ...drivers.Driver) *conversation {
	t.Helper()
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	c := &conversation{t: t, in: inW, out: bufio.NewScanner(outR), done: make(chan error, 1)}
	go func() {
		c.done <- Main(context.Background(), append(others, loopback.New()), nil, inR, outW)
		_ = outW.Close()
		_ = inR.Close()
	}()
	c.say(job)
	return c
}

func (c *conversation) say(v any) {
	c.t.Helper()
	if err := json.NewEncoder(c.in).Encode(v); err != nil {
		c.t.Fatal(err)
	}
}

// hear reads reports up to the one that says what.
func (c *conversation) hear(what string) Report {
	c.t.Helper()
	for c.out.Scan() {
		var m Report
		if err := json.Unmarshal(c.out.Bytes(), &m); err != nil {
			c.t.Fatal(err)
		}
		if m.Say == Failed && what != Failed {
			c.t.Fatalf("worker failed: %s", m.Error)
		}
		if m.Say == what {
			return m
		}
	}
	c.t.Fatalf("the worker ended without saying %s", what)
	return Report{}
}

func (c *conversation) end() error {
	_ = c.in.Close()
	for c.out.Scan() {
	}
	return <-c.done
}

func testJob(t *testing.T) Job {
	spec := workloads.Default()
	spec.Produce.Rate = workloads.Rate{PerSecond: 5000}
	spec.Topic.Partitions = 3
	spec.Consume.Members = 2
	return Job{
		Name: "both-0", Role: results.RoleBoth, Client: "loopback", Dir: filepath.Join(t.TempDir(), "w"), Spec: spec, Seed: 7, RunTag: 42, Topic: "t",
		Interval: 100 * time.Millisecond, Every: 1,
		Settings: drivers.Settings{
			Topics: []string{"t"}, GroupID: "g", RecordBytes: 256,
			Produce: drivers.ProduceSettings{Window: spec.Produce.Window, Chunk: spec.Produce.Chunk},
			Consume: drivers.ConsumeSettings{Start: "earliest", CommitMode: drivers.CommitMarked, CommitEvery: time.Second, Lanes: drivers.LanesMember, Revoke: drivers.RevokeWait},
		},
	}
}

// TestLife takes a worker through a whole trial and reads what it wrote.
func TestLife(t *testing.T) {
	job := testJob(t)
	c := talk(t, job)
	c.hear(Ready)
	now := record.Now()
	// Longer than a busy machine stands still: then there is something to account for.
	c.say(Command{Do: Begin, Warmup: now, Measure: now + 2e8, End: now + 30e8})
	p := c.hear(Produced)
	if p.Sent == 0 || p.Acked != p.Sent || p.Failed != 0 {
		t.Fatalf("produced %+v", p)
	}
	c.say(Command{Do: Drain, Ends: p.Next})
	for {
		if m := c.hear(Progress); reached(p.Next, m.Next) {
			break
		}
	}
	c.say(Command{Do: Close})
	c.hear(Done)
	if err := c.end(); err != nil {
		t.Fatal(err)
	}

	// On a busy machine the last ones are not handed over in time, and counted.
	account := tally(t, job)
	if account.Due != 15_000 || account.Sent != p.Sent || account.Sent+account.Unsent != account.Due {
		t.Errorf("the account is %+v, want 15000 due in 3 s at 5000/s: a schedule is arithmetic", account)
	}

	var spans []record.Span
	_, err := record.EachSpan(filepath.Join(job.Dir, results.DeliveryFile), func(s record.Span) { spans = append(spans, s) })
	if err != nil {
		t.Fatal(err)
	}
	count := make(map[record.Kind]int64)
	for _, s := range spans {
		count[s.Kind] += int64(s.Count)
	}
	if count[record.Acked] != p.Sent || count[record.Delivered] < p.Sent || count[record.Corrupt] != 0 {
		t.Errorf("spans hold %v of %d records", count, p.Sent)
	}
	ivs, err := record.SumLatencies(filepath.Join(job.Dir, results.LatencyFile))
	if err != nil {
		t.Fatal(err)
	}
	series := make(map[string]int64)
	for _, iv := range ivs {
		series[iv.Metric+"."+iv.Phase] += iv.Hist.TotalCount()
	}
	// 2.8 s of 5000/s were due in the measured part; phases go by the intended time.
	for _, m := range []string{"produce.service", "produce.response", "schedule.lag", "e2e.response"} {
		if n := series[m+".measure"]; n != max(14_000-account.Unsent, 0) {
			t.Errorf("%s has %d records in the measured part, want 14000 less %d unsent", m, n, account.Unsent)
		}
	}
	var phases []string
	err = record.ReadEvents(filepath.Join(job.Dir, results.EventsFile), func(e record.Event) error {
		if e.K == record.EvPhase {
			phases = append(phases, e.Phase)
			if e.Runtime == nil {
				t.Errorf("phase %s has no runtime sample", e.Phase)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(phases) != 4 || phases[0] != "warmup" || phases[1] != "measure" || phases[2] != "drain" || phases[3] != "close" {
		t.Errorf("phases %v", phases)
	}
}

// TestOpenEnd moves the end of the measured part while it runs.
func TestOpenEnd(t *testing.T) {
	job := testJob(t)
	c := talk(t, job)
	c.hear(Ready)
	now := record.Now()
	c.say(Command{Do: Begin, Warmup: now, Measure: now + 1e8})
	for m := c.hear(PhaseMsg); m.Phase != "measure"; m = c.hear(PhaseMsg) {
	}
	end := now + 1e8 + 3e9 // far enough off to be told in time
	c.say(Command{Do: End, End: end})
	p := c.hear(Produced)
	c.say(Command{Do: Close})
	c.hear(Done)
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	if a := tally(t, job); a.Due != 15_500 || a.Sent != p.Sent || a.Sent+a.Unsent != a.Due {
		t.Errorf("the account is %+v, want 15500 due in 3.1 s at 5000/s", a)
	}
}

// tally is the account that a producer closed with.
func tally(t *testing.T, job Job) (account record.Tally) {
	t.Helper()
	heard := false
	err := record.ReadEvents(filepath.Join(job.Dir, results.EventsFile), func(e record.Event) error {
		if e.K == record.EvTally {
			heard, account = true, *e.Tally
		}
		return nil
	})
	if err != nil || !heard {
		t.Fatalf("an account: %t, %v", heard, err)
	}
	return account
}

// TestLateEnd tells the end when it has passed: what was handed over since then is due
// as well, and the account is closed.
func TestLateEnd(t *testing.T) {
	job := testJob(t)
	c := talk(t, job)
	c.hear(Ready)
	now := record.Now()
	c.say(Command{Do: Begin, Warmup: now, Measure: now + 1e8})
	for m := c.hear(PhaseMsg); m.Phase != "measure"; m = c.hear(PhaseMsg) {
	}
	end := record.Now()
	time.Sleep(300 * time.Millisecond)
	c.say(Command{Do: End, End: end})
	p := c.hear(Produced)
	c.say(Command{Do: Close})
	c.hear(Done)
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	if a := tally(t, job); a.Sent != p.Sent || a.Sent+a.Unsent != a.Due {
		t.Errorf("%d handed over, of an account of %+v", p.Sent, a)
	}
}

// TestHeld keeps a member out until it is told to join.
func TestHeld(t *testing.T) {
	job := testJob(t)
	job.Role, job.Hold = results.RoleConsumer, true
	c := talk(t, job)
	c.hear(Ready)
	c.say(Command{Do: Join})
	c.hear(Joined)
	c.say(Command{Do: Close})
	c.hear(Done)
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
}

// watched is loopback, and notes what its consumers are made with.
type watched struct {
	drivers.Driver
	topics [][]string
}

func (*watched) Name() string { return "watched" }

func (w *watched) Consumer(s drivers.Settings, env drivers.Env, h drivers.Handler) (drivers.Consumer, error) {
	w.topics = append(w.topics, s.Topics)
	return w.Driver.Consumer(s, env, h)
}

// TestHeldTopics: what a member is told when it joins goes before its job, which
// may be older than a topic.
func TestHeldTopics(t *testing.T) {
	f := func(told, want []string) {
		t.Helper()
		job, d := testJob(t), &watched{Driver: loopback.New()}
		job.Role, job.Hold, job.Client = results.RoleConsumer, true, d.Name()
		c := talk(t, job, d)
		c.hear(Ready)
		c.say(Command{Do: Join, Topics: told})
		c.hear(Joined)
		c.say(Command{Do: Close})
		c.hear(Done)
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		if len(d.topics) != 1 || !slices.Equal(d.topics[0], want) {
			t.Errorf("consumers were made with %q, want one with %q", d.topics, want)
		}
	}
	f([]string{"t", "u"}, []string{"t", "u"})
	f(nil, []string{"t"})
}

// TestAbandoned ends a worker whose supervisor is gone, in the middle of its
// work, and finds what it recorded.
func TestAbandoned(t *testing.T) {
	job := testJob(t)
	c := talk(t, job)
	c.hear(Ready)
	now := record.Now()
	c.say(Command{Do: Begin, Warmup: now, Measure: now + 1e9, End: now + 60e9})
	for m := c.hear(PhaseMsg); m.Phase != "measure"; m = c.hear(PhaseMsg) {
	}
	awaitSpans(t, job)
	if err := c.end(); err == nil {
		t.Fatal("a worker without a supervisor reported success")
	}
	var spans []record.Span
	_, err := record.EachSpan(filepath.Join(job.Dir, results.DeliveryFile), func(s record.Span) { spans = append(spans, s) })
	if err != nil || len(spans) == 0 {
		t.Fatalf("%d spans, %v", len(spans), err)
	}
}

// awaitSpans waits until a worker has recorded something: how soon it does is the
// machine's doing.
func awaitSpans(t *testing.T, job Job) {
	t.Helper()
	for range 3000 { // half a minute and more: it takes no time where all is well
		some := false
		_, _ = record.EachSpan(filepath.Join(job.Dir, results.DeliveryFile), func(record.Span) { some = true })
		if some {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("nothing was recorded")
}

// hasty is loopback with a producer that notes what is sent once it is told to
// close.
type hasty struct {
	drivers.Driver
	closed, late atomic.Bool
}

func (*hasty) Name() string { return "hasty" }

func (h *hasty) Producer(s drivers.Settings, env drivers.Env, ack func(*drivers.Msg, error)) (drivers.Producer, error) {
	p, err := h.Driver.Producer(s, env, ack)
	return hastyProducer{p, h}, err
}

type hastyProducer struct {
	drivers.Producer
	h *hasty
}

func (p hastyProducer) Send(ctx context.Context, msgs []*drivers.Msg) error {
	if p.h.closed.Load() {
		p.h.late.Store(true)
	}
	return p.Producer.Send(ctx, msgs)
}

func (p hastyProducer) Close(ctx context.Context) error {
	p.h.closed.Store(true)
	time.Sleep(50 * time.Millisecond) // in which a generator that runs on would send
	return p.Producer.Close(ctx)
}

// TestTermWhileProducing: a producer that is told to go first stops sending, then
// closes its client, and leaves no record without an account.
func TestTermWhileProducing(t *testing.T) {
	f := func(rate workloads.Rate) {
		t.Helper()
		job, d := testJob(t), &hasty{Driver: loopback.New()}
		job.Name, job.Role, job.Client, job.Spec.Produce.Rate = "producer-0", results.RoleProducer, d.Name(), rate
		c := talk(t, job, d)
		c.hear(Ready)
		now := record.Now()
		c.say(Command{Do: Begin, Warmup: now, Measure: now + 1e8, End: now + 60e9})
		for m := c.hear(PhaseMsg); m.Phase != "measure"; m = c.hear(PhaseMsg) {
		}
		awaitSpans(t, job)
		if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		c.hear(Done)
		if err := c.end(); err != nil {
			t.Fatal(err)
		}
		if !d.closed.Load() || d.late.Load() {
			t.Errorf("%+v: the client was closed: %t, and sent to after that: %t", rate, d.closed.Load(), d.late.Load())
		}
		var spans []record.Span
		_, err := record.EachSpan(filepath.Join(job.Dir, results.DeliveryFile), func(s record.Span) { spans = append(spans, s) })
		if err != nil {
			t.Fatal(err)
		}
		next := map[int32]uint64{}
		for _, s := range spans {
			next[s.Partition] += uint64(s.Count)
		}
		for p, n := range next {
			for _, s := range spans { // sequences have no holes, so the last one tells how many there are
				if s.Partition == p && s.First+uint64(s.Count) > n {
					t.Errorf("%+v: partition %d: records up to %d were sent, %d are accounted for", rate, p, s.First+uint64(s.Count), n)
				}
			}
		}
		if len(next) == 0 {
			t.Errorf("%+v: no records", rate)
		}
	}
	f(workloads.Rate{PerSecond: 5000})
	f(workloads.Rate{Max: true})
}

// blaming is loopback, and a client that does what no client may.
type blaming struct{ drivers.Driver }

func (*blaming) Name() string { return "blaming" }

func (b *blaming) Producer(s drivers.Settings, env drivers.Env, ack func(*drivers.Msg, error)) (drivers.Producer, error) {
	env.Fault(errors.New("it answered for a message of nobody"))
	return b.Driver.Producer(s, env, ack)
}

// TestFault: what a driver says of its client is among the errors of the client, in the
// events and in the log, and ends nothing.
func TestFault(t *testing.T) {
	job, d := testJob(t), &blaming{loopback.New()}
	job.Name, job.Role, job.Client = "producer-0", results.RoleProducer, d.Name()
	c := talk(t, job, d)
	c.hear(Ready)
	c.say(Command{Do: Close})
	c.hear(Done)
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	told := 0
	if err := record.ReadEvents(filepath.Join(job.Dir, results.EventsFile), func(e record.Event) error {
		if e.K == record.EvError && e.Error == "it answered for a message of nobody" {
			told++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(job.Dir, results.ClientLogFile))
	if err != nil || told != 1 || !strings.Contains(string(log), "ERROR reported: it answered for a message of nobody") {
		t.Errorf("it is told %d times; the log: %q, %v", told, log, err)
	}
}

// TestRefused hears clear words about a job that cannot be done.
func TestRefused(t *testing.T) {
	job := testJob(t)
	job.Client = "nobody"
	c := talk(t, job)
	m := c.hear(Failed)
	if want := `no driver is called "nobody"`; m.Error != want {
		t.Errorf("said %q, want %q", m.Error, want)
	}
	if err := c.end(); err == nil {
		t.Error("no error")
	}
}

// TestOffer has a producer come late, with the partitions of a second topic: its
// schedule begins when it is told to, and its records bear the numbers of those
// partitions.
func TestOffer(t *testing.T) {
	job := testJob(t)
	job.Name, job.Role, job.Hold, job.Number, job.First = "reference-1", results.RoleReference, true, 1, 3
	job.Topics = results.Topics{{Name: "t", First: 0, Count: 3}, {Name: "u", First: 3, Count: 2}}
	job.Spec.Topic.Partitions = 2
	c := talk(t, job)
	c.hear(Ready)
	now := record.Now()
	c.say(Command{Do: Begin, Warmup: now, Measure: now + 1e8})
	c.say(Command{Do: Join})
	c.hear(Joined)
	start := record.Now() + 1e8
	c.say(Command{Do: Offer, Start: start})
	c.say(Command{Do: End, End: start + 30e8}) // far enough off that some are sent on any machine
	p := c.hear(Produced)
	if p.Acked != p.Sent || len(p.Next) != 2 || p.Next[3]+p.Next[4] != p.Sent || max(p.Next[3], p.Next[4])-min(p.Next[3], p.Next[4]) > 1 {
		t.Errorf("%d records sent, %d acked, and partitions end at %v, want 3 and 4 to have half of them each", p.Sent, p.Acked, p.Next)
	}
	c.say(Command{Do: Close})
	c.hear(Done)
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	if a := tally(t, job); a.Due != 15_000 || a.Sent != p.Sent || a.Sent+a.Unsent != a.Due {
		t.Errorf("the account is %+v, want 15000 due in 3 s at 5000/s", a)
	}
	var spans []record.Span
	_, err := record.EachSpan(filepath.Join(job.Dir, results.DeliveryFile), func(s record.Span) { spans = append(spans, s) })
	if err != nil {
		t.Fatal(err)
	}
	first := int64(0)
	for _, s := range spans {
		if s.Partition != 3 && s.Partition != 4 || s.Producer != 1 || s.Kind != record.Acked {
			t.Fatalf("span %+v is of partition 3 or 4 by producer 1", s)
		}
		if first == 0 || s.Due < first {
			first = s.Due
		}
	}
	if first != start {
		t.Errorf("the first record was due %d ns after the start of the schedule, want at it", first-start)
	}
}
