package cluster

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/internal/launch"
)

// BenchmarkEmbeddedSilence is the embedded broker alone, driven as fast as it goes:
// one connection per partition sends the same batch again as soon as the last one
// was acked. An operation is a batch of 50 kB. Nobody hears anything for
// longest-silence-ms, and stopped-% of the time was spent in silences of 10 ms and
// more; the process held at most peak-MiB. By where records are and by length of segment,
// 100 MiB being the simulation's own default.
//
//	go test ./internal/cluster -run - -bench Silence -benchtime 40000x
func BenchmarkEmbeddedSilence(b *testing.B) {
	for _, of := range []struct {
		segment int
		disk    bool
	}{{100 << 20, false}, {4 << 20, false}, {1 << 20, false}, {segmentBytes, false}, {64 << 10, false}, {diskSegmentBytes, true}, {segmentBytes, true}} {
		b.Run(fmt.Sprintf("segment=%dKiB/disk=%t", of.segment>>10, of.disk), func(b *testing.B) {
			ctx := b.Context()
			c, err := Start(ctx, Options{
				Kind: Embedded, Nodes: 1, Log: os.Stderr, OnDisk: of.disk, Props: map[string]string{"log.segment.bytes": strconv.Itoa(of.segment)},
			}, launch.Local{}, self())
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := c.Stop(ctx); err != nil {
					b.Error(err)
				}
			}()
			silence(b, c)
			b.ReportMetric(float64(peak(b, c.PIDs()[0]))/(1<<20), "peak-MiB")
		})
	}
}

func silence(b *testing.B, c *Cluster) {
	const topic, partitions, records, size = "kbench-silence", 12, 200, 250
	if _, err := c.CreateTopic(b.Context(), topic, partitions, 1); err != nil {
		b.Fatal(err)
	}
	var senders sync.WaitGroup
	heard := make([][]time.Time, partitions)
	each := max(b.N/partitions, 1)
	b.SetBytes(records * size)
	b.ResetTimer()
	for p := range partitions {
		frame := produceFrame(topic, int32(p), records, size)
		senders.Go(func() {
			conn, err := net.Dial("tcp", c.Access().Seeds[0])
			if err != nil {
				b.Error(err)
				return
			}
			defer func() { _ = conn.Close() }()
			answer := make([]byte, 1<<10)
			for range each {
				if _, err := conn.Write(frame); err != nil {
					b.Error(err)
					return
				}
				if _, err := io.ReadFull(conn, answer[:4]); err != nil {
					b.Error(err)
					return
				}
				if _, err := io.ReadFull(conn, answer[:binary.BigEndian.Uint32(answer)]); err != nil {
					b.Error(err)
					return
				}
				heard[p] = append(heard[p], time.Now())
			}
		})
	}
	senders.Wait()
	b.StopTimer()
	longest, stopped, whole := silences(heard)
	b.ReportMetric(float64(longest.Microseconds())/1e3, "longest-silence-ms")
	b.ReportMetric(100*float64(stopped)/float64(max(whole, 1)), "stopped-%")
}

// silences finds the longest time in which nobody heard anything, and how much of
// the whole was spent in those of 10 ms and more.
func silences(heard [][]time.Time) (longest, stopped, whole time.Duration) {
	var last time.Time
	next := make([]int, len(heard))
	var first time.Time
	for {
		at := -1
		for p := range heard {
			if next[p] < len(heard[p]) && (at < 0 || heard[p][next[p]].Before(heard[at][next[at]])) {
				at = p
			}
		}
		if at < 0 {
			return longest, stopped, last.Sub(first)
		}
		now := heard[at][next[at]]
		next[at]++
		if last.IsZero() {
			first, last = now, now
		}
		gap := now.Sub(last)
		if longest = max(longest, gap); gap >= 10*time.Millisecond {
			stopped += gap
		}
		last = now
	}
}

// produceFrame is a whole Produce request with one batch of random records.
func produceFrame(topic string, partition int32, records, size int) []byte {
	var packed []byte
	value := make([]byte, size)
	for i := range records {
		for j := range value {
			value[j] = byte(rand.Uint32())
		}
		r := kmsg.Record{OffsetDelta: int32(i), Value: value}
		body := r.AppendTo(nil) // with a length of zero, which is one byte
		r.Length = int32(len(body) - 1)
		packed = r.AppendTo(packed)
	}
	batch := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: int32(records - 1), ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		NumRecords: int32(records), Records: packed,
	}
	raw := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))

	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = 8, -1, 10_000
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition, p.Records = partition, raw
	req.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{p}}}
	frame := kmsg.NewRequestFormatter(kmsg.FormatterClientID("silence")).AppendRequest(nil, req, 1)
	return frame
}
