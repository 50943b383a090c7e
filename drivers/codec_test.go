package drivers_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/kbench/kbench/drivers"
)

// codecs are those of the protocol.
func codecs() []string { return []string{"none", "gzip", "snappy", "lz4", "zstd"} }

// prose is n bytes that every codec makes smaller, and the more so the harder it
// tries: four words, in no order.
func prose(seed uint64, n int) []byte {
	rng := rand.New(rand.NewPCG(seed, 1))
	words := make([][]byte, 4)
	for i := range words {
		words[i] = make([]byte, 2+rng.IntN(9))
		for j := range words[i] {
			words[i][j] = byte('a' + rng.IntN(26))
		}
	}
	var b []byte
	for len(b) < n {
		b = append(append(b, words[rng.IntN(len(words))]...), ' ')
	}
	return b[:n]
}

// copies keeps the values that a member was given.
type copies struct {
	mu  sync.Mutex
	got map[drivers.TopicPartition]map[int64][]byte
}

func (c *copies) Event(drivers.Event) {}

func (c *copies) Open(topic string, partition int32) drivers.Lane {
	return copyLane{c, drivers.TopicPartition{Topic: topic, Partition: partition}}
}

type copyLane struct {
	c  *copies
	tp drivers.TopicPartition
}

func (l copyLane) Record(r *drivers.Rec) {
	l.c.mu.Lock()
	defer l.c.mu.Unlock()
	if l.c.got[l.tp] == nil {
		l.c.got[l.tp] = make(map[int64][]byte)
	}
	l.c.got[l.tp][r.Offset] = bytes.Clone(r.Value)
}

func (c *copies) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for _, values := range c.got {
		n += len(values)
	}
	return n
}

// TestCodecs writes with every codec of every client. It must be the one on the
// wire, and every client must read what was written.
func TestCodecs(t *testing.T) {
	const n, size = 60, 1000
	eachIn(t, codecs(), func(t *testing.T, d drivers.Driver, codec string) {
		var w seen
		env, _ := watched(t, &w)
		s := settings()
		s.Produce.Codec, s.RecordBytes = codec, size
		s.Consume.CommitMode = drivers.CommitNone
		msgs := make([]*drivers.Msg, n)
		for i := range msgs {
			msgs[i] = &drivers.Msg{Topic: topic, Partition: int32(i % partitions), Value: prose(uint64(i), size)}
		}
		send(t, d, s, env, msgs)
		w.mu.Lock()
		if got := w.values[drivers.KeyCodec]; len(got) != 1 || got[0] != codec {
			t.Errorf("the wire has the codecs %v", got)
		}
		w.mu.Unlock()
		for _, reader := range adapters() {
			s.GroupID = "readers-" + reader.Name()
			h := &copies{got: make(map[drivers.TopicPartition]map[int64][]byte)}
			c, err := reader.Consumer(s, env, h)
			if err != nil {
				t.Fatal(err)
			}
			eventually(t, reader.Name()+" reads all", func() bool { return h.count() >= n })
			leave(t, c)
			for _, m := range msgs {
				tp := drivers.TopicPartition{Topic: topic, Partition: m.Partition}
				if !bytes.Equal(h.got[tp][m.Offset], m.Value) {
					t.Errorf("%s reads another value at offset %d of %v", reader.Name(), m.Offset, tp)
				}
			}
		}
	})
}

// TestLevels writes one and the same record at the lowest and at the highest
// level that a workload may ask for. Where the plan says that the level is set
// the highest makes the smallest batch, smaller too than without a level, which
// is what a client falls back on that does not know the level; else all are the
// same.
func TestLevels(t *testing.T) {
	const size = 48 << 10
	highest := map[string]int{"none": 9, "gzip": 9, "snappy": 9, "lz4": 9, "zstd": 22}
	for _, d := range adapters() {
		for _, codec := range codecs() {
			// Not beside others: a client may keep the level of the process.
			t.Run(d.Name()+"/"+codec, func(t *testing.T) {
				s := settings()
				s.Produce.Codec, s.Produce.BatchRecords, s.RecordBytes = codec, 1, size
				written := func(level int) (int32, drivers.Fidelity) {
					// A client may keep its compressors for the next one; what is
					// pooled is gone after two collections.
					runtime.GC()
					runtime.GC()
					var w seen
					env, _ := watched(t, &w)
					s.Produce.Level = level
					send(t, d, s, env, []*drivers.Msg{{Topic: topic, Value: prose(1, size)}})
					w.mu.Lock()
					defer w.mu.Unlock()
					if len(w.sizes) != 1 {
						t.Fatalf("at level %d one record was written as batches of %v bytes", level, w.sizes)
					}
					plan := d.Plan(s)
					return w.sizes[0], plan[slices.IndexFunc(plan, func(r drivers.Setting) bool { return r.Key == drivers.KeyLevel })].Fidelity
				}
				low, fidelity := written(1)
				high, _ := written(highest[codec])
				// Last, so that no level is kept for what comes after this test.
				usual, _ := written(0)
				sizes := fmt.Sprintf("a batch has %d bytes at the default level, %d at level 1, %d at level %d", usual, low, high, highest[codec])
				t.Logf("%s: %s", fidelity, sizes)
				switch {
				case fidelity == drivers.Unsupported && (low != high || low != usual):
					t.Errorf("the plan says that there is no level, but %s", sizes)
				case fidelity != drivers.Unsupported && (high >= low || high >= usual):
					t.Errorf("the plan says that the level is %s, but %s", fidelity, sizes)
				}
			})
		}
	}
}
