package summary

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/audit"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// Samples below which a percentile of one trial says nothing (MEASURING 3).
const (
	samplesP999  = 10_000
	samplesP9999 = 100_000
)

// distributions are the metrics that workers keep as histograms.
func distributions() []string {
	return []string{
		results.ProduceService, results.ProduceResponse, results.E2EResponse,
		results.ScheduleLag, results.ScheduleHeld, results.ProduceNoRoom, results.ProduceSendTime,
	}
}

// role adds the rows of the workers that share a role: throughput and cost are
// summed over them, peaks are those of the largest.
func (b *builder) role(role results.Role, ws []*worker) {
	var acked, delivered, records int64
	for _, w := range ws {
		acked += w.acked
		delivered += w.delivered
		records += w.records()
	}
	if left, due, known := unsent(ws); known {
		b.plain(role, results.ProduceUnsent, float64(left), due)
	}
	if left, due := unsentInAll(ws); left > 0 {
		b.add(results.Row{Role: role, Class: results.InAll, Metric: results.ProduceUnsent, Unit: results.UnitCount, Value: float64(left), N: due})
	}
	b.throughput(role, results.ProduceThroughput, acked)
	b.throughput(role, results.ConsumeThroughput, delivered)
	b.redelivered(role, ws)
	for _, metric := range distributions() {
		if h := b.merged(role, metric); h != nil {
			b.distribution(role, "", metric, h)
		}
	}
	b.reconcile(ws)
	for _, w := range ws {
		b.clamped(w)
	}
	if records == 0 { // nothing to divide by
		// The reference producer of a backlog worked before the measured part.
		if role != results.RoleReference && !slices.ContainsFunc(ws, b.worked) {
			r := results.Remarkf(results.KindIdle, "role %s did nothing in the measured part", role)
			r.Role = role
			b.warn(r)
		}
		return
	}
	b.cost(role, ws, records)
	b.wireRows(role, ws, records)
}

// worked says whether a worker was at work in the measured part without having got
// anything acked or delivered for the first time.
func (b *builder) worked(w *worker) bool {
	left, _, _ := unsent([]*worker{w})
	return left > 0 || len(w.redelivered) > 0 || slices.ContainsFunc(w.never, func(r audit.Redelivery) bool {
		return r.Due < b.measured.to && r.LastDue >= b.measured.from
	})
}

func (b *builder) throughput(role results.Role, metric string, records int64) {
	if records == 0 {
		return
	}
	perSecond := float64(records) / b.measured.seconds()
	b.plain(role, metric, perSecond, records)
	b.add(results.Row{
		Role: role, Metric: metric, Unit: results.UnitBytesPS,
		Value: perSecond * recordBytes(b.trial.Spec.Records), N: records,
	})
}

// ofRole is a metric of the workers of a role.
type ofRole struct {
	role   results.Role // "": of all
	metric string
}

// merged is the distribution of a metric over the workers of a role, or over all, in
// the measured part, nil where nothing was recorded. It is made once, and nobody
// changes it.
func (b *builder) merged(role results.Role, metric string) *hdrhistogram.Histogram {
	k := ofRole{role, metric}
	h, made := b.distributed[k]
	if made {
		return h
	}
	if b.distributed == nil {
		b.distributed = map[ofRole]*hdrhistogram.Histogram{}
	}
	ws := b.workers
	if role != "" {
		ws = b.byRole(role)
	}
	h = b.merge(ws, metric)
	b.distributed[k] = h
	return h
}

// merge makes it. A backlog was written before it is read, so there the time since the
// record was intended says nothing about the client.
func (b *builder) merge(ws []*worker, metric string) *hdrhistogram.Histogram {
	if metric == results.E2EResponse && b.trial.Kind == workloads.Backlog {
		return nil
	}
	var all *hdrhistogram.Histogram
	for _, w := range ws {
		for _, i := range w.Latencies {
			if i.Metric != metric || i.Phase != results.PhaseMeasure || i.Hist.TotalCount() == 0 {
				continue
			}
			if all == nil {
				all = i.Hist.Clone()
				continue
			}
			all.Merge(i.Hist) // one geometry for all: nothing is dropped
		}
	}
	switch metric {
	case results.E2EResponse:
		return b.firstOnly(all, ws)
	case results.ProduceResponse:
		return b.allDue(all, ws)
	}
	return all
}

func (b *builder) distribution(role results.Role, class, metric string, h *hdrhistogram.Histogram) {
	n := h.TotalCount()
	for _, stat := range results.Stats() {
		var value float64
		switch stat {
		case "min":
			value = float64(h.Min())
		case "p50":
			value = float64(record.Percentile(h, 50))
		case "p90":
			value = float64(record.Percentile(h, 90))
		case "p99":
			value = float64(record.Percentile(h, 99))
		case "p999":
			if n < samplesP999 {
				if class == "" { // parts of the whole are thinner by nature
					b.thin.add(b.trial.Ref.Workload, metric)
				}
				continue
			}
			value = float64(record.Percentile(h, 99.9))
		case "p9999":
			if n < samplesP9999 {
				continue
			}
			value = float64(record.Percentile(h, 99.99))
		case "max":
			value = float64(h.Max())
		case "mean":
			value = h.Mean()
		}
		r := results.Row{Role: role, Class: class, Metric: metric, Stat: stat, Unit: results.UnitNs, Value: value, N: n}
		if stat == "p99" && class == "" && r.Thin() {
			b.thin.few(b.trial.Ref.Workload, metric, n)
		}
		b.add(r)
	}
}

// reconcile compares histograms with spans: a kill may cost a histogram its last
// interval, and whoever reads the percentiles should know. What kills on purpose
// cost is summed up. Where the clock is not read on every record, and in a
// backlog, latencies are sampled by design.
func (b *builder) reconcile(ws []*worker) {
	if b.trial.ClockEvery > 1 || b.trial.Kind == workloads.Backlog {
		return
	}
	var killed int
	var missing, of int64
	for _, w := range ws {
		metric, spans, what := results.ProduceResponse, w.allAcked, "acked"
		switch w.Role {
		case results.RoleConsumer:
			metric, spans, what = results.E2EResponse, w.allDelivered, "delivered"
		case results.RoleProducer, results.RoleReference:
		default:
			continue
		}
		var recorded int64
		for _, i := range w.Latencies {
			if i.Metric == metric {
				recorded += i.Hist.TotalCount()
			}
		}
		switch {
		case recorded == spans:
		case w.Exit.Crash() && recorded < spans:
			killed, missing, of = killed+1, missing+spans-recorded, of+spans
		default:
			b.warn(results.Remarkf(results.KindLatencyLost, "%s: %s holds %s of %s, but %d records were %s", w.Name, results.LatencyFile, samples(recorded), metric, spans, what).
				By(w.Name).With(metric, results.UnitCount, float64(recorded)).With("records", results.UnitCount, float64(spans)))
		}
	}
	if killed > 0 {
		b.warn(results.Remarkf(results.KindLatencyLost, "members that were killed on purpose lost the end of %s: %d of the %d records that %d of them handled have no latency", results.LatencyFile, missing, of, killed).
			With("missing", results.UnitCount, float64(missing)).With("records", results.UnitCount, float64(of)).With("members", results.UnitCount, float64(killed)))
	}
}

// clamped says how many values lay beyond what the histograms can hold, since
// the largest ones that are shown are then too small.
func (b *builder) clamped(w *worker) {
	for _, metric := range distributions() {
		var above int64
		for _, i := range w.Latencies {
			if i.Metric == metric && i.Phase == results.PhaseMeasure {
				above += i.Above
			}
		}
		if above > 0 {
			b.warn(results.Remarkf(results.KindClamped, "%s: %d values of %s were above %s and are counted as that", w.Name, above, metric, time.Duration(record.MaxLatency)).
				By(w.Name).With(metric, results.UnitCount, float64(above)))
		}
	}
}

// cost adds CPU and memory.
func (b *builder) cost(role results.Role, ws []*worker, records int64) {
	sum := func(counter func(record.Runtime) int64) (total float64, known bool) {
		for _, w := range ws {
			grew, ok := w.grew(b.measured, counter)
			if !ok {
				return 0, false
			}
			total += grew
		}
		return total, true
	}
	n := float64(records)
	cpu, known := sum(cpuOf)
	if !known {
		if len(b.trial.Spec.Churn) > 0 {
			return // members that come and go cannot have them
		}
		r := results.Remarkf(results.KindNoCost, "role %s has no runtime samples that span the measured part, so no figures of CPU and memory", role)
		r.Role = role
		b.warn(r)
		return
	}
	allocs, _ := sum(func(r record.Runtime) int64 { return r.Allocs })
	bytes, _ := sum(func(r record.Runtime) int64 { return r.AllocBytes })
	gcs, _ := sum(func(r record.Runtime) int64 { return r.GCs })
	pause, _ := sum(func(r record.Runtime) int64 { return r.GCPause })

	var rss, goroutines, ballast, outside int64
	var live float64
	for _, w := range ws {
		var sum, count int64
		for _, s := range w.Runtime {
			rss = max(rss, s.RSSPeak, s.RSS)
			ballast, outside = max(ballast, s.Ballast), max(outside, s.Ballast+s.Outside)
		}
		for _, s := range within(w.Runtime, b.measured) {
			goroutines = max(goroutines, s.Goroutines)
			sum += s.HeapLive
			count++
		}
		if count > 0 {
			live = max(live, float64(sum)/float64(count))
		}
	}
	workers := int64(len(ws))
	b.plain(role, results.CPUPerRecord, cpu/n, records)
	b.harnessShare(role, ws, cpu, records)
	b.ledgers(role, ws, spent{cpu, allocs, bytes}, records)
	b.plain(role, results.AllocPerRecord, allocs/n, records)
	b.plain(role, results.AllocBytes, bytes/n, records)
	b.plain(role, results.RSSPeak, float64(rss), workers)
	if ballast > 0 { // else it was not recorded
		b.plain(role, results.HarnessRSS, float64(min(outside, rss)), workers)
		b.plain(role, results.HarnessHeap, float64(ballast), workers)
	}
	b.plain(role, results.HeapLive, live, workers)
	b.plain(role, results.GCCount, math.Round(gcs), workers)
	b.plain(role, results.GCPause, math.Round(pause), workers)
	b.plain(role, results.GoroutinesPeak, float64(goroutines), workers)
}

// wireRows adds what the tap saw. A client without connections, such as the
// loopback driver, has none.
func (b *builder) wireRows(role results.Role, ws []*worker, records int64) {
	var requests, bytes, unknown int64
	var connections, opened int
	for _, w := range ws {
		open := 0
		for _, sum := range w.Wire {
			// Intervals are cut at phase boundaries as the worker saw them, which may
			// be a moment off the supervisor's: the middle decides.
			if !b.measured.contains(sum.From + (sum.To-sum.From)/2) {
				continue
			}
			requests += sum.Requests
			bytes += sum.Bytes
			unknown += int64(sum.Unknown)
			open = max(open, sum.Open)
			opened += sum.Opened
		}
		connections += open
	}
	if requests == 0 {
		return
	}
	b.plain(role, results.WireRequests, float64(requests)*1000/float64(records), records)
	b.plain(role, results.WireBytes, float64(bytes)/float64(records), records)
	if held, class := b.batched(ws); held.Batches > 0 {
		b.add(results.Row{Role: role, Class: class, Metric: results.WireBatch, Unit: results.UnitCount, Value: float64(held.Records) / float64(held.Batches), N: held.Batches})
	}
	b.plain(role, results.WireConnections, float64(connections), int64(len(ws)))
	b.plain(role, results.WireOpened, float64(opened), int64(len(ws)))
	if unknown > 0 {
		r := results.Remarkf(results.KindUnreadFrames, "role %s: the tap could not read %d frames", role, unknown).With("frames", results.UnitCount, float64(unknown))
		r.Role = role
		b.warn(r)
	}
}

// batched is what the Produce requests of the measured part held: all of them, or, as
// the class says, those that were sampled, where not all were counted.
func (b *builder) batched(ws []*worker) (all record.Batched, class string) {
	var some record.Batched
	for _, w := range ws {
		for _, sum := range w.Wire {
			if sum.Batched != nil && b.measured.contains(sum.From+(sum.To-sum.From)/2) {
				all.Add(*sum.Batched)
			}
		}
		for _, p := range w.Produced {
			if b.measured.contains(p.T) {
				some.Add(record.Batched{Batches: p.Batches, Records: p.Records})
			}
		}
	}
	if all.Batches > 0 {
		return all, ""
	}
	return some, results.Sampled
}

// recordBytes is the mean length of key and value.
func recordBytes(r workloads.Records) float64 {
	if r.Keys.Kind == "none" {
		return r.Size.Mean()
	}
	return r.Size.Mean() + float64(r.Keys.Size)
}

// thinData collects, over the whole run, what was too little data to say
// something, so that it is said once per workload and not once per trial.
type thinData struct {
	workloads []string // in the order of the run
	tails     map[string][]string
	windows   map[string]int
	samples   map[thinMetric]int64 // the fewest behind a p99 that takes more
	ledgers   map[string]int64     // the fewest behind shares of the CPU, where those are few
}

type thinMetric struct{ workload, metric string }

// add says that a trial of the workload has no p999 of the metric.
func (t *thinData) add(workload, metric string) {
	t.see(workload)
	if !slices.Contains(t.tails[workload], metric) {
		t.tails[workload] = append(t.tails[workload], metric)
	}
}

// few says that a trial of the workload has a p99 of the metric of n samples.
func (t *thinData) few(workload, metric string, n int64) {
	t.see(workload)
	k := thinMetric{workload, metric}
	if least, ok := t.samples[k]; !ok || n < least {
		t.samples[k] = n
	}
}

// ledger says of how many samples the shares of the CPU of a trial are.
func (t *thinData) ledger(workload string, n int64) {
	if n >= profiles.EnoughSamples {
		return
	}
	t.see(workload)
	if least, ok := t.ledgers[workload]; !ok || n < least {
		t.ledgers[workload] = n
	}
}

// short says that a trial of the workload has too few windows to be steady.
func (t *thinData) short(workload string, windows int) {
	t.see(workload)
	if n, ok := t.windows[workload]; !ok || windows < n {
		t.windows[workload] = windows
	}
}

func (t *thinData) see(workload string) {
	if t.tails == nil {
		t.tails, t.windows, t.samples, t.ledgers = map[string][]string{}, map[string]int{}, map[thinMetric]int64{}, map[string]int64{}
	}
	if !slices.Contains(t.workloads, workload) {
		t.workloads = append(t.workloads, workload)
	}
}

// samples is a number of them in words.
func samples(n int64) string {
	if n == 1 {
		return "1 sample"
	}
	return fmt.Sprintf("%d samples", n)
}

func (t *thinData) warnings() []results.Remark {
	var out []results.Remark
	add := func(workload string, r results.Remark) {
		r.Workload = workload
		out = append(out, r)
	}
	for _, w := range t.workloads {
		for _, m := range results.Metrics() {
			if n, ok := t.samples[thinMetric{w, m.Name}]; ok {
				add(w, results.Remarkf(results.KindFewSamples, "p99 of %s is of %s where a trial has the fewest, and no more than the largest of them: it takes %d", m.Name, samples(n), results.SamplesOf("p99")).
					With(m.Name, results.UnitCount, float64(n)))
			}
		}
		if metrics := t.tails[w]; len(metrics) > 0 {
			add(w, results.Remarkf(results.KindThinTail, "no p999 of %s where a trial has fewer than %d samples; measure longer or at a higher rate", strings.Join(metrics, ", "), samplesP999))
		}
		if n, ok := t.ledgers[w]; ok {
			add(w, results.Remarkf(results.KindFewSamples, "cpu.layer is of %s where a trial has the fewest, fewer than %d: only large shares say anything; measure longer, or look at all rounds together with \"kbench profile\"", samples(n), profiles.EnoughSamples).
				With(results.CPULayer, results.UnitCount, float64(n)))
		}
		if n, ok := t.windows[w]; ok {
			add(w, results.Remarkf(results.KindThinWindows, "too short to tell whether it was steady: %d windows of 1 s, %d are needed; raise phases.measure", n, steadyWindows).
				With("windows", results.UnitCount, float64(n)))
		}
	}
	return out
}
