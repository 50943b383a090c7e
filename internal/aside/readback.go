package aside

import (
	"context"
	"math"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads/payload"
)

// readback reads the topics from their beginnings to the ends, through no client
// under test, and writes down what is there. Where it gets no further it says why, and
// what it has read is kept.
func readback(ctx context.Context, s *worker.Stage) error {
	s.Ready()
	job := s.Job()
	// However slowly the records come: how long they may take is not ours to say.
	s.Alive()
	type place struct{ good, bad, alien *record.SpanLane }
	lanes := make(map[int32]place)
	for p := range job.Ends {
		lane := func(k record.Kind) *record.SpanLane { return s.Lane(k, p) }
		lanes[p] = place{lane(record.ReadBack), lane(record.Corrupt), lane(record.Foreign)}
	}
	topics := job.Topics
	if len(topics) == 0 {
		topics = results.Topics{{Name: job.Topic, Count: math.MaxInt32}}
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
		err := cluster.ReadBack(ctx, job.Access, t.Name, own(job.Begins), own(job.Ends), func(partition int32, offset int64, _, value []byte) {
			partition += t.First
			now := record.Now()
			switch h := payload.Get(value); {
			case h.Run != job.RunTag:
				lanes[partition].alien.Add(0, uint64(offset), offset, now, now)
			case !payload.Intact(value):
				lanes[partition].bad.Add(0, uint64(offset), offset, now, now)
			default:
				lanes[partition].good.Add(h.Producer, h.Seq, offset, h.Due, now)
			}
		})
		if err != nil {
			s.Say(worker.Report{Say: worker.Progress, Error: err.Error()})
			return nil
		}
	}
	return nil
}
