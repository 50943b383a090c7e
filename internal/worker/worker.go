package worker

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"runtime/metrics"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/pace"
)

// Main runs one worker to its end, with the drivers and the parts that this program
// has. It returns when the job is done, when it has failed (the error has been
// reported) or when in ends.
func Main(ctx context.Context, table []drivers.Driver, parts map[results.Role]Part, in io.Reader, out io.Writer) error {
	lines := bufio.NewReaderSize(in, 1<<20)
	report := &reporter{out: out}
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("worker: no job on standard input: %w", err)
	}
	var job Job
	if err := json.Unmarshal(line, &job); err != nil {
		return fmt.Errorf("worker: job: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	commands := make(chan Command, 4)
	leave := make(chan os.Signal, 1)
	signal.Notify(leave, syscall.SIGTERM)
	defer signal.Stop(leave)
	pages := newPages(report)
	defer pages.close()
	w := &worker{job: job, report: report, commands: commands, leave: leave, pages: pages}
	go func() {
		// The end of input means that nobody is left to work for.
		defer cancel()
		dec := json.NewDecoder(lines)
		for {
			var c Command
			if dec.Decode(&c) != nil {
				return
			}
			switch c.Do {
			case Ask:
				pages.ask(ctx, c)
				continue
			case Enough:
				pages.enough(c.ID)
				continue
			case Look:
				w.s.done.Go(func() { w.silent(w.s.ctx, c.Start, c.Parts) })
				continue
			}
			select {
			case commands <- c:
			case <-ctx.Done():
				return
			}
		}
	}()
	err = w.run(ctx, table, parts)
	if err != nil {
		report.say(Report{Say: Failed, Error: err.Error()})
		return err
	}
	report.say(Report{Say: Done})
	return nil
}

// worker is one role at work.
type worker struct {
	job      Job
	driver   drivers.Driver
	report   *reporter
	commands <-chan Command
	pages    *pages
	s        *session
	gen      *generator
	leave    <-chan os.Signal // SIGTERM: go, in good order

	producing <-chan error // answers once, when every record of a producer has; nil: nothing is produced

	mu      sync.Mutex
	members []*handler // under mu: a held member joins while others look
}

func (w *worker) run(ctx context.Context, table []drivers.Driver, parts map[results.Role]Part) (err error) {
	w.s, err = openSession(ctx, w.job, w.report)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := w.s.close(); err == nil && cerr != nil {
			err = fmt.Errorf("worker files: %w", cerr)
		}
	}()
	close(w.pages.ready)
	if part := parts[w.job.Role]; part != nil {
		return part(ctx, &Stage{w})
	}
	if w.driver = drivers.Find(table, w.job.Client); w.driver == nil {
		return fmt.Errorf("no driver is called %q", w.job.Client)
	}
	w.s.weigh()
	if !w.job.Hold {
		if err := w.start(nil); err != nil {
			return errors.Join(err, w.stop(closeTimeout))
		}
	}
	alive, stopAlive := context.WithCancel(ctx)
	var beats sync.WaitGroup
	beats.Go(func() { w.alive(alive) })
	defer func() { stopAlive(); beats.Wait() }()

	w.report.say(Report{Say: Ready, Runtime: inForce(), Note: w.s.note})
	if err := w.work(ctx); err != nil {
		limit := closeTimeout
		if ctx.Err() != nil {
			limit = closeAlone
		}
		return errors.Join(err, w.stop(limit))
	}
	return w.stop(closeTimeout)
}

// inForce is how the Go runtime of this process is set. The environment says only
// what was asked for.
func inForce() *results.GoRuntime {
	s := []metrics.Sample{{Name: "/sched/gomaxprocs:threads"}, {Name: "/gc/gogc:percent"}, {Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(s)
	read := func(i int) int64 {
		if s[i].Value.Kind() != metrics.KindUint64 {
			return 0 // a later Go dropped it
		}
		return int64(s[i].Value.Uint64()) // GOGC off is all bits set, and so -1
	}
	return &results.GoRuntime{GOMAXPROCS: int(read(0)), GOGC: int(read(1)), GOMEMLIMIT: read(2)}
}

// start makes the clients of the role, with the topics of the job where none are
// given.
func (w *worker) start(topics []string) error {
	d, set := w.driver, w.job.Settings
	if topics != nil {
		set.Topics = topics
	}
	if w.job.Role == results.RoleConsumer || w.job.Role == results.RoleBoth {
		n := 1
		if w.job.Role == results.RoleBoth {
			n = max(w.job.Spec.Consume.Members, 0)
		}
		for i := range n {
			h := newHandler(w.s, w.job.Number+uint32(i))
			if err := h.start(d, set); err != nil {
				return err
			}
			w.mu.Lock()
			w.members = append(w.members, h)
			w.mu.Unlock()
		}
	}
	if w.job.Role != results.RoleConsumer {
		g, err := newGenerator(w.s)
		if err != nil {
			return err
		}
		w.s.weigh()
		if g.client, err = d.Producer(set, w.s.env(), g.ack); err != nil {
			return fmt.Errorf("%s: producer: %w", d.Name(), err)
		}
		w.gen = g
	}
	return nil
}

// work carries out commands until close. However it ends, a generator has stopped
// when it returns: its client can be closed, and what it sent be settled.
func (w *worker) work(ctx context.Context) error {
	if w.job.Role == results.RoleFiller {
		if err := w.gen.closed(ctx, int64(w.job.Spec.Consume.Backlog)); err != nil {
			return err
		}
		return w.produced(ctx)
	}
	if w.job.Ends != nil {
		if err := w.backlog(ctx); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	err := w.obey(ctx)
	stop()
	if w.producing != nil {
		<-w.producing
	}
	return err
}

func (w *worker) obey(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return errors.New("the supervisor is gone")
		case <-w.leave:
			return nil
		case err := <-w.producing:
			w.producing = nil
			if err != nil {
				return err
			}
		case c := <-w.commands:
			if c.Do == Close {
				return w.awaitProduced()
			}
			if err := w.do(ctx, c); err != nil {
				return err
			}
		}
	}
}

// awaitProduced waits until every record of a producer is answered.
func (w *worker) awaitProduced() error {
	if w.producing == nil {
		return nil
	}
	err := <-w.producing
	w.producing = nil
	return err
}

// do carries out a command but for the last one.
func (w *worker) do(ctx context.Context, c Command) error {
	switch c.Do {
	case Begin:
		w.begin(ctx, c)
	case Join:
		if err := w.start(c.Topics); err != nil {
			return err
		}
		w.report.say(Report{Say: Joined})
	case Reopen:
		return w.reopen(c.Topics)
	case Read:
		return w.read(ctx, c.Name)
	case Offer:
		w.offer(ctx, c.Start)
	case Subscribe:
		return w.subscribe(ctx, c.Topics)
	case BadLink:
		if w.s.link == nil || c.Link == nil {
			return errors.New("there is no link to be made worse")
		}
		w.s.link.during(c.Link, c.Nodes, c.For)
	case End:
		w.end(c.End)
	case Drain:
		w.drain(c.Ends)
	default:
		return fmt.Errorf("unknown command %q", c.Do)
	}
	return nil
}

// begin goes through warm-up and measured part while commands are heard. A
// producer then waits for its acks and closes; a consumer, which has none, goes on
// until it is told where to stop.
func (w *worker) begin(ctx context.Context, c Command) {
	end := c.End
	if end == 0 {
		end = math.MaxInt64 // the timeline decides
	}
	w.s.boundaries(c.Measure, end)
	if w.gen == nil {
		w.s.done.Go(func() {
			if err := w.s.phases(w.s.ctx, c); err != nil && w.s.ctx.Err() == nil {
				w.report.say(Report{Say: Failed, Error: err.Error()})
			}
		})
		return
	}
	w.gen.ends(end)
	w.generating(func() error { return w.produce(ctx, c) })
}

// offer is begin for a producer whose partitions come later than the trial
// began: the parts of the trial are on their way already, and its schedule starts
// at a time of its own.
func (w *worker) offer(ctx context.Context, start int64) {
	w.generating(func() error {
		if err := record.SleepUntil(ctx, start); err != nil {
			return err
		}
		if err := w.generate(ctx, Command{Warmup: start}); err != nil {
			return err
		}
		return w.produced(ctx)
	})
}

// generating lets a producer do its part beside the commands.
func (w *worker) generating(part func() error) {
	done := make(chan error, 1)
	w.producing = done
	go func() { done <- part() }()
}

// subscribe gives the running members other topics.
func (w *worker) subscribe(ctx context.Context, topics []string) error {
	for _, h := range w.all() {
		s, can := h.client.(drivers.Subscriber)
		if !can {
			return fmt.Errorf("%s: the topics of a running consumer cannot be changed", w.job.Client)
		}
		if err := s.Subscribe(ctx, topics); err != nil {
			return fmt.Errorf("%s: subscribe to %v: %w", w.job.Client, topics, err)
		}
	}
	return nil
}

// end fixes when an open-ended measured part ends.
func (w *worker) end(at int64) {
	if w.gen != nil {
		w.gen.ends(at)
	}
	w.s.end(at)
}

func (w *worker) produce(ctx context.Context, c Command) error {
	parts, stop := context.WithCancel(ctx)
	defer stop()
	phases := make(chan error, 1)
	go func() { phases <- w.s.phases(parts, c) }()
	err := record.SleepUntil(ctx, c.Warmup)
	if err == nil {
		err = w.generate(ctx, c)
	}
	if err != nil {
		stop()
	}
	if err = cmp.Or(err, <-phases); err != nil {
		return err
	}
	return w.produced(ctx)
}

// generate sends what is due, until the end or until ctx ends: a generator that is
// busy looks at no context, but at the clock.
func (w *worker) generate(ctx context.Context, c Command) error {
	p, g := w.job.Spec.Produce, w.gen
	stop := context.AfterFunc(ctx, func() { g.until.Store(0) })
	defer stop()
	taking, enough := context.WithCancel(ctx)
	defer enough()
	defer context.AfterFunc(g.drained, enough)()
	g.taking = taking
	if p.Rate.Max {
		return cmp.Or(g.closed(ctx, 0), ctx.Err())
	}
	length := time.Duration(c.End - c.Warmup)
	if c.End == 0 {
		length = endless
	}
	sched, err := pace.New(p.Rate.PerSecond, p.Schedule, length, w.job.Seed)
	if err != nil {
		return err
	}
	return cmp.Or(g.open(ctx, sched, c.Warmup, length), ctx.Err())
}

// endless is how far a schedule reaches whose end is not known yet. Only laws
// that do not depend on the length may be used with it.
const endless = 24 * time.Hour

// produced ends a producer: all acks, then the client, then the account.
func (w *worker) produced(ctx context.Context) error {
	all, limit := w.gen.drain(ctx, w.job.Spec.Phases.Drain), closeTimeout
	if !all {
		limit = closeUnanswered
	}
	cctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t, next, err := w.settle(cctx)
	if all && err != nil {
		return err
	}
	m := Report{Say: Produced, Sent: t.Sent, Acked: t.Acked, Failed: t.Failed + t.Unanswered, Next: next}
	if !all {
		m.Error = fmt.Sprintf("%d records were not answered within %s", t.Unanswered, w.job.Spec.Phases.Drain)
	}
	if err != nil { // it had what it could not get rid of
		m.Error += ", " + err.Error()
	}
	w.report.say(m)
	return nil
}

// settle closes the client of the generator and its account.
func (w *worker) settle(ctx context.Context) (record.Tally, map[int32]int64, error) {
	g := w.gen
	w.gen = nil
	err := g.close(func() error { return w.s.closing(func() error { return g.client.Close(ctx) }) })
	if err != nil {
		err = fmt.Errorf("%s: close producer: %w", w.job.Client, err)
	}
	t, next := g.settle(w.s)
	return t, next, err
}

func (w *worker) all() []*handler {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.members)
}

// progress sums the members of this process.
func (w *worker) progress() (int64, map[int32]int64) {
	var delivered int64
	next := make(map[int32]int64)
	for _, h := range w.all() {
		d, n := h.progress()
		delivered += d
		for p, o := range n {
			next[p] = max(next[p], o)
		}
	}
	return delivered, next
}

// drain reports positions until the ends are reached or the supervisor, which
// sees all members, has had enough.
func (w *worker) drain(ends map[int32]int64) {
	w.s.done.Go(func() {
		for {
			delivered, next := w.progress()
			w.report.say(Report{Say: Progress, Delivered: delivered, Next: next})
			if reached(ends, next) || record.SleepUntil(w.s.ctx, record.Now()+int64(50*time.Millisecond)) != nil {
				return
			}
		}
	})
}

func reached(ends, next map[int32]int64) bool {
	for p, end := range ends {
		if next[p] < end {
			return false
		}
	}
	return true
}

// alive tells the supervisor once a second that this process is not stuck.
func (w *worker) alive(ctx context.Context) {
	for {
		delivered, next := w.progress()
		w.report.say(Report{Say: Alive, Delivered: delivered, Next: next})
		if record.SleepUntil(ctx, record.Now()+int64(time.Second)) != nil {
			return
		}
	}
}
