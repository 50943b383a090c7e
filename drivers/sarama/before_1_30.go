//go:build sarama_before_1_30

package sarama

import (
	"fmt"
	"time"

	client "github.com/IBM/sarama"
)

func metadataRefresh(every time.Duration) setting {
	return approx(fmt.Sprintf("Metadata.RefreshFrequency=%s, Full=false", every), "", "it asks brokers to create topics; AllowAutoTopicCreation came with v1.30.0",
		func(c *client.Config) { c.Metadata.RefreshFrequency, c.Metadata.Full = every, false })
}
