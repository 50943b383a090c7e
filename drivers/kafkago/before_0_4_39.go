//go:build kafkago_before_0_4_39

package kafkago

import (
	"sync"
	"sync/atomic"

	"github.com/segmentio/kafka-go"

	"github.com/kbench/kbench/drivers"
)

// Before v0.4.39 a message carries nothing of its user's: WriterData is what came with
// it. HighWaterMark means nothing in a message that is written, and is left alone, so it
// holds the number of the Msg, which gets one at its first use and keeps it.
const carriedBy = "HighWaterMark, as WriterData came with v0.4.39"

// registry are the Msgs by their numbers. It grows to the window of the harness.
var registry struct {
	sync.Mutex // of who adds
	all        atomic.Pointer[[]*drivers.Msg]
}

func carry(m *drivers.Msg) kafka.Message {
	n, ok := m.Native.(int64)
	if !ok {
		n = register(m)
		m.Native = n
	}
	return kafka.Message{Topic: m.Topic, Key: m.Key, Value: m.Value, HighWaterMark: n}
}

func register(m *drivers.Msg) int64 {
	registry.Lock()
	defer registry.Unlock()
	var all []*drivers.Msg
	if old := registry.all.Load(); old != nil {
		all = *old
	}
	// Who reads has an older slice, which is a part of this one.
	all = append(all, m)
	registry.all.Store(&all)
	return int64(len(all) - 1)
}

func carried(m *kafka.Message) *drivers.Msg { return (*registry.all.Load())[m.HighWaterMark] }
