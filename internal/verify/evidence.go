package verify

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/summary"
	"github.com/kbench/kbench/results/window"
)

// Evidence is what a trial left behind. Times are ns of the host's monotonic
// clock.
type Evidence struct {
	State        results.State
	Error        string
	Counts       map[string]int64 // the audit's findings, as in the rows; without those that are zero
	Sent         int64            // records acked
	Ends         map[int32]int64  // end offsets, from the broker
	Committed    map[int32]int64  // the last commit of each partition, on the wire
	FirstAck     int64            // 0: none
	FirstProduce int64            // when the first Produce request had been written; 0: none was
	Worst        map[int32]window.Record
	Stops        []Stop
	Canary       []Canary
	Pauses       *window.Report // what kbench says of acts, and of rebalances without any
}

// Stop is a stop as the injector wrote it down. From and To are stamps of the
// worker's log, Length was measured by the injector.
type Stop struct {
	Partition int32
	From, To  int64
	Length    int64
}

// Canary is an interval and the worst wake-up in it of a thread of a worker that
// only sleeps.
type Canary struct {
	Worker          string
	From, To, Worst int64
}

// worstCanary is the worst wake-up around a stretch of time in any worker but
// one: the threads of a process that is stopped on purpose are late by the stop.
func (e Evidence) worstCanary(from, to int64, but string) int64 {
	var worst int64
	for _, c := range e.Canary {
		if c.From <= to && from <= c.To && (but == "" || c.Worker != but) {
			worst = max(worst, c.Worst)
		}
	}
	return worst
}

// read collects the evidence of a run of one trial.
func read(dir *results.Dir) (Evidence, error) {
	trials, err := dir.Trials()
	if err != nil {
		return Evidence{}, err
	}
	if len(trials) != 1 {
		return Evidence{}, fmt.Errorf("%s holds %d trials, not the one of its case", dir.Path(), len(trials))
	}
	t := trials[0]
	e := Evidence{
		State: t.State, Error: t.Error, Ends: t.End,
		Committed: map[int32]int64{}, Worst: map[int32]window.Record{},
	}
	if t.Ref.Refused != "" {
		e.Error = t.Ref.Refused
	}
	s, err := summary.Write(dir)
	if err != nil {
		return e, err
	}
	e.Counts = counts(s.Rows)
	logs, err := audit.Load(dir.TrialPath(t.Ref), t)
	if err != nil {
		return e, err
	}
	truth := audit.Check(t, logs)
	e.Sent = truth.Sent
	in := window.NewInput(t, logs, truth)
	for _, p := range in.Partitions {
		if r, ok := in.Worst(p); ok {
			e.Worst[p] = r
		}
	}
	e.Pauses = window.Compute(in)
	for _, l := range logs {
		for _, span := range l.Spans {
			if span.Kind == record.Acked && (e.FirstAck == 0 || span.At < e.FirstAck) {
				e.FirstAck = span.At
			}
		}
	}
	for _, w := range t.Workers {
		if err := e.worker(w.Name, dir.WorkerPath(t.Ref, w.Name)); err != nil {
			return e, fmt.Errorf("worker %s: %w", w.Name, err)
		}
	}
	return e, nil
}

// counts are the findings among rows: plain figures of the audit, over the whole
// trial. A late record is none; it tells of time, not of truth.
func counts(rows []results.Row) map[string]int64 {
	out := map[string]int64{}
	for _, r := range rows {
		plain := r.Class == "" && r.Stat == "" && r.Event == ""
		if strings.HasPrefix(r.Metric, "audit.") && r.Metric != results.AuditLate && plain && r.Value != 0 {
			out[r.Metric] += int64(r.Value)
		}
	}
	return out
}

// worker adds what one process wrote.
func (e *Evidence) worker(name, path string) error {
	latest := map[int32]int64{}
	err := record.ReadEvents(filepath.Join(path, results.EventsFile), func(ev record.Event) error {
		switch {
		case ev.K == record.EvCanary:
			e.Canary = append(e.Canary, Canary{name, ev.From, ev.T, ev.Worst})
		case ev.K == record.EvProduce && (e.FirstProduce == 0 || ev.T < e.FirstProduce):
			e.FirstProduce = ev.T
		case ev.K == record.EvRequest && ev.API == int16(kmsg.OffsetCommit):
			for i, tp := range ev.Parts {
				if i < len(ev.Offsets) {
					latest[tp.Partition] = ev.Offsets[i]
				}
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for p, offset := range latest {
		e.Committed[p] = max(e.Committed[p], offset)
	}
	return e.stops(filepath.Join(path, results.ClientLogFile))
}

// stops reads what the injector wrote into the client's log.
func (e *Evidence) stops(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	began := map[int32]int64{}
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return nil // the end, or half a line of a killed writer
		}
		// Time, level, text.
		stamp, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		_, text, _ := strings.Cut(rest, " ")
		at, err := strconv.ParseInt(stamp, 10, 64)
		if err != nil {
			continue // a client may log more than one line at once
		}
		s, ok := faulty.ParseStop(text)
		switch {
		case !ok:
		case s.Length == 0:
			began[s.Partition] = at
		default:
			e.Stops = append(e.Stops, Stop{s.Partition, began[s.Partition], at, int64(s.Length)})
		}
	}
}
