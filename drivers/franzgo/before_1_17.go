//go:build franzgo_before_1_17

package franzgo

import "github.com/twmb/franz-go/pkg/kgo"

// Before v1.17.0 the client takes marks as the records that were processed last.
func mark(c *kgo.Client, head map[string]map[int32]kgo.EpochOffset) {
	for topic, parts := range head {
		for p, at := range parts {
			c.MarkCommitRecords(&kgo.Record{Topic: topic, Partition: p, LeaderEpoch: at.Epoch, Offset: at.Offset - 1})
		}
	}
}
