//go:build !sarama_before_1_49

package sarama

import (
	"fmt"
	"strconv"

	client "github.com/IBM/sarama"

	"github.com/kbench/kbench/drivers"
)

func fetchMax(n int) setting {
	return exact(fmt.Sprintf("Consumer.Fetch.MaxBytes=%d", n), strconv.Itoa(n), func(c *client.Config) { c.Consumer.Fetch.MaxBytes = int32(n) })
}

func stockFetchMax() setting {
	const most = 50 << 20
	return setting{Setting: drivers.ByDefault(strconv.Itoa(most), strconv.Itoa(most))}
}
