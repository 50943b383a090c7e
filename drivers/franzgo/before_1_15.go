//go:build franzgo_before_1_15

package franzgo

import "github.com/twmb/franz-go/pkg/kgo"

const purgeBy = "PurgeTopicsFromClient"

// A member produces nothing, so that the client is all consumer.
func purge(c *kgo.Client, topics []string) { c.PurgeTopicsFromClient(topics...) }
