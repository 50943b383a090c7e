package kafkago_test

import (
	"testing"

	"github.com/kbench/kbench/drivers/drivertest"
	"github.com/kbench/kbench/drivers/kafkago"
)

func TestConformance(t *testing.T) {
	drivertest.Run(t, kafkago.New())
}
