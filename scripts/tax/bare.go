package main

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

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results/record"
)

// bareJob is the one line that the bare side of a pair reads.
type bareJob struct {
	Client     string
	Direction  string
	Settings   drivers.Settings
	Seeds      []string
	Topic      string
	Partitions int
	Size       int           // of a value
	Length     time.Duration // from the first record on
	Total      int64         // records in the topic; 0: it is produced to
	Profile    string        // where a CPU profile is written; empty: none is
}

// bareReport is a line from the bare side.
type bareReport struct {
	First int64  `json:"first"`
	Point *point `json:"point,omitempty"`
}

// clockEvery is how many records pass between two looks at the clock, and
// publishEvery between two updates of what others see of a count.
const (
	clockEvery   = 4096
	publishEvery = 64
)

// bareMain is the bare side of a pair: the least that an honest program does with
// a client. It ends when its time is up, when the topic is read, or when in ends.
func bareMain(in io.Reader, out io.Writer) (err error) {
	lines := bufio.NewReader(in)
	line, err := lines.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	var j bareJob
	if err := json.Unmarshal(line, &j); err != nil {
		return fmt.Errorf("read the job: %w", err)
	}
	run, err := loopOf(j)
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

	m := &meter{ctx: ctx, cancel: cancel, length: int64(j.Length), total: j.Total, parts: make([]count, j.Partitions)}
	var reports sync.WaitGroup
	stop := make(chan struct{})
	reports.Go(func() { m.report(out, stop) })
	err = run(m, j)
	close(stop)
	reports.Wait()
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) {
		err = cause
	}
	return err
}

// env is what surrounds the bare client: plain connections and no log.
func (j bareJob) env() drivers.Env {
	return drivers.Env{Seeds: j.Seeds, Dial: new(net.Dialer).DialContext}
}

func loopOf(j bareJob) (func(*meter, bareJob) error, error) {
	loops := map[[2]string]func(*meter, bareJob) error{
		{produce, franzGo}: produceFranzGo, {produce, sarama}: produceSarama, {produce, kafkaGo}: produceKafkaGo,
		{consume, franzGo}: consumeFranzGo, {consume, sarama}: consumeSarama, {consume, kafkaGo}: consumeKafkaGo,
	}
	if run := loops[[2]string{j.Direction, j.Client}]; run != nil {
		return run, nil
	}
	return nil, fmt.Errorf("no bare loop for %s with %q", j.Direction, j.Client)
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
	length int64
	total  int64
	end    atomic.Int64 // when the time is up; 0 until the first record
	parts  []count      // by partition where several goroutines count, else only the first
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
	end := m.end.Load()
	if end > 0 && record.Now() > end || m.total > 0 && m.records() >= m.total {
		m.cancel(nil)
	}
	return m.ctx.Err() != nil
}

// fail ends the loop: a failed record is no throughput.
func (m *meter) fail(err error) {
	if err != nil && m.ctx.Err() == nil {
		m.cancel(err)
	}
}

// report writes a point about every second from the first record on, as often as
// a kbench worker samples itself.
func (m *meter) report(out io.Writer, stop <-chan struct{}) {
	enc := json.NewEncoder(out)
	if !until(stop, func() bool { return m.records() > 0 }) {
		return
	}
	first := record.Now()
	m.end.Store(first + m.length)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		r := record.SampleRuntime()
		p := &point{T: record.Now(), CPU: r.CPUUser + r.CPUSys, GCs: r.GCs, Records: m.records()}
		if enc.Encode(bareReport{First: first, Point: p}) != nil {
			m.cancel(nil)
			return
		}
		select {
		case <-stop:
			return
		case <-tick.C:
			// A loop that waits for its client does not come to ask by itself.
			m.over()
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
