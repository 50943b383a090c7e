package worker

import (
	"errors"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results/record"
)

// testAcks makes the ack side of one partition over a scratch file.
func testAcks(t testing.TB, limit int) (*acks, *record.Deliveries, string) {
	path := filepath.Join(t.TempDir(), "d.bin")
	d, err := record.CreateDeliveries(path, record.DeliveriesMeta{Topics: []string{"t"}})
	if err != nil {
		t.Fatal(err)
	}
	a := &acks{windows: make([]window, 1), wake: make(chan struct{}, 1)}
	a.fresh = func(uint64, *drivers.Msg) *drivers.Msg { return &drivers.Msg{Value: make([]byte, 32)} }
	w := &a.windows[0]
	w.init(limit)
	for i := range w.msgs {
		w.msgs[i] = &drivers.Msg{Value: make([]byte, 32)}
	}
	w.spans, w.fails = d.Lane(record.Acked, 0, 0, 0), d.Lane(record.Failed, 0, 0, 0)
	return a, d, path
}

// TestWindow holds the ring against what it promises, whatever the order of the
// answers: never more outstanding than the limit, a slot is reused only after
// its answer, and a Msg that failed is not used again.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 40).Draw(rt, "limit")
		a, d, path := testAcks(t, limit)
		w := &a.windows[0]
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		var out []*drivers.Msg // outstanding
		failed := make(map[*drivers.Msg]bool)
		sent, acked := 0, 0
		for sent < 300 || len(out) > 0 {
			if sent < 300 && w.room() && r.IntN(2) == 0 {
				m := w.msgs[w.next&w.mask]
				if failed[m] {
					rt.Fatalf("sequence %d uses a message whose buffers the client may hold", w.next)
				}
				if slices.Contains(out, m) {
					rt.Fatalf("sequence %d uses a message that is outstanding", w.next)
				}
				m.Seq, m.Offset = w.next, int64(w.next)
				w.next++
				sent++
				out = append(out, m)
				if len(out) > limit {
					rt.Fatalf("%d outstanding of at most %d", len(out), limit)
				}
				continue
			}
			if len(out) == 0 {
				continue
			}
			i := 0
			if r.IntN(4) == 0 {
				i = r.IntN(len(out)) // an answer out of order
			}
			m := out[i]
			out = slices.Delete(out, i, i+1)
			var err error
			if r.IntN(10) == 0 {
				err = errors.New("refused")
				failed[m] = true
			} else {
				acked++
			}
			a.ack(m, err)
		}
		if got := w.acked.Load(); got != w.next {
			rt.Fatalf("all are answered, but the window stands at %d of %d", got, w.next)
		}
		if err := d.Close(); err != nil {
			rt.Fatal(err)
		}
		_, spans, err := record.ReadDeliveries(path)
		if err != nil {
			rt.Fatal(err)
		}
		n := 0
		for _, s := range spans {
			if s.Kind == record.Acked {
				n += int(s.Count)
			}
		}
		if n != acked {
			rt.Fatalf("%d records acked, %d in the spans", acked, n)
		}
	})
}

// TestWindowWakes sees a generator that waits for a full window woken by answers.
func TestWindowWakes(t *testing.T) {
	a, d, _ := testAcks(t, 16)
	defer d.Close()
	w := &a.windows[0]
	for w.room() {
		m := w.msgs[w.next&w.mask]
		m.Seq, m.Offset = w.next, int64(w.next)
		w.next++
	}
	if w.next != 16 {
		t.Fatalf("%d sent into a window of 16", w.next)
	}
	a.waiting.Store(true)
	for i := range uint64(16) {
		a.ack(w.msgs[i], nil)
	}
	select {
	case <-a.wake:
	default:
		t.Fatal("16 answers have woken nobody")
	}
	if !w.emptied() {
		t.Fatal("a window without outstanding records is not empty")
	}
}
