// A worker with franz-go alone in it; see package solo.
package main

import (
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/internal/solo"
)

func main() { solo.Main(franzgo.New()) }
