package summary

import (
	"slices"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/blame"
	"github.com/kbench/kbench/results/evidence"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// tailFigure is a figure at the end of a latency's distribution and what stalls of
// others have of it: of the latest record, or on the mean of the records from p99.9
// on.
type tailFigure struct {
	role         results.Role
	metric, stat string
	figure       int64
	by           []blame.Share
}

// tailOf is the metric that tells of the others' part of a latency.
func tailOf(latency string) string {
	if latency == results.E2EResponse {
		return results.E2EOthers
	}
	return results.ProduceOthers
}

// tails finds whose time the end of each latency is: p99.9 and max of what was due in
// the measured part. A record's way begins when it was due and ends when it was
// acked or delivered.
func (in *inputs) tails(e *evidence.Trial) {
	stalls := e.Stalls()
	if stalls == nil || !stalls.Accident() {
		return
	}
	b := &builder{inputs: in}
	for _, role := range roles() {
		for _, metric := range splitMetrics() {
			h := b.merged(role, metric)
			if h == nil || metric == results.E2EResponse && e.Kind != workloads.EndToEnd {
				continue
			}
			from := h.Max()
			if h.TotalCount() >= samplesP999 {
				from = record.Percentile(h, 99.9)
			}
			t := tail{from: from - from/500, stalls: stalls} // histograms keep three digits
			b.latest(&t, e, role, metric)
			b.sparedOf(e, role, metric)
			in.late = append(in.late, t.figures(role, metric, h.Max(), h.TotalCount() >= samplesP999)...)
		}
	}
}

// latest fills a tail with the records of a latency that belong to it.
func (b *builder) latest(t *tail, e *evidence.Trial, role results.Role, metric string) {
	ws := b.byRole(role)
	if metric == results.E2EResponse {
		t.delivered(e.Input())
	} else {
		t.acked(e, ws)
	}
	if metric == results.ProduceResponse {
		t.never(b.neverDue(ws))
	}
}

// tail is the latest records of a latency. How late they are is known of all of them;
// whose time that was is asked of every so many, as they come, so that those of the
// last partition and of the end of the run are as likely to be asked about as any.
type tail struct {
	from    int64 // the least latency that counts
	stalls  *window.Stalls
	worst   lateRecord
	n, late int64
	halved  uint // so often was asked: one of 1<<halved is in it
	asked   []lateRecord
	// unacked is how many of the latest were never acked, and so are nobody's, and
	// unackedLate what they have together.
	unacked, unackedLate int64
}

// lateRecord is a record, its partition, and the worker that was to have it.
type lateRecord struct {
	window.Record
	partition int32
	owner     string
}

// mostAsked is of how many records it is asked whose time it was.
const mostAsked = 2_000

// nearly is how exactly times within a span are known.
const nearly = int64(10 * time.Millisecond)

func (t *tail) see(partition int32, owner string, r window.Record) {
	one := lateRecord{r, partition, owner}
	if r.Late() > t.worst.Late() {
		t.worst = one
	}
	if r.Late() < t.from {
		return
	}
	if t.n%(1<<t.halved) == 0 {
		if len(t.asked) == mostAsked { // every second one goes
			for i := range mostAsked / 2 {
				t.asked[i] = t.asked[2*i]
			}
			t.asked, t.halved = t.asked[:mostAsked/2], t.halved+1
		}
		t.asked = append(t.asked, one)
	}
	t.n, t.late = t.n+1, t.late+r.Late()
}

// shares is who has how much of all that were seen, by what was asked of some.
func (t *tail) shares() (all []blame.Share) {
	for _, r := range t.asked {
		for _, s := range t.stalls.Have(r.partition, r.owner, r.Record) {
			i := slices.IndexFunc(all, func(o blame.Share) bool { return o.Source == s.Source && o.Who == s.Who && o.Excuses == s.Excuses })
			if i < 0 {
				all = append(all, s)
				continue
			}
			all[i].Least, all[i].Most = all[i].Least+s.Least, all[i].Most+s.Most
		}
	}
	each := float64(t.n) / float64(len(t.asked))
	for i := range all {
		s := &all[i]
		s.Least, s.Most = int64(each*float64(s.Least)), int64(each*float64(s.Most))
	}
	return all
}

func (t *tail) delivered(in *window.Input) {
	for _, p := range in.Partitions {
		within := window.DueIn(in.Measured.From, in.Measured.To)
		within.Late = t.from - 1
		for b := range in.Records.Each(p, &within) {
			for i, due := range b.Due {
				if b.Lost || b.By < 0 || due < within.From || due > within.To {
					continue
				}
				t.see(p, in.Workers[b.By].Name, window.Record{Due: due, At: b.At[i], By: b.By})
			}
		}
	}
}

func (t *tail) acked(e *evidence.Trial, ws []*worker) {
	for _, l := range e.Logs {
		for _, w := range ws {
			if w.Name != l.Worker {
				continue
			}
			for _, lane := range l.Spans.Lanes {
				if lane.Kind != record.Acked {
					continue
				}
				for b := range window.Acked(lane, t.from-1) {
					for i, due := range b.Due {
						if e.Measured.Contains(due) {
							t.see(lane.Partition, "", window.Record{Due: due, At: b.At[i]})
						}
					}
				}
			}
		}
	}
}

// never takes those that were never acked, in a histogram.
func (t *tail) never(h *hdrhistogram.Histogram) {
	if h == nil {
		return
	}
	for _, bar := range h.Distribution() {
		if bar.From >= t.from {
			t.unacked, t.unackedLate = t.unacked+bar.Count, t.unackedLate+bar.Count*bar.From
		}
	}
}

// figures are those of the tail. The latest record may be one that was never acked,
// of which nobody knows whose time it was, or one that histograms do not hold.
func (t *tail) figures(role results.Role, metric string, latest int64, p999 bool) (out []tailFigure) {
	if t.n == 0 {
		return nil
	}
	if worst := t.worst.Late(); max(latest-worst, worst-latest) <= latest/100+nearly {
		out = append(out, tailFigure{role, metric, "max", worst, t.stalls.Have(t.worst.partition, t.worst.owner, t.worst.Record)})
	}
	if p999 {
		n := t.n + t.unacked
		mean := tailFigure{role, metric, "p999", (t.late + t.unackedLate) / n, nil}
		for _, s := range t.shares() {
			s.Least, s.Most = s.Least/n, s.Most/n
			mean.by = append(mean.by, s)
		}
		out = append(out, mean)
	}
	return out
}

// othersRows adds what stalls of others have of the ends of latencies, where it is
// worth a mark, and says of what stays the client's.
func (b *builder) othersRows() {
	for _, f := range b.late {
		if own, kept := blame.Kept(f.figure, f.by); kept {
			r := window.Kept(f.metric, f.stat, f.figure, own)
			r.Role = f.role
			b.warn(r)
		}
		most, sum, covered := blame.Covered(f.figure, f.by)
		if !covered {
			continue
		}
		metric := tailOf(f.metric)
		b.add(results.Row{Role: f.role, Metric: metric, Stat: f.stat, Class: string(most.Source), Unit: results.UnitNs, Value: float64(sum), N: 1})
		r := results.Remarkf(results.Kind(metric), "%s of %s is not the client's alone: in %s of %s stood still what is not the client, most of it %s", f.stat, f.metric, window.Short(sum), window.Short(f.figure), most.Name()).
			By(most.Who).With(f.metric, results.UnitNs, float64(f.figure)).With(metric, results.UnitNs, float64(sum))
		r.Class, r.Role = string(most.Source), f.role
		b.warn(r)
	}
}
