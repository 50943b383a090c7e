package worker

import (
	"context"
	"math"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// backlog watches a member read what lies there. The measured part runs from
// its second fetch to a margin before the end, both on the grid of the spans.
func (w *worker) backlog(ctx context.Context) error {
	var total int64
	for _, n := range w.job.Ends {
		total += n
	}
	start := record.Now()
	w.s.spans.SetCuts(start, int64(backlogGrid))
	from, to := max(total/20, 1), total-total/10
	w.s.phase(results.PhaseWarmup)
	if err := w.reach(ctx, from); err != nil {
		return err
	}
	measure := nextOnGrid(start)
	w.s.latency.SetPhases(measure, math.MaxInt64)
	if err := record.SleepUntil(ctx, measure); err != nil {
		return err
	}
	if err := w.s.enter(results.PhaseMeasure); err != nil {
		return err
	}
	if err := w.reach(ctx, to); err != nil {
		return err
	}
	end := nextOnGrid(start)
	w.s.latency.SetPhases(measure, end)
	if err := record.SleepUntil(ctx, end); err != nil {
		return err
	}
	return w.s.enter(results.PhaseDrain)
}

const backlogGrid = 10 * time.Millisecond

func nextOnGrid(origin int64) int64 {
	g := int64(backlogGrid)
	return origin + ((record.Now()-origin)/g+1)*g
}

func (w *worker) reach(ctx context.Context, n int64) error {
	for {
		delivered, _ := w.progress()
		if delivered >= n {
			return nil
		}
		if err := record.SleepUntil(ctx, record.Now()+int64(time.Millisecond)); err != nil {
			return err
		}
	}
}
