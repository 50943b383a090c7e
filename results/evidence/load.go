package evidence

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/kbench/kbench/internal/regular"
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
	Hangups   []record.Event    // connections that were ended, and not by its client
	Counts    []record.Event    // topics that it saw with another number of partitions
	Links     []Link            // what the faults of its link did, by interval and connection
	Waits     []Wait            // of its client for produce and fetch responses, the longest of each interval
	Late      []record.Late     // each late wake-up of its canary
	Behind    []record.Late     // what its generator itself was late with, of each second the latest
	Answers   []record.Answers  // of the broker, where this is the probe; those of a node and an API in the order of time
	Servings  []Serving         // of nodes, where this is the probe and acts are done to them
	Clock     int64             // wall - monotonic, as first read; 0: unknown
	Group     []record.Event    // requests and responses of the group's APIs, what the client reported, the coordinator's views
	Closing   int64             // when it began to close in good order; 0: never
	Refused   []record.Reported // what sends were answered with
	Reported  []record.Reported // errors that a member's client told of, or gave a commit for an answer
	Stuck     []Stuck           // what did not happen in it that should have
	Readings  []Reading         // what it held, at the moments at which it was asked
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
	Metadata              int64 // requests of that kind
	Unknown, Open, Opened int
	Waiting               []record.Waiting // connections on which nothing came back, as the interval ended
	Undialled             int
	Batched               *record.Batched // what Produce requests held, all of them; nil where none was sent, or not counted
}

// Link is what the faults of its link did to one connection of a worker in an interval.
type Link struct {
	From, To int64
	record.Link
}

// Wait is the longest time of an interval that a client which was ready to read waited
// for a response of a node, given by its address.
type Wait struct {
	API      int16
	Node     string
	From, To int64
}

// metadataAPI is the key of Metadata requests.
const metadataAPI = 3

// Produced is what one produce request held, of those that were sampled.
type Produced struct{ T, Batches, Records int64 }

// Canary is by how much a thread that only sleeps was woken late in an interval: at
// most, and as the median.
type Canary struct{ From, To, Worst, Usual int64 }

// loaded is a worker that is being loaded.
type loaded struct {
	worker    Worker
	log       *audit.Log // nil for one that never recorded anything
	wrong     Damaged
	latencies error
}

// load reads the files of the trial, of several workers at a time.
func (e *Trial) load() Damaged {
	all := make([]loaded, len(e.Trial.Workers))
	var tasks errgroup.Group // what went wrong stays with each worker
	tasks.SetLimit(runtime.GOMAXPROCS(0))
	do := func(task func()) { tasks.Go(func() error { task(); return nil }) }
	for i, w := range e.Trial.Workers {
		l := &all[i]
		l.worker = Worker{Worker: w, ahead: e.Clocks[w.Host]}
		do(func() { e.recorded(l) })
		do(func() { l.latencies = e.latencies(&l.worker) })
	}
	_ = tasks.Wait()
	var wrong Damaged
	for _, l := range all {
		e.Workers = append(e.Workers, l.worker)
		if l.log != nil {
			e.Logs = append(e.Logs, *l.log)
		}
		wrong = append(wrong, l.wrong...)
	}
	supervisor := Worker{Worker: results.Worker{Name: results.SupervisorProcess}}
	err := e.events("", results.SupervisorFile, func(ev record.Event) { supervisor.event(ev, nil) })
	if err != nil {
		wrong = append(wrong, e.damage("", results.SupervisorFile, err))
	}
	e.Supervisor = supervisor
	if wrong = append(wrong, e.plausible()...); wrong != nil {
		return wrong
	}
	path, err := e.raw("", results.MachineFile)
	if err == nil {
		e.Machine, err = results.ReadMachine(path)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		e.unread = append(e.unread, e.damage("", results.MachineFile, err))
	}
	for i := range e.Machine {
		e.Machine[i].T -= e.Clocks[e.Machine[i].Host]
	}
	for _, l := range all {
		if l.latencies != nil {
			e.unread = append(e.unread, e.damage(l.worker.Name, results.LatencyFile, l.latencies))
		}
	}
	return nil
}

// events calls fn for each event of a file, which may never have been made.
func (e *Trial) events(worker, file string, fn func(record.Event)) error {
	path, err := e.raw(worker, file)
	if err == nil {
		err = record.ReadEvents(path, func(ev record.Event) error { fn(ev); return nil })
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// path is a file of a worker.
func (e *Trial) path(worker, file string) string {
	return filepath.Join(e.dir, filepath.Base(worker), file)
}

// latencies reads the histograms of a process.
func (e *Trial) latencies(w *Worker) error {
	path, err := e.raw(w.Name, results.LatencyFile)
	if err == nil {
		w.Latencies, err = record.SumLatencies(path)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for i := range w.Latencies {
		w.Latencies[i].From, w.Latencies[i].To = w.Latencies[i].From-w.ahead, w.Latencies[i].To-w.ahead
	}
	return err
}

// recorded reads where the spans of a process are, and its events.
func (e *Trial) recorded(l *loaded) {
	w := &l.worker
	meta, spans, err := e.spans(w)
	if err != nil {
		l.wrong = append(l.wrong, e.damage(w.Name, results.DeliveryFile, err))
	}
	var told record.Refusals
	err = e.events(w.Name, results.EventsFile, func(ev record.Event) {
		w.event(ev, e.Topics)
		if ev.K == record.EvError {
			told.Add(ev.Error, ev.T-w.ahead, 1)
		}
	})
	if err != nil {
		l.wrong = append(l.wrong, e.damage(w.Name, results.EventsFile, err))
	}
	e.accuse(w)
	e.sites(w)
	w.Reported = told.All()
	e.nameless(w.Reported)
	e.nameless(w.Refused)
	slices.SortStableFunc(w.Runtime, func(a, b Sample) int { return cmp.Compare(a.T, b.T) })
	if spans != nil {
		l.log = &audit.Log{
			Worker: w.Name, Topics: meta.Topics, Spans: spans, Events: w.Group,
			Killed: w.Exit.Crash(), Died: w.Exit.ByItself(), Closing: w.Closing, Tally: w.Tally,
		}
	}
}

// nameless takes the names of the trial's topics out of the kinds of errors: the next
// trial has others, and the same errors.
func (e *Trial) nameless(all []record.Reported) {
	names := []string{e.Topic}
	for _, t := range e.Topics {
		names = append(names, t.Name)
	}
	for i := range all {
		if all[i].Kind == record.OtherErrors {
			continue
		}
		words := all[i].Words
		for _, name := range names {
			if name != "" {
				words = strings.ReplaceAll(words, name, "topic")
			}
		}
		all[i].Kind = record.ErrorKind(words)
	}
}

// spans finds where the spans of a process are; nil where it never recorded any.
func (e *Trial) spans(w *Worker) (record.DeliveriesMeta, *record.Spans, error) {
	path, err := e.raw(w.Name, results.DeliveryFile)
	if err != nil {
		return record.DeliveriesMeta{}, nil, nil
	}
	meta, spans, err := record.OpenSpans(path, e.spanClock(w.ahead))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return meta, nil, nil
	case err != nil:
		return meta, nil, err
	case meta.Run != e.RunTag:
		return meta, nil, errors.Join(spans.Close(), fmt.Errorf("its records are tagged %d, those of the trial %d; the file belongs to another trial", meta.Run, e.RunTag))
	}
	return meta, spans, nil
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
		w.wire(ev)
	case record.EvHangup:
		w.Hangups = append(w.Hangups, ev)
	case record.EvTopics:
		w.Counts = append(w.Counts, ev)
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
	case record.EvReading:
		w.Readings = append(w.Readings, newReading(ev))
	case record.EvStuck, record.EvUnstuck:
		w.stuck(ev)
	case record.EvLink:
		for _, l := range ev.Link {
			for i := range l.Held {
				l.Held[i].From, l.Held[i].To = l.Held[i].From-w.ahead, l.Held[i].To-w.ahead
			}
			w.Links = append(w.Links, Link{ev.From, ev.T, l})
		}
	case record.EvServing:
		w.serving(ev)
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

// wire takes in what went over the wire in an interval.
func (w *Worker) wire(ev record.Event) {
	sum := Wire{From: ev.From, To: ev.T, Unknown: ev.Unknown, Open: ev.Open, Opened: ev.Opened, Waiting: ev.Waiting, Undialled: ev.Undialled}
	for i := range sum.Waiting {
		sum.Waiting[i].From -= w.ahead
	}
	for _, api := range ev.Wire {
		sum.Requests += api.Requests
		if api.API == metadataAPI {
			sum.Metadata += api.Requests
		}
		sum.Bytes += api.ReqBytes + api.RespBytes
		sum.Batched = cmp.Or(sum.Batched, api.Batched)
		if l := api.Longest; l != nil {
			w.Waits = append(w.Waits, Wait{api.API, l.Node, l.From - w.ahead, l.T - w.ahead})
		}
	}
	w.Wire = append(w.Wire, sum)
}

// serving takes in what a node serves.
func (w *Worker) serving(ev record.Event) {
	if ev.Serving == nil {
		return
	}
	s := Serving{From: ev.From, T: ev.T, Serving: *ev.Serving}
	if s.Well != 0 {
		s.Well -= w.ahead
	}
	w.Servings = append(w.Servings, s)
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
	f, err := regular.Open(e.path(w.Name, results.ClientLogFile), results.RawMost)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	return regular.Lines(f, func(_ int, line []byte, torn bool) error {
		// Time, level, text.
		stamp, rest, _ := strings.Cut(string(line), " ")
		_, text, _ := strings.Cut(rest, " ")
		if at, err := strconv.ParseInt(stamp, 10, 64); err == nil && !torn { // half a line of a killed writer tells nothing
			fn(at-w.ahead, text)
		}
		return nil
	})
}
