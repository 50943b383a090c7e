// A worker with kafka-go alone in it; see package solo.
package main

import (
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/internal/solo"
)

func main() { solo.Main(kafkago.New()) }
