//go:build !sarama_before_1_34

package sarama

import client "github.com/IBM/sarama"

func static(id string) setting {
	return exact("Consumer.Group.InstanceId", "true", func(c *client.Config) { c.Consumer.Group.InstanceId = id })
}
