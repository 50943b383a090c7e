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
	a := &acks{windows: make([]window, 2), wake: make(chan struct{}, 1)}
	a.fresh = func(old *drivers.Msg) *drivers.Msg { return &drivers.Msg{Slot: old.Slot} }
	w := &a.windows[0]
	w.init(limit)
	w.spans, w.fails, w.again = d.Lane(record.Acked, 0, 0, 0), d.Lane(record.Failed, 0, 0, 0), d.Lane(record.Twice, 0, 0, 0)
	return a, d, path
}

// send takes the next slot as the generator does.
func (w *window) send() *drivers.Msg {
	slot := w.slot()
	if w.msgs[slot] == nil {
		w.msgs[slot] = &drivers.Msg{Slot: slot}
	}
	m := w.msgs[slot]
	m.Seq, m.Offset = w.next, int64(w.next)
	w.next++
	return m
}

// ring is a window in the hands of a generator and of a client that answers as it
// likes.
type ring struct {
	*rapid.T
	*acks
	limit       int
	r           *rand.Rand
	outstanding []*drivers.Msg
	failed      map[*drivers.Msg]bool
	acked       int
	held        int // at most, from the first that was outstanding to the last
}

// send takes a slot as the generator does.
func (g *ring) send() {
	w := &g.windows[0]
	m := w.send()
	if g.failed[m] {
		g.Fatalf("sequence %d uses a message whose buffers the client may hold", m.Seq)
	}
	if slices.Contains(g.outstanding, m) {
		g.Fatalf("sequence %d uses a message that is outstanding", m.Seq)
	}
	g.outstanding = append(g.outstanding, m)
	if len(g.outstanding) > g.limit {
		g.Fatalf("%d outstanding of at most %d", len(g.outstanding), g.limit)
	}
	g.held = max(g.held, int(w.next-w.acked.Load()))
	if int(w.used) > g.held {
		g.Fatalf("%d slots for at most %d in use at once", w.used, g.held)
	}
}

// answer answers one record, mostly in order and mostly well.
func (g *ring) answer() {
	i := 0
	if g.r.IntN(4) == 0 {
		i = g.r.IntN(len(g.outstanding))
	}
	m := g.outstanding[i]
	g.outstanding = slices.Delete(g.outstanding, i, i+1)
	if g.r.IntN(10) == 0 {
		g.failed[m] = true
		g.ack(m, errors.New("refused"))
		return
	}
	g.acked++
	g.ack(m, nil)
}

// TestWindow holds the ring against what it promises, whatever the order of the
// answers: never more outstanding than the limit, a slot is reused only after
// its answer, and a Msg that failed is not used again.
func TestWindow(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		limit := rapid.IntRange(1, 40).Draw(rt, "limit")
		a, d, path := testAcks(t, limit)
		w := &a.windows[0]
		g := &ring{T: rt, acks: a, limit: limit, failed: make(map[*drivers.Msg]bool)}
		g.r = rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1))
		for w.next < 300 || len(g.outstanding) > 0 {
			if w.next < 300 && w.room() && g.r.IntN(2) == 0 {
				g.send()
			} else if len(g.outstanding) > 0 {
				g.answer()
			}
		}
		if got := w.acked.Load(); got != w.next {
			rt.Fatalf("all are answered, but the window stands at %d of %d", got, w.next)
		}
		if err := d.Close(); err != nil {
			rt.Fatal(err)
		}
		var spans []record.Span
		_, err := record.EachSpan(path, func(s record.Span) { spans = append(spans, s) })
		if err != nil {
			rt.Fatal(err)
		}
		n := 0
		for _, s := range spans {
			if s.Kind == record.Acked {
				n += int(s.Count)
			}
		}
		if n != g.acked {
			rt.Fatalf("%d records acked, %d in the spans", g.acked, n)
		}
	})
}

// TestWindowWakes: a generator that waits for room in a window is woken by the first
// answer that makes some, and not by those of other windows; one that waits for a
// quarter of any, by the time that one is free, whatever the order of the answers.
func TestWindowWakes(t *testing.T) {
	f := func(what int32, wakes func(answers int, w *window) bool, order func(n int) []int) {
		t.Helper()
		for _, limit := range []int{1, 2, 3, 5, 16, 17, 41} {
			for begin := range limit {
				wakesFrom(t, limit, begin, what, wakes, order)
			}
		}
	}
	inOrder := func(n int) []int { return upTo(n) }
	firstLast := func(n int) []int { return append(upTo(n)[1:], 0) } // the head moves over all at once
	f(1, func(int, *window) bool { return true }, inOrder)
	f(1, func(_ int, w *window) bool { return w.acked.Load() == w.next }, firstLast)
	f(quarter, func(_ int, w *window) bool { return w.acked.Load() == w.next }, inOrder)
	f(quarter, func(_ int, w *window) bool { return w.acked.Load() == w.next }, firstLast)
	f(2, func(int, *window) bool { return false }, inOrder)
	f(nothing, func(int, *window) bool { return false }, inOrder)
}

// wakesFrom fills a window whose head is at begin and answers all of it.
func wakesFrom(t *testing.T, limit, begin int, what int32, wakes func(answers int, w *window) bool, order func(n int) []int) {
	t.Helper()
	a, d, _ := testAcks(t, limit)
	defer d.Close()
	w := &a.windows[0]
	for range begin {
		a.ack(w.send(), nil)
	}
	var out []*drivers.Msg
	for w.room() {
		out = append(out, w.send())
	}
	a.waiting.Store(what)
	woken := false
	for n, i := range order(limit) {
		a.ack(out[i], nil)
		select {
		case <-a.wake:
			woken = woken || what != quarter || w.emptied()
		default:
		}
		if wakes(n+1, w) && !woken {
			t.Errorf("limit %d from %d: asleep after %d answers", limit, begin, n+1)
		}
	}
	if woken != wakes(limit, w) {
		t.Errorf("limit %d from %d: woken %t", limit, begin, woken)
	}
}

func upTo(n int) (all []int) {
	for i := range n {
		all = append(all, i)
	}
	return all
}

// TestTwice has a client answer again for records that it has answered for: in order,
// out of order, and with an error. Each is counted, and no slot is given back twice.
func TestTwice(t *testing.T) {
	a, d, path := testAcks(t, 4)
	w := &a.windows[0]
	for range 4 {
		w.send()
	}
	first, third := w.msgs[0], w.msgs[2]
	a.ack(first, nil)
	a.ack(first, nil)
	a.ack(third, nil)
	a.ack(third, errors.New("no"))
	if got := w.acked.Load(); got != 1 || w.twice != 2 || w.failed != 0 || w.n != 2 {
		t.Fatalf("%d answered up to, %d twice, %d failed, %d answers", got, w.twice, w.failed, w.n)
	}
	a.ack(w.msgs[1], nil)
	a.ack(w.msgs[3], errors.New("record 3 of partition 7 is too large"))
	if got := w.acked.Load(); got != 4 || w.done[0] || w.failed != 1 {
		t.Errorf("answered up to %d, %d failed", got, w.failed)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	counts := map[record.Kind]uint64{}
	if _, err := record.EachSpan(path, func(s record.Span) { counts[s.Kind] += s.Count }); err != nil {
		t.Fatal(err)
	}
	if counts[record.Acked] != 3 || counts[record.Twice] != 2 || counts[record.Failed] != 1 {
		t.Errorf("spans %v", counts)
	}
	if e := a.refused.All(); len(e) != 1 || e[0].Kind != "record # of partition # is too large" || e[0].Count != 1 {
		t.Errorf("refused %+v", e)
	}
}
