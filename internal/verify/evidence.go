package verify

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/cause"
	"github.com/kbench/kbench/results/evidence"
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
	Stalls       *window.Stalls   // whose fault lateness may be; nil: nobody listened
	Owners       map[int32]string // who had the latest record of each partition
	Meddled      results.Interval // when something was done to the trial's processes
	Lies         []string         // the settings that the wire contradicts
	Link         linked           // of the first member
	Causes       []cause.Rebalance
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

// Late is the latest record of a partition.
type Late struct {
	window.Record
	Partition int32
}

// stalls are all that there were.
func (e Evidence) stalls() []blame.Stall {
	if e.Stalls == nil {
		return nil
	}
	return e.Stalls.All
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
		Committed: map[int32]int64{}, Worst: map[int32]window.Record{}, Owners: map[int32]string{},
	}
	for _, c := range t.Wire {
		if c.Lie {
			e.Lies = append(e.Lies, c.Key)
		}
	}
	if t.Ref.Refused != "" {
		e.Error = t.Ref.Refused
	}
	s, err := summary.Write(dir)
	if err != nil {
		return e, err
	}
	e.Counts = counts(s.Rows)
	trial, err := evidence.Load(dir, t)
	if err != nil {
		return e, err
	}
	e.Sent = trial.Audit().Sent
	in := trial.Input()
	e.Stalls = in.Stalls
	for _, p := range in.Partitions {
		if r, ok := in.Worst(p); ok {
			e.Worst[p] = r
			if r.By >= 0 {
				e.Owners[p] = in.Workers[r.By].Name
			}
		}
	}
	e.Pauses, e.Causes = trial.Windows(), trial.Causes()
	for _, l := range trial.Logs {
		for _, lane := range l.Spans.Lanes {
			if at := lane.Pages[0].FirstAt; lane.Kind == record.Acked && (e.FirstAck == 0 || at < e.FirstAck) {
				e.FirstAck = at
			}
		}
	}
	for i := range trial.Workers {
		if w := &trial.Workers[i]; w.Role == results.RoleConsumer && e.Link.seen == nil {
			e.Link = linkOf(w)
		}
		if err := e.worker(trial, &trial.Workers[i]); err != nil {
			return e, fmt.Errorf("worker %s: %w", trial.Workers[i].Name, err)
		}
	}
	return e, errors.Join(trial.Err(), trial.Unread(), trial.Close())
}

// counts are the findings among rows: plain figures of the audit and of sends, over
// the whole trial. A late record is none; it tells of time, not of truth.
func counts(rows []results.Row) map[string]int64 {
	out := map[string]int64{}
	for _, r := range rows {
		plain := r.Class == "" && r.Stat == "" && r.Event == ""
		sends := slices.Contains([]string{results.ProduceFailed, results.ProduceUnanswered, results.ProduceTwice}, r.Metric)
		if (sends || strings.HasPrefix(r.Metric, "audit.") && r.Metric != results.AuditLate) && plain && r.Value != 0 {
			out[r.Metric] += int64(r.Value)
		}
	}
	return out
}

// worker adds what one process wrote: its events, and what the injector wrote into
// the client's log.
func (e *Evidence) worker(t *evidence.Trial, w *evidence.Worker) error {
	for _, c := range w.Canary {
		e.Canary = append(e.Canary, Canary{w.Name, c.From, c.To, c.Worst})
	}
	for _, p := range w.Produced {
		if e.FirstProduce == 0 || p.T < e.FirstProduce {
			e.FirstProduce = p.T
		}
	}
	latest := map[int32]int64{}
	for _, ev := range w.Group {
		if ev.K != record.EvRequest || ev.API != int16(kmsg.OffsetCommit) {
			continue
		}
		for i, tp := range ev.Parts {
			if i < len(ev.Offsets) {
				latest[tp.Partition] = ev.Offsets[i]
			}
		}
	}
	for p, offset := range latest {
		e.Committed[p] = max(e.Committed[p], offset)
	}
	began := map[int32]int64{}
	return t.ClientLog(w, func(at int64, text string) {
		s, ok := faulty.ParseStop(text)
		switch {
		case !ok:
		case s.Length == 0:
			began[s.Partition] = at
		default:
			e.Stops = append(e.Stops, Stop{s.Partition, began[s.Partition], at, int64(s.Length)})
		}
	})
}
