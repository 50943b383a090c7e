//go:build sarama_before_1_40

package sarama

import client "github.com/IBM/sarama"

// Before v1.40.0 there is one of each in a process.
func assignors() map[string]func() client.BalanceStrategy {
	one := func(s client.BalanceStrategy) func() client.BalanceStrategy {
		return func() client.BalanceStrategy { return s }
	}
	return map[string]func() client.BalanceStrategy{
		"range": one(client.BalanceStrategyRange), "roundrobin": one(client.BalanceStrategyRoundRobin), "sticky": one(client.BalanceStrategySticky),
	}
}
