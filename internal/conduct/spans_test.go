package conduct_test

import (
	"cmp"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/plan"
)

func isInterrupted(err error) bool { return errors.Is(err, conduct.ErrInterrupted) }

// awaitDelivery waits until the consumer of the workload "cut" has recorded what
// it delivered, which the machine may hold up for longer than the hook waits.
func awaitDelivery(t *testing.T, o conduct.Options) {
	t.Helper()
	i := slices.IndexFunc(o.Trials, func(p plan.Trial) bool { return p.Spec.Name == "cut" })
	file := filepath.Join(o.Out, "trials", o.Trials[i].Dir, "consumer-0", results.DeliveryFile)
	for range 3000 { // a minute: it takes no time where all is well
		delivered := false
		_, _ = record.EachSpan(file, func(s record.Span) { delivered = delivered || s.Kind == record.Delivered })
		if delivered {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("no delivery is in %s", file)
}

// recorded counts the records in a worker's delivery spans and in the histograms
// of one metric.
func recorded(t *testing.T, o *outcome, tr *results.Trial, worker, metric string) (spans, histograms int64) {
	t.Helper()
	dir := o.dir.WorkerPath(tr.Ref, worker)
	if _, err := record.EachSpan(filepath.Join(dir, results.DeliveryFile), func(s record.Span) { spans += int64(s.Count) }); err != nil {
		t.Fatal(err)
	}
	intervals, err := record.SumLatencies(filepath.Join(dir, results.LatencyFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range intervals {
		if i.Metric == metric {
			histograms += i.Hist.TotalCount()
		}
	}
	return spans, histograms
}

// covered counts the records in the deliveries of a file, each once, and those
// below the committed offsets that are in none of them.
func covered(file string, committed map[int32]int64) (delivered, missing int64, err error) {
	spans := map[int32][]record.Span{}
	if _, err := record.EachSpan(file, func(s record.Span) {
		if s.Kind == record.Delivered {
			spans[s.Partition] = append(spans[s.Partition], s)
		}
	}); err != nil {
		return 0, 0, err
	}
	for partition, list := range spans {
		slices.SortFunc(list, func(a, b record.Span) int { return cmp.Compare(a.Offset, b.Offset) })
		end, next := committed[partition], int64(0)
		for _, s := range list {
			missing += max(0, min(s.Offset, end)-next)
			last := s.Offset + int64(s.Count)
			delivered += max(0, last-max(next, s.Offset))
			next = max(next, last)
		}
		missing += max(0, end-next)
	}
	for partition, end := range committed {
		if len(spans[partition]) == 0 {
			missing += end
		}
	}
	return delivered, missing, nil
}
