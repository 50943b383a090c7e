package worker

import (
	"context"
	"fmt"
	"math"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/payload"
)

// readback reads the topics from their beginnings to the ends, through no client
// under test, and writes down what is there.
func (w *worker) readback(ctx context.Context) error {
	w.report.say(Report{Say: Ready, Runtime: inForce()})
	// However slowly the records come: how long they may take is not ours to say.
	w.s.done.Go(func() { w.alive(w.s.ctx) })
	type place struct{ good, bad, alien *record.SpanLane }
	lanes := make(map[int32]place)
	for p := range w.job.Ends {
		lane := func(k record.Kind) *record.SpanLane { return w.s.spans.Lane(k, 0, p, 0) }
		lanes[p] = place{lane(record.ReadBack), lane(record.Corrupt), lane(record.Foreign)}
	}
	topics := w.job.Topics
	if len(topics) == 0 {
		topics = results.Topics{{Name: w.job.Topic, Count: math.MaxInt32}}
	}
	for _, t := range topics {
		own := func(of map[int32]int64) map[int32]int64 {
			out := map[int32]int64{}
			for p, n := range of {
				if p >= t.First && p-t.First < t.Count {
					out[p-t.First] = n
				}
			}
			return out
		}
		err := cluster.ReadBack(ctx, w.job.Access, t.Name, own(w.job.Begins), own(w.job.Ends), func(partition int32, offset int64, _, value []byte) {
			partition += t.First
			now := record.Now()
			switch h := payload.Get(value); {
			case h.Run != w.job.RunTag:
				lanes[partition].alien.Add(0, uint64(offset), offset, now, now)
			case !payload.Intact(value):
				lanes[partition].bad.Add(0, uint64(offset), offset, now, now)
			default:
				lanes[partition].good.Add(h.Producer, h.Seq, offset, h.Due, now)
			}
		})
		if err != nil && w.job.Begins != nil {
			// What was left undelivered is looked for, and what is not found stays unknown.
			w.report.say(Report{Say: Progress, Error: err.Error()})
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the topic back: %w", err)
		}
	}
	return nil
}
