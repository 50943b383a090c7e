//go:build kafkago_before_0_4_36

package kafkago

import "time"

func retryBackoff(time.Duration) setting {
	return lacks("100ms to 1s, growing", "WriteBackoffMin came with v0.4.36")
}
