//go:build !sarama_before_1_37

package sarama

import client "github.com/IBM/sarama"

// tooMany says why so many assignors cannot be had at once.
func tooMany(int) string { return "" }

const strategyField = "Consumer.Group.Rebalance.GroupStrategies"

func setStrategies(c *client.Config, all []client.BalanceStrategy) {
	c.Consumer.Group.Rebalance.GroupStrategies = all
}

func strategies(c *client.Config) []client.BalanceStrategy {
	return c.Consumer.Group.Rebalance.GroupStrategies
}
