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
	type place struct{ good, bad *record.SpanLane }
	lanes := make(map[int32]place)
	for p := range w.job.Ends {
		lanes[p] = place{w.s.spans.Lane(record.ReadBack, 0, p, 0), w.s.spans.Lane(record.Corrupt, 0, p, 0)}
	}
	err := cluster.ReadBack(ctx, w.job.Access, w.job.Topic, w.job.Ends, func(partition int32, offset int64, _, value []byte) {
		now := record.Now()
		h := payload.Get(value)
		if h.Run != w.job.RunTag || !payload.Intact(value) {
			lanes[partition].bad.Add(0, uint64(offset), offset, now, now)
		} else {
			lanes[partition].good.Add(h.Producer, h.Seq, offset, h.Due, now)
		}
	})
	if err != nil {
		return fmt.Errorf("read the topic back: %w", err)
	}
	return nil
}
