//go:build sarama_before_1_33

package sarama

import "time"

const stockFetchWait = 250 * time.Millisecond
