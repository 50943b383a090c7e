//go:build sarama_before_1_37

package sarama

import client "github.com/IBM/sarama"

func tooMany(n int) string {
	if n > 1 {
		return "several assignors came with v1.37.0"
	}
	return ""
}

const strategyField = "Consumer.Group.Rebalance.Strategy"

func setStrategies(c *client.Config, all []client.BalanceStrategy) {
	c.Consumer.Group.Rebalance.Strategy = all[0]
}

func strategies(c *client.Config) []client.BalanceStrategy {
	return []client.BalanceStrategy{c.Consumer.Group.Rebalance.Strategy}
}
