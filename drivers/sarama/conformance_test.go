package sarama_test

import (
	"testing"

	"github.com/kbench/kbench/drivers/drivertest"
	"github.com/kbench/kbench/drivers/sarama"
)

func TestConformance(t *testing.T) {
	drivertest.Run(t, sarama.New())
}
