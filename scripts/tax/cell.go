package main

import (
	"fmt"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/scripts/bare"
	"github.com/kbench/kbench/workloads"
)

// partitions of every topic.
const partitions = 12

// cell is one thing that is compared with itself: a client at one kind of work,
// with and without the harness.
type cell struct {
	Direction string `json:"direction"`
	Client    string `json:"client"`
	Size      int    `json:"size"`
}

func (c cell) String() string { return fmt.Sprintf("%s %s %d B", c.Direction, c.Client, c.Size) }

// bounds are what the harness may cost: CPU per record at most so many times the
// bare loop's, throughput at least so many times.
func (c cell) bounds() (cpu, throughput float64) {
	cpu, throughput = 1.08, 0.95
	switch {
	case c.Client != bare.FranzGo || c.Size != 100: // else the cheapest record there is, so the hardest
	case c.Direction == bare.Produce:
		cpu, throughput = 1.12, 0.90
	default:
		cpu = 1.10
	}
	return cpu, throughput
}

// spec is the workload of a cell, for the harness.
func (c cell) spec(backlog int) workloads.Spec {
	s := workloads.Default()
	s.Name = "tax"
	s.Topic = workloads.Topic{Partitions: partitions, Replication: 1}
	s.Records.Size = workloads.Size{Fixed: c.Size}
	s.Produce.Rate = workloads.Rate{Max: true}
	s.Produce.Chunk = 64
	s.Produce.Batch.Records = batchRecords(c.Size)
	s.Consume.Members = 0
	if c.Direction == bare.Consume {
		s.Consume.Members, s.Consume.Backlog = 1, backlog
	}
	return s
}

// batchRecords fills a batch of 64 KiB however a client counts.
func batchRecords(size int) int { return (60 << 10) / (size + 36) }

// settings are what both sides give to the client.
func (c cell) settings(spec *workloads.Spec, topic, group string) drivers.Settings {
	s := arm.Settings(spec, drivers.Matched)
	s.Topics, s.GroupID, s.ClientID = []string{topic}, group, "kbench-tax"
	return s
}

// fill is how many records a topic must hold for the fastest client to read for
// the given time: what franz-go was seen to read, with room.
func fill(size int, length time.Duration) int {
	perSecond := 8_500_000.0
	if size > 256 {
		perSecond = 2_200_000 * 1024 / float64(size)
	}
	return int(perSecond * length.Seconds())
}
