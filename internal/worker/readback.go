package worker

import (
	"context"
	"fmt"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/payload"
)

// readback reads the topic from its beginning to the ends, through no client
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
	err := cluster.ReadBack(ctx, w.job.Access, w.job.Topic, w.job.Ends, func(partition int32, offset int64, _, value []byte) {
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
	if err != nil {
		return fmt.Errorf("read the topic back: %w", err)
	}
	return nil
}
