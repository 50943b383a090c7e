package link

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

// laws draws any law, that of no hole: what is in one never arrives.
func laws() *rapid.Generator[Law] {
	return rapid.Custom(func(t *rapid.T) Law {
		return Law{
			Delay:     time.Duration(rapid.IntRange(0, 200).Draw(t, "delay")) * ms,
			Jitter:    time.Duration(rapid.IntRange(0, 100).Draw(t, "jitter")) * ms,
			Shape:     rapid.SampledFrom([]Shape{Uniform, Normal, Pareto}).Draw(t, "shape"),
			Out:       rapid.Bool().Draw(t, "out"),
			In:        rapid.Bool().Draw(t, "in"),
			Loss:      rapid.Float64Range(0, 0.5).Draw(t, "loss"),
			Bandwidth: rapid.SampledFrom([]int{0, 0, 5_000, 1_000_000}).Draw(t, "bandwidth"),
			Share:     1,
		}
	})
}

// course is what happens to a stream: how it is written, which laws hold in turn, and
// how its connection ends.
type course struct {
	sizes []int
	laws  []Law
	end   string
	seed  uint64
}

func courses() *rapid.Generator[course] {
	return rapid.Custom(func(t *rapid.T) course {
		return course{
			sizes: rapid.SliceOfN(rapid.IntRange(0, 40_000), 1, 20).Draw(t, "writes"),
			laws:  rapid.SliceOfN(laws(), 1, 5).Draw(t, "laws"),
			end:   rapid.SampledFrom([]string{"close", "cut", "abandon", "hang up"}).Draw(t, "end"),
			seed:  rapid.Uint64().Draw(t, "seed"),
		}
	})
}

// stream is what is sent.
func (c *course) stream() (sent []byte) {
	dice := rand.New(rand.NewPCG(c.seed, 0))
	for _, n := range c.sizes {
		for range n {
			sent = append(sent, byte(dice.Uint32()))
		}
	}
	return sent
}

// write sends it, in its pieces, until that fails.
func (c *course) write(to net.Conn, sent []byte) {
	for _, n := range c.sizes {
		if _, err := to.Write(sent[:n]); err != nil {
			return
		}
		sent = sent[n:]
		time.Sleep(20 * ms)
	}
}

// change lets the laws hold in turn, with holes between them, and ends the connection.
func (c *course) change(b *bench) {
	for _, law := range c.laws[1:] {
		time.Sleep(100 * ms)
		b.Set(Law{Hole: true, In: law.In, Out: law.Out, Share: 1})
		time.Sleep(50 * ms)
		b.Set(law)
	}
	time.Sleep(100 * ms)
	switch c.end {
	case "cut":
		b.Cut(&Law{Share: 1})
	case "abandon":
		b.Close()
	case "hang up":
		for _, one := range b.open() {
			one.hangUp()
		}
	}
}

// TestBytes: whatever laws hold in turn, holes among them, bytes come out as they
// went in; after a cut or an abandoned link the first of them, and none else.
func TestBytes(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := courses().Draw(rt, "course")
		synctest.Test(t, func(t *testing.T) {
			b := newBench(c.laws[0])
			client, node := b.pair(1)
			sent := c.stream()
			var got []byte
			var back, done sync.WaitGroup
			done.Go(func() { // the node sends all of it back
				defer node.Close()
				_, _ = io.Copy(node, node)
			})
			done.Go(func() { c.write(client, sent) })
			done.Go(func() { c.change(b) })
			back.Go(func() {
				buf := make([]byte, 1000)
				for len(got) < len(sent) {
					n, err := client.Read(buf)
					got = append(got, buf[:n]...)
					if err != nil {
						return
					}
				}
			})
			back.Wait()
			client.Close()
			done.Wait()
			b.Close()
			if same := bytes.HasPrefix(sent, got); !same || c.end == "close" && len(got) != len(sent) {
				t.Fatalf("%s: of %d bytes %d came back, and were the same: %t", c.end, len(sent), len(got), same)
			}
		})
	})
}

// FuzzFrames: however a stream is cut up, each request and response is counted once.
func FuzzFrames(f *testing.F) {
	f.Add([]byte{3, 0, 200}, uint8(1))
	f.Fuzz(func(t *testing.T, sizes []byte, cut uint8) {
		var stream []byte
		want := 0
		for _, n := range sizes {
			if stream = append(stream, frame(int(n))...); n > 0 {
				want++
			}
		}
		var whole, parts frames
		if got := whole.count(stream); got != want {
			t.Fatalf("%d frames, not %d", got, want)
		}
		got := 0
		for len(stream) > 0 {
			n := min(int(cut)+1, len(stream))
			got += parts.count(stream[:n])
			stream = stream[n:]
		}
		if got != want {
			t.Fatalf("%d frames in pieces of %d, not %d", got, int(cut)+1, want)
		}
	})
}
