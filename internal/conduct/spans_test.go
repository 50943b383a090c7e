package conduct_test

import (
	"errors"
	"path/filepath"
	"slices"
	"testing"

	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

func isInterrupted(err error) bool { return errors.Is(err, conduct.ErrInterrupted) }

// recorded counts the records in a worker's delivery spans and in the histograms
// of one metric.
func recorded(t *testing.T, o *outcome, tr *results.Trial, worker, metric string) (spans, histograms int64) {
	t.Helper()
	dir := o.dir.WorkerPath(tr.Ref, worker)
	if _, err := record.EachSpan(filepath.Join(dir, results.DeliveryFile), func(s record.Span) { spans += int64(s.Count) }); err != nil {
		t.Fatal(err)
	}
	intervals, err := record.ReadLatencies(filepath.Join(dir, results.LatencyFile))
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

// missing counts the offsets in [0, committed) of each partition that no span of
// a delivery covers.
func missing(t *testing.T, file string, committed map[int32]int64) (lost int64) {
	t.Helper()
	delivered := map[int32][]record.Span{}
	if _, err := record.EachSpan(file, func(s record.Span) {
		if s.Kind == record.Delivered {
			delivered[s.Partition] = append(delivered[s.Partition], s)
		}
	}); err != nil {
		t.Fatal(err)
	}
	for partition, end := range committed {
		spans := delivered[partition]
		slices.SortFunc(spans, func(a, b record.Span) int { return int(a.Offset - b.Offset) })
		next := int64(0)
		for _, s := range spans {
			if s.Offset >= end {
				break
			}
			lost += max(0, s.Offset-next)
			next = max(next, s.Offset+int64(s.Count))
		}
		lost += max(0, end-next)
	}
	return lost
}
