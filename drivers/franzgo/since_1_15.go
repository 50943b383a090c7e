//go:build !franzgo_before_1_15

package franzgo

import "github.com/twmb/franz-go/pkg/kgo"

const purgeBy = "PurgeTopicsFromConsuming"

// purge has a consumer give up topics.
func purge(c *kgo.Client, topics []string) { c.PurgeTopicsFromConsuming(topics...) }
