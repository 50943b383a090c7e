package arm

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results/record"
)

// Wire is what a tap saw of the settings that the wire carries. The zero value has
// seen nothing.
type Wire struct {
	Unknown int // frames that could not be read

	values     map[string]map[string]int // key to value to how often
	maxRecords int32                     // most in a batch
	maxPlain   int32                     // bytes of the largest batch that was not compressed
	beats      map[string][]int64        // times of heartbeats by member
	requests   map[kmsg.Key]bool         // what was asked at all
}

// ReadWire reads what the tap of a worker saw from its events.
func ReadWire(eventsFile string) (*Wire, error) {
	w := new(Wire)
	err := record.ReadEvents(eventsFile, func(e record.Event) error {
		w.Take(e)
		return nil
	})
	return w, err
}

// Take adds one event of a tap. Events that tell nothing of settings are passed
// over.
func (w *Wire) Take(e record.Event) {
	w.Unknown += e.Unknown
	switch e.K {
	case record.EvWire:
		for _, sum := range e.Wire {
			if sum.Requests > 0 {
				if w.requests == nil {
					w.requests = make(map[kmsg.Key]bool)
				}
				w.requests[kmsg.Key(sum.API)] = true
			}
		}
	case record.EvProduce:
		w.produce(e)
	case record.EvFetch:
		w.fetch(e)
	case record.EvRequest:
		switch kmsg.Key(e.API) {
		case kmsg.JoinGroup:
			w.join(e)
		case kmsg.ConsumerGroupHeartbeat:
			w.consumerBeat(e)
		case kmsg.Heartbeat:
			w.beat(e)
		}
	}
}

// plain is the codec of a batch that is not compressed.
const plain = "none"

func (w *Wire) produce(e record.Event) {
	if e.Acks != nil {
		w.number(drivers.KeyAcks, int64(*e.Acks))
	}
	w.number(drivers.KeyAckTimeout, int64(e.TimeoutMs))
	for _, b := range e.Batches {
		w.note(drivers.KeyCodec, b.Codec)
		w.maxRecords = max(w.maxRecords, b.Records)
		if b.Codec == plain {
			w.maxPlain = max(w.maxPlain, b.Bytes)
		}
	}
}

func (w *Wire) fetch(e record.Event) {
	if e.MaxWaitMs != nil {
		w.number(drivers.KeyFetchWait, int64(*e.MaxWaitMs))
	}
	if e.MinBytes != nil {
		w.number(drivers.KeyFetchMin, int64(*e.MinBytes))
	}
	w.number(drivers.KeyFetchMax, int64(e.MaxBytes))
	if e.PartitionMaxBytes > 0 {
		w.number(drivers.KeyFetchMaxPartition, int64(e.PartitionMaxBytes))
	}
	if e.Isolation != nil {
		w.number(drivers.KeyIsolation, int64(*e.Isolation))
	}
}

func (w *Wire) join(e record.Event) {
	w.number(drivers.KeySession, int64(e.SessionMs))
	w.number(drivers.KeyRebalance, int64(e.RebalanceMs))
	w.note(drivers.KeyAssignors, strings.Join(e.Protocols, ","))
	w.note(drivers.KeyStatic, strconv.FormatBool(e.Instance != ""))
	w.note(drivers.KeyProtocol, "classic")
}

// consumerBeat is a beat of KIP-848. It has only what is new, and the one that
// joins has all of it.
func (w *Wire) consumerBeat(e record.Event) {
	w.note(drivers.KeyProtocol, "consumer")
	if e.RebalanceMs > 0 {
		w.number(drivers.KeyRebalance, int64(e.RebalanceMs))
	}
	if len(e.Protocols) > 0 {
		w.note(drivers.KeyAssignors, strings.Join(e.Protocols, ","))
	}
	if e.Generation == 0 {
		w.note(drivers.KeyStatic, strconv.FormatBool(e.Instance != ""))
	}
	w.beat(e)
}

func (w *Wire) beat(e record.Event) {
	if w.beats == nil {
		w.beats = make(map[string][]int64)
	}
	w.beats[e.Member] = append(w.beats[e.Member], e.T)
}

func (w *Wire) note(key, value string) {
	if w.values == nil {
		w.values = make(map[string]map[string]int)
	}
	if w.values[key] == nil {
		w.values[key] = make(map[string]int)
	}
	w.values[key][value]++
}

func (w *Wire) number(key string, n int64) { w.note(key, strconv.FormatInt(n, 10)) }

// between is the median time between heartbeats in ms, 0 below three of them.
func (w *Wire) between() int64 {
	var gaps []int64
	for _, ts := range w.beats {
		for i := 1; i < len(ts); i++ {
			gaps = append(gaps, (ts[i]-ts[i-1])/1e6)
		}
	}
	if len(gaps) < 3 {
		return 0
	}
	slices.Sort(gaps)
	return gaps[len(gaps)/2]
}

// Untapped is what a worker has to show for that its tap knows nothing of: where
// a client did not dial through the tap, no claim of it was ever held against
// anything. Empty: there is nothing of the kind.
func (w *Wire) Untapped(worker, deliveriesFile string) (string, error) {
	var acked, read uint64
	if _, err := record.EachSpan(deliveriesFile, func(p record.Span) {
		switch p.Kind {
		case record.Acked:
			acked += uint64(p.Count)
		case record.Delivered, record.Corrupt, record.Foreign:
			read += uint64(p.Count)
		}
	}); err != nil {
		return "", err
	}
	var out []string
	for _, c := range []struct {
		count    uint64
		did, api string
		any      []kmsg.Key
	}{
		{acked, "had %d records acked", "Produce", []kmsg.Key{kmsg.Produce}},
		{read, "read %d records", "Fetch", []kmsg.Key{kmsg.Fetch}},
		{read, "read %d records of its group", "JoinGroup", []kmsg.Key{kmsg.JoinGroup, kmsg.ConsumerGroupHeartbeat}},
	} {
		if c.count > 0 && !slices.ContainsFunc(c.any, func(k kmsg.Key) bool { return w.requests[k] }) {
			out = append(out, fmt.Sprintf("the tap saw no %s request of %s, which "+c.did, c.api, worker, c.count))
		}
	}
	return strings.Join(out, "; "), nil
}
