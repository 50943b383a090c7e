package drivers_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
)

// encoded is a batch of n records as another encoder writes it.
func encoded(n, key, value int) int {
	var records []byte
	for i := range n {
		r := kmsg.Record{OffsetDelta: int32(i), Value: make([]byte, value)}
		if key > 0 {
			r.Key = make([]byte, key)
		}
		// The length field counts what follows it, and is encoded first.
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		records = r.AppendTo(records)
	}
	batch := kmsg.RecordBatch{NumRecords: int32(n), Records: records}
	return len(batch.AppendTo(nil))
}

func TestBatchSizeIsThatOfTheWire(t *testing.T) {
	for _, n := range []int{0, 1, 2, 63, 64, 65, 100, 8191, 8192, 8193, 20_000} {
		for _, size := range []struct{ key, value int }{{0, 40}, {0, 57}, {0, 58}, {0, 100}, {8, 100}, {63, 64}, {64, 63}, {16, 1024}, {0, 8190}} {
			if n > 100 && size.value > 200 {
				continue
			}
			if got, want := drivers.BatchSize(n, size.key, size.value), encoded(n, size.key, size.value); got != want {
				t.Errorf("%d records of %d and %d bytes: %d bytes, the wire has %d", n, size.key, size.value, got, want)
			}
		}
	}
}

func TestRecordsInFillsTheBytes(t *testing.T) {
	for _, size := range []struct{ key, value int }{{0, 40}, {0, 100}, {8, 100}, {16, 1024}} {
		for limit := 0; limit < 3_000_000; limit += 1 + limit/7 {
			n := drivers.RecordsIn(limit, size.key, size.value)
			if n > 1 && drivers.BatchSize(n, size.key, size.value) > limit {
				t.Fatalf("%d records of %v do not fit into %d bytes", n, size, limit)
			}
			if drivers.BatchSize(n+1, size.key, size.value) <= limit {
				t.Fatalf("more than %d records of %v fit into %d bytes", n, size, limit)
			}
		}
	}
	if got := drivers.RecordsIn(10, 0, 100); got != 1 {
		t.Errorf("%d records fit where none does, want 1: no limit may keep a record from being sent", got)
	}
}
