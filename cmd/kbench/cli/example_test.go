package cli_test

import (
	"github.com/kbench/kbench/cmd/kbench/cli"
	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/drivers/sarama"
)

// mine is a driver of one's own. A real one translates drivers.Settings into the
// settings of its client, as the packages below drivers do; this one borrows all
// that but its name from the driver without a broker.
type mine struct{ drivers.Driver }

func (mine) Name() string { return "mine" }

// Brokerless is for drivers that need no broker at all; others leave it out.
func (mine) Brokerless() bool { return true }

// Plan answers for every setting what becomes of it. Here a user's batches hold
// one record each, and the plan says so.
func (m mine) Plan(s drivers.Settings) []drivers.Setting {
	rows := m.Driver.Plan(s)
	for i := range rows {
		if rows[i].Key == drivers.KeyBatchRecords {
			rows[i].Native, rows[i].Why = "1", "mine sends record by record"
		}
	}
	return rows
}

// The main of a program that has one driver more than kbench has. It lives in a
// module of its own and is kbench in everything else:
//
//	go run . run produce-max --client franz-go,mine
func Example() {
	cli.Main(franzgo.New(), sarama.New(), kafkago.New(), mine{loopback.New()})
}
