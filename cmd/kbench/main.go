// Command kbench puts Go's Kafka clients through the same work and measures
// what each makes of it.
package main

import (
	"github.com/kbench/kbench/cmd/kbench/cli"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/drivers/sarama"
)

func main() {
	cli.Main(franzgo.New(), sarama.New(), kafkago.New(), loopback.New())
}
