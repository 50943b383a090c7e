//go:build sarama_before_1_60_1

package sarama

import client "github.com/IBM/sarama"

func cooperative() (maker func() client.BalanceStrategy, why string) {
	return nil, "cooperative-sticky came with v1.60.1"
}
