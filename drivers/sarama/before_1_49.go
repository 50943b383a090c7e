//go:build sarama_before_1_49

package sarama

import (
	"fmt"

	client "github.com/IBM/sarama"
)

func fetchMax(int) setting {
	return lacks(fmt.Sprintf("MaxResponseSize=%d", client.MaxResponseSize), "Consumer.Fetch.MaxBytes came with v1.49.0; until then it is the limit of any response")
}

func stockFetchMax() setting { return fetchMax(0) }
