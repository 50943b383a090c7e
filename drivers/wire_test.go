package drivers_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
)

// seen is what the fake broker saw of the values that a Plan claims.
type seen struct {
	mu     sync.Mutex
	values map[string][]string
	batch  int     // records of the largest batch
	sizes  []int32 // of batches in bytes, each once
}

func (w *seen) add(key string, v int32) {
	w.note(key, strconv.Itoa(int(v)))
}

func (w *seen) note(key, v string) {
	if w.values == nil {
		w.values = make(map[string][]string)
	}
	if !slices.Contains(w.values[key], v) {
		w.values[key] = append(w.values[key], v)
	}
}

// request keeps what one request tells. It never answers, so the cluster does.
func (w *seen) request(r kmsg.Request) (kmsg.Response, error, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch r := r.(type) {
	case *kmsg.ProduceRequest:
		w.add(drivers.KeyAcks, int32(r.Acks))
		w.add(drivers.KeyAckTimeout, r.TimeoutMillis)
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				var b kmsg.RecordBatch
				if b.ReadFrom(p.Records) == nil {
					w.batch = max(w.batch, int(b.NumRecords))
					if !slices.Contains(w.sizes, b.Length) {
						w.sizes = append(w.sizes, b.Length)
					}
					w.note(drivers.KeyCodec, [...]string{"none", "gzip", "snappy", "lz4", "zstd"}[b.Attributes&7])
				}
			}
		}
	case *kmsg.FetchRequest:
		if r.SessionID != 0 && r.SessionEpoch == -1 {
			break // a client that closes its fetch session, and fetches nothing
		}
		w.add(drivers.KeyFetchWait, r.MaxWaitMillis)
		w.add(drivers.KeyFetchMin, r.MinBytes)
		w.add(drivers.KeyFetchMax, r.MaxBytes)
		w.add(drivers.KeyIsolation, int32(r.IsolationLevel))
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				w.add(drivers.KeyFetchMaxPartition, p.PartitionMaxBytes)
			}
		}
	case *kmsg.JoinGroupRequest:
		w.add(drivers.KeySession, r.SessionTimeoutMillis)
		w.add(drivers.KeyRebalance, r.RebalanceTimeoutMillis)
		w.note(drivers.KeyStatic, strconv.FormatBool(r.InstanceID != nil))
		w.note(drivers.KeyProtocol, "classic")
		var names []string
		for _, p := range r.Protocols {
			names = append(names, p.Name)
		}
		w.note(drivers.KeyAssignors, strings.Join(names, ","))
	}
	return nil, nil, false
}

// TestClaimsHoldOnTheWire compares what a Plan claims with what a broker saw, in
// every mode.
func TestClaimsHoldOnTheWire(t *testing.T) {
	compared := []string{
		drivers.KeyAcks, drivers.KeyAckTimeout, drivers.KeyCodec, drivers.KeyFetchWait, drivers.KeyFetchMin, drivers.KeyFetchMax,
		drivers.KeyFetchMaxPartition, drivers.KeyIsolation, drivers.KeySession, drivers.KeyRebalance, drivers.KeyAssignors, drivers.KeyStatic, drivers.KeyProtocol,
	}
	eachIn(t, []string{string(drivers.Matched), string(drivers.Best), string(drivers.Stock)}, func(t *testing.T, d drivers.Driver, mode string) {
		var w seen
		env, _ := watched(t, &w)
		s := settings()
		s.Mode = drivers.Mode(mode)
		s.Produce.Codec = "gzip"
		s.Produce.AckTimeout = 7 * time.Second
		s.Consume.Isolation = "read_committed"
		s.Consume.FetchMax = 20 << 20
		s.Consume.FetchMaxPartition = 300_000
		s.Group.Assignors = []string{"roundrobin", "range"}
		if s.Mode != drivers.Stock {
			s.Consume.FetchMin = 2
		}
		produce(t, d, s, env, 90)
		h := newHandler()
		c := join(t, d, s, env, h)
		eventually(t, "all records", func() bool { return h.count.Load() == 90 })
		leave(t, c)

		w.mu.Lock()
		defer w.mu.Unlock()
		for _, row := range d.Plan(s) {
			if row.Claim == "" || !slices.Contains(compared, row.Key) {
				continue
			}
			// kafka-go sends what is left of a time when it comes to it, which
			// on a busy machine is less; that row is no exact one.
			remainder := d.Name() == "kafka-go" && (row.Key == drivers.KeyFetchWait || row.Key == drivers.KeyAckTimeout)
			if remainder && row.Fidelity == drivers.Approx && within(w.values[row.Key], row.Claim) {
				continue
			}
			if got := w.values[row.Key]; len(got) != 1 || got[0] != row.Claim {
				t.Errorf("%s: the wire has %v, claimed is %s (%s)", row.Key, got, row.Claim, row.Native)
			}
		}
	})
}

// TestBatchesHoldTheSameRecords fills batches as far as they go. All clients
// must be given the same largest batch, within 5% of what is asked for.
func TestBatchesHoldTheSameRecords(t *testing.T) {
	const n = 12_000
	for _, d := range adapters() {
		for _, batch := range []struct{ records, bytes int }{{0, 16 << 10}, {64, 1 << 20}, {1000, 1 << 20}} {
			t.Run(fmt.Sprintf("%s/%d", d.Name(), batch.records), func(t *testing.T) {
				t.Parallel()
				var w seen
				env, _ := watched(t, &w)
				s := settings()
				s.Produce.BatchRecords, s.Produce.BatchBytes = batch.records, batch.bytes
				s.Produce.Linger = 2 * time.Second // a slow machine takes a while to fill a batch
				s.Produce.Window = n
				s.Produce.Chunk = 1000
				produce(t, d, s, env, n)
				w.mu.Lock()
				defer w.mu.Unlock()
				want := s.BatchLimit()
				if w.batch > want || w.batch < want*95/100 {
					t.Errorf("the largest batch held %d records, want %d", w.batch, want)
				}
				for _, row := range d.Plan(s) {
					if row.Key == drivers.KeyBatchRecords && row.Claim != strconv.Itoa(want) {
						t.Errorf("claimed is a batch of %s records, want %d", row.Claim, want)
					}
				}
			})
		}
	}
}

// within says whether all values are at most the claim, and the largest of them
// is above half of it: how much of a time is left is up to the machine.
func within(values []string, claim string) bool {
	most, err := strconv.Atoi(claim)
	largest := 0
	for _, v := range values {
		n, bad := strconv.Atoi(v)
		if bad != nil || n > most {
			return false
		}
		largest = max(largest, n)
	}
	return err == nil && largest > most/2
}
