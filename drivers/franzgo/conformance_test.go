package franzgo_test

import (
	"testing"

	"github.com/kbench/kbench/drivers/drivertest"
	"github.com/kbench/kbench/drivers/franzgo"
)

func TestConformance(t *testing.T) {
	drivertest.Run(t, franzgo.New())
}
