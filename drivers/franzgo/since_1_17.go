//go:build !franzgo_before_1_17

package franzgo

import "github.com/twmb/franz-go/pkg/kgo"

// mark gives the client the mark of a partition, which head holds.
func mark(c *kgo.Client, head map[string]map[int32]kgo.EpochOffset) { c.MarkCommitOffsets(head) }
