package record_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/kbench/kbench/results/record"
)

// Five records with a hole in their sequence are two spans.
func ExampleSpanLane_Add() {
	dir, err := os.MkdirTemp("", "record")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "deliveries.bin")
	d, err := record.CreateDeliveries(path, record.DeliveriesMeta{Run: 1, Worker: "consumer-1", Topics: []string{"orders"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	lane := d.Lane(record.Delivered, 0, 4, 1)
	for i, seq := range []uint64{10, 11, 12, 20, 21} {
		lane.Add(0, seq, int64(100+i), 0, int64(i))
	}
	if err := d.Close(); err != nil {
		fmt.Println(err)
		return
	}
	meta, err := record.EachSpan(path, func(s record.Span) {
		fmt.Printf("partition %d: %d records from sequence %d, offset %d\n", s.Partition, s.Count, s.First, s.Offset)
	})
	fmt.Println(meta.Topics, err)
	// Output:
	// partition 4: 3 records from sequence 10, offset 100
	// partition 4: 2 records from sequence 20, offset 103
	// [orders] <nil>
}
