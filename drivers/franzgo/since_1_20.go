//go:build !franzgo_before_1_20

package franzgo

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// onBlocked is called when a rebalance waits for the records of a poll.
func onBlocked(wake func()) []kgo.Opt {
	return []kgo.Opt{kgo.OnPartitionsCallbackBlocked(func(context.Context, *kgo.Client) { wake() })}
}

func revokeWait(native string) setting { return exact(native, "", kgo.BlockRebalanceOnPoll()) }

// stockLinger is the default of ProducerLinger.
const stockLinger = 10 * time.Millisecond
