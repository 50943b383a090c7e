//go:build !sarama_before_1_40

package sarama

import client "github.com/IBM/sarama"

// assignors make the balance strategies that every version has. They keep state, so
// every client gets its own.
func assignors() map[string]func() client.BalanceStrategy {
	return map[string]func() client.BalanceStrategy{
		"range": client.NewBalanceStrategyRange, "roundrobin": client.NewBalanceStrategyRoundRobin, "sticky": client.NewBalanceStrategySticky,
	}
}
