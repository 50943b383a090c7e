package worker

import (
	"io"
	"math/rand/v2"
	"testing"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// Values that are swapped again and again take no more memory than the first times:
// each is of a power of two, and what is put back is used again.
func TestArenaSwaps(t *testing.T) {
	a, rng := newArena(1), rand.New(rand.NewPCG(1, 2))
	values := make([][]byte, 100)
	sizes := []int{32, 64, 65, 1000, 1024, 5000, 40_000}
	var after int64
	for round := range 200 {
		for i := range values {
			size := sizes[rng.IntN(len(sizes))]
			v := a.swap(0, values[i], size)
			if len(v) != size {
				t.Fatalf("%d bytes of %d", len(v), size)
			}
			v[0], v[size-1] = byte(i), byte(i)
			values[i] = v
		}
		for i, v := range values {
			if v[0] != byte(i) || v[len(v)-1] != byte(i) {
				t.Fatalf("round %d: value %d lies in another", round, i)
			}
		}
		if round == 20 {
			after = a.used.Load()
		}
	}
	if got := a.used.Load(); got > 2*after {
		t.Errorf("%d bytes taken, %d of them after the first rounds", got, got-after)
	}
}

// What a generator takes is what is outstanding, and that is bounded in bytes.
func TestGeneratorTakesWhatIsOutstanding(t *testing.T) {
	f := func(size, outstanding int, most int64) {
		t.Helper()
		job := testJob(t)
		job.Spec.Records.Size = workloads.Size{Fixed: size}
		s, err := openSession(t.Context(), job, &reporter{out: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.close() }()
		g, err := newGenerator(s)
		if err != nil {
			t.Fatal(err)
		}
		var waiting []*drivers.Msg
		n := 0
		for range 2000 {
			p := int32(n % len(g.windows))
			if len(waiting) < outstanding && g.windows[p].room() {
				waiting = append(waiting, g.take(p, uint64(n), record.Now()))
				n++
				continue
			}
			waiting[0].Offset = int64(waiting[0].Seq)
			g.ack(waiting[0], nil)
			waiting = waiting[1:]
		}
		if got := g.values.used.Load(); got > most {
			t.Errorf("%d bytes taken for %d records of %d bytes outstanding, at most %d are needed", got, outstanding, size, most)
		}
		for _, m := range waiting {
			m.Offset = int64(m.Seq)
			g.ack(m, nil)
		}
	}
	f(1<<20, 3, 10<<20)         // a slot of each partition, and one more
	f(1<<20, 1_000_000, 64<<20) // as many as there may be
	f(20<<10, 6, 12*20<<10)
	f(100, 1_000_000, 2000*128)
	f(100, 3, 12*128) // and not the piece of which they are
}
