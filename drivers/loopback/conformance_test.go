package loopback_test

import (
	"testing"

	"github.com/kbench/kbench/drivers/drivertest"
	"github.com/kbench/kbench/drivers/loopback"
)

func TestConformance(t *testing.T) {
	drivertest.Run(t, loopback.New())
}
