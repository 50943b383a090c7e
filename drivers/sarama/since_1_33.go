//go:build !sarama_before_1_33

package sarama

import "time"

// stockFetchWait is the default of Consumer.MaxWaitTime.
const stockFetchWait = 500 * time.Millisecond
