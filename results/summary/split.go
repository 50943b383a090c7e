package summary

import (
	"fmt"
	"maps"
	"math"
	"sync"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
)

// split is the latencies of a trial with churn by what went on when each record
// was due: steady, rebalance, catching up.
//
// The intervals of latency.hlog cannot be sorted so. They lie where records were
// delivered, and nothing is delivered while a group rebalances: what had waited
// for ten seconds would count as catching up, or even as steady, and an interval
// that straddles a boundary would belong to both sides. So each record is placed
// by its own due time, from the spans of deliveries.bin. They keep both ends of a
// run of records that follow each other within 10 ms; the times of those between
// are interpolated, and how many they are is counted.
//
// A record counts once, when it is first delivered. Redeliveries, and records
// that never came, are the audit's.
type split struct {
	origin    int64
	wall      time.Time // at origin
	stretches []window.Stretch
	cells     map[splitKey][]splitCell // by stretch

	caught int64              // due before an act and on their way when it came
	counts map[splitPart]thin // of deliveries and acks
}

type splitKey struct {
	role   results.Role
	metric string
}

type splitPart struct {
	metric string
	part   window.Part
}

// thin says how many records there are, and of how many the times are
// interpolated.
type thin struct{ all, between int64 }

// splitCell is the latencies of one stretch. h is nil where there are none.
type splitCell struct {
	h            *hdrhistogram.Histogram
	below, above int64
}

func (c *splitCell) record(v int64) {
	if c.h == nil {
		c.h = newHistogram()
	}
	if v < record.MinLatency {
		v = record.MinLatency
		c.below++
	} else if v > record.MaxLatency {
		v = record.MaxLatency
		c.above++
	}
	_ = c.h.RecordValue(v) // in range
}

func newSplit(t *results.Trial, measured part, in *window.Input, r *window.Report, logs []audit.Log) *split {
	s := &split{
		origin:    measured.from,
		stretches: r.Stretches(window.Interval{From: measured.from, To: measured.to}),
		cells:     map[splitKey][]splitCell{}, counts: map[splitPart]thin{},
	}
	roleOf := map[string]results.Role{}
	for _, w := range t.Workers {
		roleOf[w.Name] = w.Role
	}
	// Deliveries and acks are as many, and share nothing.
	acks := &split{stretches: s.stretches, cells: map[splitKey][]splitCell{}}
	var wg sync.WaitGroup
	wg.Go(func() {
		for _, l := range logs {
			for _, lane := range l.Spans.Lanes {
				if lane.Kind == record.Acked {
					for b := range window.Acked(lane, math.MinInt64) {
						acks.batch(splitKey{roleOf[l.Worker], results.ProduceResponse}, b)
					}
				}
			}
		}
	})
	for _, p := range in.Partitions {
		within := window.Everything()
		for b := range in.Records.Each(p, &within) {
			if !b.Lost && b.By >= 0 {
				s.caught += s.batch(splitKey{roleOf[in.Workers[b.By].Name], results.E2EResponse}, b)
			}
		}
	}
	wg.Wait()
	maps.Copy(s.cells, acks.cells)
	s.count(logs)
	return s
}

// batch places records, and returns how many of them were caught by an act.
func (s *split) batch(k splitKey, b *window.Batch) (caught int64) {
	cells := s.cells[k]
	if cells == nil {
		cells = make([]splitCell, len(s.stretches))
		s.cells[k] = cells
	}
	// Records that follow each other mostly count for the same stretch: in and from
	// and to are of the one before, and from caughtAt on an act caught what came.
	in, from, to, caughtAt := -1, int64(0), int64(0), int64(0)
	for i, due := range b.Due {
		if due < from || due >= to {
			if in = window.PartOf(s.stretches, due, math.MinInt64); in < 0 {
				from, to = 0, 0
				continue
			}
			from, to, caughtAt = s.stretches[in].From, s.stretches[in].To, math.MaxInt64
			if window.PartOf(s.stretches, due, math.MaxInt64) > in {
				caughtAt = to
			}
		}
		at := b.At[i]
		if at >= caughtAt {
			caught++
			cells[in+1].record(at - due)
		} else {
			cells[in].record(at - due)
		}
	}
	return caught
}

// count finds how much is interpolated. A span is placed by its first record.
func (s *split) count(logs []audit.Log) {
	metrics := map[record.Kind]string{record.Delivered: results.E2EResponse, record.Acked: results.ProduceResponse}
	for _, l := range logs {
		l.Spans.Each(func(sp *record.Span) {
			metric := metrics[sp.Kind]
			i := window.PartOf(s.stretches, sp.Due, sp.At)
			if i < 0 || metric == "" {
				return
			}
			k := splitPart{metric, s.stretches[i].Part}
			n := s.counts[k]
			n.all += int64(sp.Count)
			n.between += max(0, int64(sp.Count)-2)
			s.counts[k] = n
		})
	}
}

// merged is the distribution over all stretches of a part, nil where it is empty.
func (s *split) merged(k splitKey, part window.Part) *hdrhistogram.Histogram {
	var all *hdrhistogram.Histogram
	for i, c := range s.cells[k] {
		switch {
		case c.h == nil || s.stretches[i].Part != part:
		case all == nil:
			all = hdrhistogram.Import(c.h.Export())
		default:
			all.Merge(c.h) // one geometry for all: nothing is dropped
		}
	}
	return all
}

// splitMetrics are the metrics that are split, in the order of their rows.
func splitMetrics() []string { return []string{results.ProduceResponse, results.E2EResponse} }

// muchBetween is the share of steady records above which their percentiles are
// no longer those of times that were read.
const muchBetween = 0.1

// splitRows adds the distributions by part. A part without records has no rows.
func (b *builder) splitRows() {
	s := b.split
	if s == nil {
		return
	}
	for _, role := range roles() {
		for _, metric := range splitMetrics() {
			for _, part := range window.PartNames() {
				if h := s.merged(splitKey{role, metric}, part); h != nil {
					b.distribution(role, string(part), metric, h)
				}
			}
		}
	}
	if n := s.counts[splitPart{results.E2EResponse, window.Steady}]; float64(n.between) > muchBetween*float64(n.all) {
		b.warn(results.Remarkf(results.KindInterpolated, "the steady part of %s is exact only to 10 ms: %.0f%% of its records came so close after each other that their times are interpolated; the figure over all classes is not concerned",
			results.E2EResponse, 100*float64(n.between)/float64(n.all)).
			With("between", results.UnitCount, float64(n.between)).With("records", results.UnitCount, float64(n.all)))
	}
}

// encode is latency-split.hlog: a line for each metric and stretch, tagged
// metric.part, so that any tool for histogram logs can show one part, or the
// course of a trial.
func (s *split) encode() ([]byte, error) {
	var intervals []record.Interval
	for i, st := range s.stretches {
		for _, metric := range splitMetrics() {
			for _, role := range roles() {
				cells := s.cells[splitKey{role, metric}]
				if cells == nil || cells[i].h == nil {
					continue
				}
				c := &cells[i]
				intervals = append(intervals, record.Interval{
					Metric: metric, Phase: string(st.Part), From: st.From, To: st.To, Hist: c.h, Below: c.below, Above: c.above,
				})
			}
		}
	}
	notes := []string{"Placed by due time; a record that was on its way when an act came counts for the rebalance. Redeliveries and lost records are left out."}
	n := thin{}
	for _, part := range window.PartNames() {
		c := s.counts[splitPart{results.E2EResponse, part}]
		n.all, n.between = n.all+c.all, n.between+c.between
	}
	notes = append(notes, fmt.Sprintf("%d records on their way when an act came. Of %d deliveries the times of %d are interpolated within at most 10 ms.", s.caught, n.all, n.between))
	for _, st := range s.stretches {
		if st.Part == window.Rebalance {
			notes = append(notes, fmt.Sprintf("%s from %.3f s", st.Event, time.Duration(st.From-s.origin).Seconds()))
		}
	}
	return record.EncodeLatencies(s.wall, s.origin, notes, intervals)
}

// setClock says what the wall clock showed, from the first pair of readings that
// a worker wrote. Without any, times count from 1970.
func (s *split) setClock(workers []*worker) {
	for _, w := range workers {
		if w.Clock != 0 {
			s.wall = time.Unix(0, s.origin+w.Clock)
			return
		}
	}
	s.wall = time.Unix(0, 0)
}
