// Package bare is the least that an honest program does with each client: it
// produces, or it reads and marks, in one loop, and says about once a second how
// far it is. What kbench costs is what it needs beyond that.
//
// The loop has records from slabs, 256 values shared by all of them, one look at
// the clock per 4096 records, plain connections, and no map and no lock of its
// own. It is a process of its own, the same program as the script that compares
// (package sides starts it) and as the kbench that stands on the other side, so
// that they differ in nothing else.
package bare

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kbench/kbench/cmd/kbench/cli"
	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/drivers/loopback"
	saramadriver "github.com/kbench/kbench/drivers/sarama"
	"github.com/kbench/kbench/results/record"
)

// The clients, and what they do.
const (
	FranzGo = "franz-go"
	Sarama  = "sarama"
	KafkaGo = "kafka-go"

	Produce = "produce"
	Consume = "consume"
)

// Job is the one line that a bare process reads.
type Job struct {
	Client     string
	Direction  string
	Settings   drivers.Settings
	Seeds      []string
	Topic      string
	Partitions int
	Size       int           // of a value
	Rate       float64       // records a second that are produced; 0: as many as it can
	Length     time.Duration // from the first record on; 0: until its input ends
	Total      int64         // records in the topic; 0: it has no end
	MarkEvery  int64         // records between two marks, where they come one by one
	Profile    string        // where a CPU profile is written; empty: none is

	// Lasting is for a member of a group that is watched as it settles: its
	// reports begin with the process, not with the first record, and errors pass.
	// Else a failed record ends the loop, for it is no throughput.
	Lasting bool
}

// Report is a line that it writes about once a second, as often as a kbench
// worker samples itself. All but the momentary values count since its start.
type Report struct {
	First int64 `json:"first"` // when the first record was acked or delivered; 0 where it is lasting
	T     int64 `json:"t"`     // ns of the host's monotonic clock
	record.Runtime
	Records    int64 `json:"records"`
	Partitions int   `json:"partitions"` // that have records since the line before
}

// Roles makes this program what its first argument names: kbench itself, or the
// bare loop. It returns where that is neither.
func Roles() {
	if len(os.Args) < 2 {
		return
	}
	switch os.Args[1] {
	case "run", "worker", "broker":
		cli.Main(franzgo.New(), saramadriver.New(), kafkago.New(), loopback.New())
	case "bare":
		if err := run(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bare:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// clockEvery is how many records pass between two looks at the clock, and
// publishEvery between two updates of what others see of a count of acks.
const (
	clockEvery   = 4096
	publishEvery = 64
)

// run ends when its time is up, when the topic is read, or when in ends.
func run(in io.Reader, out io.Writer) (err error) {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	var j Job
	if err := json.Unmarshal(line, &j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	loop, err := loopOf(j)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	go func() {
		_, _ = io.Copy(io.Discard, lines)
		cancel(nil) // nobody is left to work for
	}()
	if j.Profile != "" {
		f, err := os.Create(j.Profile)
		if err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return fmt.Errorf("profile: %w", err)
		}
		defer pprof.StopCPUProfile()
	}

	m := &meter{ctx: ctx, cancel: cancel, job: j, parts: make([]count, j.Partitions)}
	var reports sync.WaitGroup
	stop := make(chan struct{})
	reports.Go(func() { m.report(out, stop) })
	err = loop(m, j)
	close(stop)
	reports.Wait()
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

// env is what surrounds the bare client: plain connections and no log.
func (j Job) env() drivers.Env {
	return drivers.Env{Seeds: j.Seeds, Dial: new(net.Dialer).DialContext}
}

func loopOf(j Job) (func(*meter, Job) error, error) {
	loops := map[[2]string]func(*meter, Job) error{
		{Produce, FranzGo}: produceFranzGo, {Produce, Sarama}: produceSarama, {Produce, KafkaGo}: produceKafkaGo,
		{Consume, FranzGo}: consumeFranzGo, {Consume, Sarama}: consumeSarama, {Consume, KafkaGo}: consumeKafkaGo,
	}
	loop := loops[[2]string{j.Direction, j.Client}]
	switch {
	case loop == nil:
		return nil, fmt.Errorf("no bare loop for %s with %q", j.Direction, j.Client)
	case j.Partitions < 1 || j.Direction == Consume && j.MarkEvery < 1:
		return nil, fmt.Errorf("a job with %d partitions, marked every %d records", j.Partitions, j.MarkEvery)
	}
	return loop, nil
}

// count is one goroutine's count of records, alone on its cache line.
type count struct {
	atomic.Int64
	_ [56]byte
}

// meter counts the records of a loop and says when it is over.
type meter struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	job    Job
	end    atomic.Int64 // when the time is up; 0: it is not known yet
	parts  []count      // by partition where one is read; acks are in the first
}

func (m *meter) records() int64 {
	var n int64
	for i := range m.parts {
		n += m.parts[i].Load()
	}
	return n
}

// over is asked once in clockEvery records, and is the loop's one look at the
// clock.
func (m *meter) over() bool {
	end, total := m.end.Load(), m.job.Total
	if end > 0 && record.Now() > end || total > 0 && m.records() >= total {
		m.cancel(nil)
	}
	return m.ctx.Err() != nil
}

// fail ends the loop, unless errors pass.
func (m *meter) fail(err error) {
	if err != nil && m.ctx.Err() == nil && !m.job.Lasting {
		m.cancel(err)
	}
}

// report writes what was done until stop is closed.
func (m *meter) report(out io.Writer, stop <-chan struct{}) {
	enc := json.NewEncoder(out)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var first int64
	before := make([]int64, len(m.parts))
	say := func() bool {
		r := Report{First: first, Runtime: record.SampleRuntime(), T: record.Now()}
		for i := range m.parts {
			n := m.parts[i].Load()
			if n > before[i] {
				r.Partitions++
			}
			before[i] = n
			r.Records += n
		}
		if enc.Encode(r) != nil {
			m.cancel(nil) // nobody reads any more
			return false
		}
		return true
	}
	if !m.job.Lasting {
		if !until(stop, func() bool { return m.records() > 0 }) {
			return
		}
		first = record.Now()
		if m.job.Length > 0 {
			m.end.Store(first + int64(m.job.Length))
		}
		tick.Reset(time.Second)
		if !say() {
			return
		}
	}
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		m.over() // a loop that waits for its client does not come to ask by itself
		if !say() {
			return
		}
	}
}

// until polls and says false where stop came first.
func until(stop <-chan struct{}, yes func() bool) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !yes() {
		select {
		case <-stop:
			return false
		case <-tick.C:
		}
	}
	return true
}
