//go:build !kafkago_before_0_4_36

package kafkago

import (
	"fmt"
	"time"
)

func retryBackoff(d time.Duration) setting {
	return exact(fmt.Sprintf("WriteBackoffMin=WriteBackoffMax=%s", d), "", func(t target) {
		t.writer.WriteBackoffMin, t.writer.WriteBackoffMax = d, d
	})
}
