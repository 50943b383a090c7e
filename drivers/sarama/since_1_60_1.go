//go:build !sarama_before_1_60_1

package sarama

import client "github.com/IBM/sarama"

// cooperative makes the assignor cooperative-sticky; why says why there is none.
func cooperative() (maker func() client.BalanceStrategy, why string) {
	return client.NewBalanceStrategyCooperativeSticky, ""
}
