//go:build !kafkago_before_0_4_39

package kafkago

import (
	"github.com/segmentio/kafka-go"

	"github.com/kbench/kbench/drivers"
)

// How a message keeps the Msg that it is of on its way through the client.
const carriedBy = "WriterData"

func carry(m *drivers.Msg) kafka.Message {
	return kafka.Message{Topic: m.Topic, Key: m.Key, Value: m.Value, WriterData: m}
}

func carried(m *kafka.Message) *drivers.Msg { return m.WriterData.(*drivers.Msg) }
