package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// readBackPoll is how many records one step of a read-back takes at most.
const readBackPoll = 10_000

// ReadBack reads a topic without a group, every partition from an offset, 0 where
// none is given, to its end, and calls fn for each record: one call at a time, in order within a
// partition. The bytes are valid until fn returns. It is the audit's own look at
// what the brokers stored, so it fails rather than skip anything.
func ReadBack(ctx context.Context, a Access, topic string, begins, ends map[int32]int64, fn func(partition int32, offset int64, key, value []byte)) error {
	from := map[int32]kgo.Offset{}
	for p, end := range ends {
		if end > begins[p] {
			from[p] = kgo.NewOffset().At(begins[p])
		}
	}
	if len(from) == 0 {
		return nil
	}
	cl, err := connect(a,
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: from}),
		kgo.ConsumeResetOffset(kgo.NoResetOffset()), // a record that is gone is an error
		kgo.KeepControlRecords(),                    // they take offsets too
		kgo.FetchMaxBytes(32<<20),
		kgo.FetchMaxPartitionBytes(4<<20),
		kgo.FetchMaxWait(500*time.Millisecond),
	)
	if err != nil {
		return fmt.Errorf("read back %s: %w", topic, err)
	}
	defer cl.Close()

	next := map[int32]int64{}
	for p := range from {
		next[p] = begins[p]
	}
	for left := len(from); left > 0; {
		fetches := cl.PollRecords(ctx, readBackPoll)
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("read back %s: %w; reached %s", topic, err, reached(next, ends))
		}
		if errs := fetches.Errors(); len(errs) > 0 {
			e := errs[0]
			return fmt.Errorf("read back %s: partition %d: %w; reached %s", topic, e.Partition, e.Err, reached(next, ends))
		}
		fetches.EachRecord(func(r *kgo.Record) {
			end := ends[r.Partition]
			if next[r.Partition] >= end {
				return
			}
			if r.Offset < end && !r.Attrs.IsControl() {
				fn(r.Partition, r.Offset, r.Key, r.Value)
			}
			if next[r.Partition] = r.Offset + 1; next[r.Partition] >= end {
				left--
				cl.PauseFetchPartitions(map[string][]int32{topic: {r.Partition}})
			}
		})
	}
	return nil
}

// reached says how far each unfinished partition was read.
func reached(next, ends map[int32]int64) string {
	var s []string
	for p, n := range next {
		if n < ends[p] {
			s = append(s, fmt.Sprintf("%d of %d in partition %d", n, ends[p], p))
		}
	}
	slices.Sort(s)
	return strings.Join(s, ", ")
}
