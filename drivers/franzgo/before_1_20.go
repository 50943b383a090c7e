//go:build franzgo_before_1_20

package franzgo

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

func serverSide() (native string, opts []kgo.Opt) { return "", nil }

// Before v1.20.0 nobody is told that a rebalance waits.
func onBlocked(func()) []kgo.Opt { return nil }

func revokeWait(native string) setting {
	return approx(native, "", "a rebalance waits for all records of the poll in hand; OnPartitionsCallbackBlocked came with v1.20.0", kgo.BlockRebalanceOnPoll())
}

const stockLinger = 0 * time.Millisecond
