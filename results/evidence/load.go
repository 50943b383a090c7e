package evidence

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/record"
)

// Worker is one process of the trial and what it wrote down, but for its spans.
type Worker struct {
	results.Worker
	Latencies []record.Interval // one of each metric and phase
	Runtime   []Sample          // in the order of time
	Wire      []Wire
	Produced  []Produced
	Canary    []Canary
	Waits     []Wait            // of its client for produce and fetch responses, the longest of each interval
	Late      []record.Late     // each late wake-up of its canary
	Behind    []record.Late     // what its generator itself was late with, of each second the latest
	Answers   []record.Answers  // of the broker, where this is the probe; those of a node and an API in the order of time
	Clock     int64             // wall - monotonic, as first read; 0: unknown
	Group     []record.Event    // requests and responses of the group's APIs, what the client reported, the coordinator's views
	Closing   int64             // when it began to close in good order; 0: never
	Refused   []record.Reported // what sends were answered with
	Reported  []record.Reported // errors that a member's client told of, or gave a commit for an answer
	Tally     *record.Tally     // the account that a producer closed with; nil: it left none

	ahead int64 // by so much its host's clock is ahead of the trial's
}

// Sample is a reading of the process's counters.
type Sample struct {
	T int64
	record.Runtime
}

// Wire is what went over the wire in an interval.
type Wire struct {
	From, To              int64
	Requests, Bytes       int64
	Unknown, Open, Opened int
}

// Wait is the longest time of an interval that a client which was ready to read waited
// for a response of a node, given by its address.
type Wait struct {
	API      int16
	Node     string
	From, To int64
}

// Produced is what a sampled produce request held.
type Produced struct{ T, Batches, Records int64 }

// Canary is by how much a thread that only sleeps was woken late in an interval: at
// most, and as the median.
type Canary struct{ From, To, Worst, Usual int64 }

// loaded is a worker that is being loaded.
type loaded struct {
	worker    Worker
	log       *audit.Log // nil for one that never recorded anything
	err       error
	latencies error
}

// load reads the files of the trial, of several workers at a time.
func (e *Trial) load() error {
	all := make([]loaded, len(e.Trial.Workers))
	var tasks errgroup.Group // what went wrong stays with each worker
	tasks.SetLimit(runtime.GOMAXPROCS(0))
	do := func(task func()) { tasks.Go(func() error { task(); return nil }) }
	for i, w := range e.Trial.Workers {
		l := &all[i]
		l.worker = Worker{Worker: w, ahead: e.Clocks[w.Host]}
		do(func() { l.err = e.recorded(l) })
		do(func() { l.latencies = e.latencies(&l.worker) })
	}
	_ = tasks.Wait()
	var failed error
	for _, l := range all {
		e.Workers = append(e.Workers, l.worker)
		if l.log != nil {
			e.Logs = append(e.Logs, *l.log)
		}
		if l.err != nil && failed == nil {
			failed = fmt.Errorf("audit %s: %w", l.worker.Name, l.err)
		}
	}
	if failed != nil {
		return failed
	}
	supervisor := Worker{Worker: results.Worker{Name: results.SupervisorProcess}}
	err := record.ReadEvents(filepath.Join(e.dir, results.SupervisorFile), func(ev record.Event) error {
		supervisor.event(ev, nil)
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("supervisor: %w", err)
	}
	e.Supervisor = supervisor
	e.Machine, e.unread = results.ReadMachine(filepath.Join(e.dir, results.MachineFile))
	for i := range e.Machine {
		e.Machine[i].T -= e.Clocks[e.Machine[i].Host]
	}
	for _, l := range all {
		if l.latencies != nil && e.unread == nil {
			e.unread = fmt.Errorf("worker %s: read latencies: %w", l.worker.Name, l.latencies)
		}
	}
	return nil
}

// path is a file of a worker.
func (e *Trial) path(worker, file string) string {
	return filepath.Join(e.dir, filepath.Base(worker), file)
}

// latencies reads the histograms of a process.
func (e *Trial) latencies(w *Worker) (err error) {
	w.Latencies, err = record.SumLatencies(e.path(w.Name, results.LatencyFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for i := range w.Latencies {
		w.Latencies[i].From, w.Latencies[i].To = w.Latencies[i].From-w.ahead, w.Latencies[i].To-w.ahead
	}
	return err
}

// recorded reads where the spans of a process are, and its events.
func (e *Trial) recorded(l *loaded) error {
	w := &l.worker
	meta, spans, err := record.OpenSpans(e.path(w.Name, results.DeliveryFile), e.spanClock(w.ahead))
	there := !errors.Is(err, fs.ErrNotExist)
	switch {
	case there && err != nil:
		return err
	case there && meta.Run != e.RunTag:
		return errors.Join(spans.Close(), fmt.Errorf("its records are tagged %d, those of the trial %d; the file belongs to another trial", meta.Run, e.RunTag))
	}
	var told record.Refusals
	err = record.ReadEvents(e.path(w.Name, results.EventsFile), func(ev record.Event) error {
		w.event(ev, e.Topics)
		if ev.K == record.EvError {
			told.Add(ev.Error, ev.T-w.ahead, 1)
		}
		return nil
	})
	w.Reported = told.All()
	slices.SortStableFunc(w.Runtime, func(a, b Sample) int { return cmp.Compare(a.T, b.T) })
	if there {
		l.log = &audit.Log{
			Worker: w.Name, Topics: meta.Topics, Spans: spans, Events: w.Group,
			Killed: w.Exit.Crash(), Died: w.Exit.ByItself(), Closing: w.Closing, Tally: w.Tally,
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// event sorts an event in. Those about the group name partitions as clients and
// brokers do; from here on each is its number, as in spans and views.
func (w *Worker) event(ev record.Event, topics results.Topics) {
	ev.T -= w.ahead
	if ev.From != 0 {
		ev.From -= w.ahead
	}
	if ev.Runtime != nil {
		w.Runtime = append(w.Runtime, Sample{ev.T, *ev.Runtime})
	}
	switch ev.K {
	case record.EvRequest, record.EvResponse, record.EvAssigned, record.EvRevoked, record.EvLost, record.EvGroup:
		for i, p := range ev.Parts {
			ev.Parts[i].Partition = topics.Number(p.Topic, p.Partition)
		}
		w.Group = append(w.Group, ev)
	case record.EvPhase:
		if ev.Phase == results.PhaseClose {
			w.Closing = ev.T
		}
	case record.EvWire:
		sum := Wire{From: ev.From, To: ev.T, Unknown: ev.Unknown, Open: ev.Open, Opened: ev.Opened}
		for _, api := range ev.Wire {
			sum.Requests += api.Requests
			sum.Bytes += api.ReqBytes + api.RespBytes
			if l := api.Longest; l != nil {
				w.Waits = append(w.Waits, Wait{api.API, l.Node, l.From - w.ahead, l.T - w.ahead})
			}
		}
		w.Wire = append(w.Wire, sum)
	case record.EvProduce:
		p := Produced{T: ev.T, Batches: int64(len(ev.Batches))}
		for _, b := range ev.Batches {
			p.Records += int64(b.Records)
		}
		w.Produced = append(w.Produced, p)
	case record.EvCanary:
		w.Canary = append(w.Canary, Canary{ev.From, ev.T, ev.Worst, ev.Usual})
		for _, l := range ev.Late {
			w.Late = append(w.Late, l.On(w.ahead))
		}
	case record.EvBehind:
		for _, l := range ev.Late {
			w.Behind = append(w.Behind, l.On(w.ahead))
		}
	case record.EvFailed:
		w.Refused = append(w.Refused, record.Reported{Kind: record.ErrorKind(ev.Error), Words: ev.Error, T: ev.T, Count: ev.Count})
	case record.EvTally:
		w.Tally = ev.Tally
	case record.EvProbe:
		for _, a := range ev.Answers {
			for i := range a.Late {
				a.Late[i] = a.Late[i].On(w.ahead)
			}
			w.Answers = append(w.Answers, a)
		}
	case record.EvClock:
		w.Clock = cmp.Or(w.Clock, ev.Wall-ev.T)
	}
}

// EachSpan calls fn for every span of a worker, lane by lane. It is valid until fn
// returns.
func (e *Trial) EachSpan(worker string, fn func(*record.Span)) {
	for _, l := range e.Logs {
		if l.Worker == worker {
			l.Spans.Each(fn)
		}
	}
}

// ClientLog calls fn for each line of the client's log of a worker that has a
// time: what a client logs may have more than one line at once.
func (e *Trial) ClientLog(w *Worker, fn func(at int64, text string)) error {
	f, err := os.Open(e.path(w.Name, results.ClientLogFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	for lines := bufio.NewReader(f); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil // the end, or half a line of a killed writer
		}
		// Time, level, text.
		stamp, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		_, text, _ := strings.Cut(rest, " ")
		if at, err := strconv.ParseInt(stamp, 10, 64); err == nil {
			fn(at-w.ahead, text)
		}
	}
}
