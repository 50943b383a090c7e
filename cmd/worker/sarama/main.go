// A worker with sarama alone in it; see package solo.
package main

import (
	"github.com/kbench/kbench/drivers/sarama"
	"github.com/kbench/kbench/internal/solo"
)

func main() { solo.Main(sarama.New()) }
