//go:build !sarama_before_1_30

package sarama

import (
	"fmt"
	"time"

	client "github.com/IBM/sarama"
)

func metadataRefresh(every time.Duration) setting {
	return exact(fmt.Sprintf("Metadata.RefreshFrequency=%s, Full=false, AllowAutoTopicCreation=false", every), "", func(c *client.Config) {
		c.Metadata.RefreshFrequency, c.Metadata.Full, c.Metadata.AllowAutoTopicCreation = every, false, false
	})
}
