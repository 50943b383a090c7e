package franzgo

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
)

// Mark keeps the mark, and passes it to the client where the client commits on
// an interval. The client would take a mark for any partition, and commit it
// over that of its new owner; the tenures are what keeps it from that.
func (c *consumer) Mark(topic string, partition int32, next int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.tenures[drivers.TopicPartition{Topic: topic, Partition: partition}]
	if t == nil || next <= t.marked {
		return
	}
	t.marked = next
	if c.modes.CommitMode == drivers.CommitMarked {
		t.head[topic][partition] = kgo.EpochOffset{Epoch: t.epoch.Load(), Offset: next}
		mark(c.client, t.head)
	}
}

// Commit commits what is marked and not yet committed by a call.
func (c *consumer) Commit(ctx context.Context) error {
	if c.modes.CommitMode == drivers.CommitNone {
		return fmt.Errorf("commit: %s is none, which commits nothing", drivers.KeyCommitMode)
	}
	return c.commit(ctx, c.all())
}

func (c *consumer) commit(ctx context.Context, ts []*tenure) error {
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	c.mu.Lock()
	for _, t := range ts {
		next := max(t.marked, t.handled.Load())
		if !t.owned || next <= t.committed {
			continue
		}
		if offsets[t.Topic] == nil {
			offsets[t.Topic] = make(map[int32]kgo.EpochOffset)
		}
		offsets[t.Topic][t.Partition] = kgo.EpochOffset{Epoch: t.epoch.Load(), Offset: next}
	}
	c.mu.Unlock()
	if len(offsets) == 0 {
		return nil
	}
	var errs []error
	c.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, _ *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) {
		if err != nil {
			errs = append(errs, err)
			return
		}
		for _, topic := range resp.Topics {
			for _, part := range topic.Partitions {
				if err := kerr.ErrorForCode(part.ErrorCode); err != nil {
					errs = append(errs, fmt.Errorf("%s/%d: %w", topic.Topic, part.Partition, err))
				}
			}
		}
	})
	if len(errs) > 0 {
		return errors.Join(errs...)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range ts {
		if eo, ok := offsets[t.Topic][t.Partition]; ok {
			t.committed = max(t.committed, eo.Offset)
		}
	}
	return nil
}

// commitsOnRelease says whether marks are committed when partitions are given
// up: where the workload says so, and at a graceful end whenever the client
// commits by itself at all.
func (c *consumer) commitsOnRelease() bool {
	switch c.modes.CommitMode {
	case drivers.CommitNone:
		return false
	case drivers.CommitSync:
		return c.modes.CommitOnRevoke
	}
	return c.modes.CommitOnRevoke || c.closing.Load()
}
