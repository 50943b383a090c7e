package payload

import (
	"bytes"
	"compress/gzip"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/kbench/kbench/workloads"
)

func TestHeaderComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.SliceOfN(rapid.Byte(), HeaderSize, 300).Draw(t, "value")
		h := Header{
			Run: rapid.Uint32().Draw(t, "run"), Producer: rapid.Uint32().Draw(t, "producer"),
			Seq: rapid.Uint64().Draw(t, "seq"), Due: rapid.Int64().Draw(t, "due"), Body: BodyCRC(value),
		}
		body := bytes.Clone(value[HeaderSize:])
		Put(value, h)
		if got := Get(value); got != h {
			t.Fatalf("Get = %+v, want %+v", got, h)
		}
		if !bytes.Equal(value[HeaderSize:], body) {
			t.Fatal("Put changed the body")
		}
		if !Valid(value) || !Intact(value) {
			t.Fatalf("Valid = %v, Intact = %v for a fresh value", Valid(value), Intact(value))
		}

		// Any single damaged bit shows.
		bit := rapid.IntRange(0, len(value)*8-1).Draw(t, "bit")
		value[bit/8] ^= 1 << (bit % 8)
		if Intact(value) {
			t.Fatalf("Intact with bit %d of %d flipped", bit, len(value)*8)
		}
		if inHeader := bit < HeaderSize*8; Valid(value) == inHeader {
			t.Fatalf("Valid = %v with bit %d flipped", Valid(value), bit)
		}
	})
}

// The layout is a contract with values that were written by another version.
func TestHeaderLayout(t *testing.T) {
	value := append(make([]byte, HeaderSize), "123456789"...)
	// The CRC32C of these nine digits is the check value of its specification.
	if crc := BodyCRC(value); crc != 0xe3069283 {
		t.Fatalf("BodyCRC = %#x, want 0xe3069283", crc)
	}
	Put(value, Header{Run: 0x04030201, Producer: 0x08070605, Seq: 0x100f0e0d0c0b0a09, Due: 0x1817161514131211, Body: 0x1c1b1a19})
	for i, b := range value[:28] {
		if b != byte(i+1) {
			t.Fatalf("byte %d is %#x, want %#x", i, b, i+1)
		}
	}
}

func TestShortValues(t *testing.T) {
	for n := range HeaderSize {
		v := make([]byte, n)
		if Get(v) != (Header{}) || Valid(v) || Intact(v) {
			t.Errorf("a value of %d bytes: Get = %+v, Valid = %v, Intact = %v", n, Get(v), Valid(v), Intact(v))
		}
	}
	if v := make([]byte, 100); Valid(v) {
		t.Error("a value of zeros is valid")
	}
}

func FuzzGet(f *testing.F) {
	v := make([]byte, 64)
	Put(v, Header{Run: 1, Seq: 2, Body: BodyCRC(v)})
	f.Add(v)
	f.Add([]byte{})
	f.Add(v[:31])
	f.Fuzz(func(t *testing.T, v []byte) {
		h := Get(v)
		if !Valid(v) {
			if Intact(v) {
				t.Fatal("intact without being valid")
			}
			return
		}
		again := bytes.Clone(v)
		Put(again, h)
		if !bytes.Equal(v, again) {
			t.Fatal("a valid header is not what Put writes for it")
		}
	})
}

func TestPoolFillsWhatItSays(t *testing.T) {
	f := func(size workloads.Size) {
		t.Helper()
		r := workloads.Records{Size: size, Entropy: 0.5}
		p, again := NewPool(r, 1), NewPool(r, 1)
		other := NewPool(r, 2)
		sum, biggest, differ := 0.0, 0, 0
		for i := range uint64(len(p.entries)) {
			n := p.Size(i)
			if n < HeaderSize || n > p.Max() {
				t.Fatalf("Size(%d) = %d, outside %d..%d", i, n, HeaderSize, p.Max())
			}
			sum += float64(n)
			biggest = max(biggest, n)
			a, b := make([]byte, n), make([]byte, n)
			if crc := p.Fill(a, i); crc != BodyCRC(a) {
				t.Fatalf("Fill(%d) = %#x, the body's checksum is %#x", i, crc, BodyCRC(a))
			}
			if again.Size(i) != n {
				t.Fatalf("Size(%d) differs under the same seed", i)
			}
			again.Fill(b, i)
			if !bytes.Equal(a, b) {
				t.Fatalf("the body of %d differs under the same seed", i)
			}
			c := make([]byte, max(other.Size(i), n))
			other.Fill(c[:other.Size(i)], i)
			if !bytes.Equal(a, c[:n]) {
				differ++
			}
		}
		if biggest != p.Max() {
			t.Errorf("Max = %d, the longest is %d", p.Max(), biggest)
		}
		// Even so few have the mean of the distribution.
		if mean, want := sum/float64(len(p.entries)), max(size.Mean(), HeaderSize); math.Abs(mean-want) > 0.01*want {
			t.Errorf("the mean is %v, that of the distribution %v", mean, want)
		}
		if biggest > HeaderSize+100 && differ < len(p.entries)/2 {
			t.Errorf("only %d of %d bodies differ under another seed", differ, len(p.entries))
		}
	}
	f(workloads.Size{Fixed: 1000})
	f(workloads.Size{Fixed: 32})
	f(workloads.Size{Fixed: 5}) // raised
	f(workloads.Size{Fixed: 40_000})
	f(workloads.Size{Uniform: [2]int{100, 2000}})
	f(workloads.Size{Median: 300, Sigma: 0.8, Max: 20_000})
	f(workloads.Size{Choice: []workloads.SizeChoice{{Size: 2000, Weight: 1}, {Size: 100, Weight: 3}}})
}

func TestSizesFollowTheDistribution(t *testing.T) {
	share := func(s workloads.Size, in func(n int) bool) float64 {
		p := NewPool(workloads.Records{Size: s}, 3)
		k := 0
		for i := range uint64(len(p.entries)) {
			if in(p.Size(i)) {
				k++
			}
		}
		return float64(k) / float64(len(p.entries))
	}
	f := func(got, want float64) {
		t.Helper()
		if math.Abs(got-want) > 0.005 {
			t.Errorf("share = %.4f, want %.4f", got, want)
		}
	}
	f(share(workloads.Size{Fixed: 100}, func(n int) bool { return n == 100 }), 1)
	u := workloads.Size{Uniform: [2]int{101, 200}}
	f(share(u, func(n int) bool { return n <= 125 }), 0.25)
	f(share(u, func(n int) bool { return n >= 101 && n <= 200 }), 1)
	l := workloads.Size{Median: 1000, Sigma: 0.5, Max: 3000}
	f(share(l, func(n int) bool { return n < 1000 }), 0.5)
	f(share(l, func(n int) bool { return n <= 1649 }), 0.8413) // one sigma: 1000*e^0.5
	f(share(l, func(n int) bool { return n == 3000 }), 0.0140) // ln 3 / 0.5 = 2.197 sigma
	c := workloads.Size{Choice: []workloads.SizeChoice{{Size: 500, Weight: 1}, {Size: 100, Weight: 7}, {Size: 900, Weight: 2}}}
	f(share(c, func(n int) bool { return n == 100 }), 0.7)
	f(share(c, func(n int) bool { return n == 500 }), 0.1)
	f(share(c, func(n int) bool { return n == 900 }), 0.2)
}

// More entropy leaves more after compression, whatever the compressor and the
// length of records: 0 next to nothing, 1 everything.
func TestEntropyDecidesCompression(t *testing.T) {
	gz := func(b []byte) int {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return out.Len()
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer enc.Close()
	zs := func(b []byte) int { return len(enc.EncodeAll(b, nil)) }

	for _, size := range []int{100, 1024, 10_000} {
		for name, compressed := range map[string]func([]byte) int{"gzip": gz, "zstd": zs} {
			last := -1.0
			for _, e := range []float64{0, 0.1, 0.25, 0.5, 0.75, 0.9, 1} {
				p := NewPool(workloads.Records{Size: workloads.Size{Fixed: size}, Entropy: e}, 1)
				var batch []byte
				value := make([]byte, size)
				for i := uint64(0); len(batch) < 500_000; i++ {
					p.Fill(value, i)
					batch = append(batch, value[HeaderSize:]...)
				}
				ratio := float64(compressed(batch)) / float64(len(batch))
				if ratio <= last {
					t.Errorf("%s, %d bytes: entropy %v leaves %.3f, less entropy left %.3f", name, size, e, ratio, last)
				}
				if e == 0 && ratio > 0.02 || math.Abs(ratio-e) > 0.15 {
					t.Errorf("%s, %d bytes: entropy %v leaves %.3f", name, size, e, ratio)
				}
				last = ratio
			}
		}
	}
}

func TestKeys(t *testing.T) {
	k := NewKeys(workloads.Keys{Kind: "round-robin", Count: 1000, Size: 12}, 1)
	seen := make(map[string]uint64)
	for i := range uint64(3000) {
		key, id := k.Key(i)
		if id != i%1000 || len(key) != 12 {
			t.Fatalf("Key(%d) = %q, %d", i, key, id)
		}
		if old, ok := seen[string(key)]; ok && old != id {
			t.Fatalf("key %q is number %d and %d", key, old, id)
		}
		seen[string(key)] = id
	}
	if len(seen) != 1000 {
		t.Errorf("%d distinct keys, want 1000", len(seen))
	}
	if key, id := NewKeys(workloads.Keys{Kind: "none", Count: 5, Size: 5}, 1).Key(3); key != nil || id != 0 {
		t.Errorf("without keys: Key = %q, %d", key, id)
	}
	if key, _ := NewKeys(workloads.Keys{Kind: "round-robin", Count: 63, Size: 1}, 1).Key(62); len(key) != 2 {
		t.Errorf("63 keys cannot be told apart by %q", key)
	}
}

func TestZipfFollowsItsLaw(t *testing.T) {
	const count, skew, n = 1000, 1.2, 1_000_000
	k, again := NewKeys(workloads.Keys{Kind: "zipf", Count: count, Skew: skew}, 9), NewKeys(workloads.Keys{Kind: "zipf", Count: count, Skew: skew}, 9)
	other := NewKeys(workloads.Keys{Kind: "zipf", Count: count, Skew: skew}, 10)
	hits := make([]float64, count)
	differ := 0
	for i := range uint64(n) {
		_, id := k.Key(i)
		hits[id]++
		if _, b := again.Key(i); b != id {
			t.Fatalf("Key(%d) differs under the same seed", i)
		}
		if _, b := other.Key(i); b != id {
			differ++
		}
	}
	if differ < n/2 {
		t.Errorf("only %d of %d draws differ under another seed", differ, n)
	}
	var total float64
	for r := range count {
		total += math.Pow(float64(r+1), -skew)
	}
	for _, r := range []int{0, 1, 2, 10, 100, 999} {
		p := math.Pow(float64(r+1), -skew) / total
		if got, sd := hits[r]/n, math.Sqrt(p*(1-p)/n); math.Abs(got-p) > 4.5*sd {
			t.Errorf("key %d has %.5f of the records, want %.5f +- %.5f", r, got, p, sd)
		}
	}
}

func TestPartitions(t *testing.T) {
	k := NewKeys(workloads.Keys{Kind: "none"}, 1)
	for _, n := range []int32{1, 7, 12} {
		for round := range uint64(3) {
			seen := make(map[int32]bool)
			for j := range uint64(n) {
				p := k.Partition(round*uint64(n)+j, n)
				if p < 0 || p >= n || seen[p] {
					t.Fatalf("round robin over %d gives %d again", n, p)
				}
				seen[p] = true
			}
		}
	}
	sameOrder := true
	for i := range uint64(12) {
		sameOrder = sameOrder && k.Partition(i, 12) == NewKeys(workloads.Keys{Kind: "none"}, 2).Partition(i, 12)
	}
	if sameOrder {
		t.Error("two seeds go round in the same order")
	}

	// A key stays on its partition, and keys spread.
	z := NewKeys(workloads.Keys{Kind: "zipf", Count: 500, Skew: 1.1, Size: 8}, 1)
	home := make(map[uint64]int32)
	used := make(map[int32]int)
	for i := range uint64(50_000) {
		_, id := z.Key(i)
		p := z.Partition(i, 12)
		if old, ok := home[id]; ok && old != p {
			t.Fatalf("key %d is on partitions %d and %d", id, old, p)
		}
		if _, ok := home[id]; !ok {
			used[p]++
		}
		home[id] = p
	}
	for p := range int32(12) {
		if used[p] < 10 {
			t.Errorf("partition %d has %d of %d keys", p, used[p], len(home))
		}
	}
}

// The known answers are those of Apache Kafka's own test of its hash.
func TestMurmur2(t *testing.T) {
	f := func(s string, want int32) {
		t.Helper()
		if got := int32(murmur2([]byte(s))); got != want {
			t.Errorf("murmur2(%q) = %d, want %d", s, got, want)
		}
	}
	f("21", -973932308)
	f("foobar", -790332482)
	f("a-little-bit-long-string", -985981536)
	f("a-little-bit-longer-string", -1486304829)
	f("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971)
	f("abc", 479470107)
}

func TestAliasGivesExactShares(t *testing.T) {
	weights := []float64{5, 0, 1, 3, 1}
	a := newAlias(weights)
	// Every 64-bit number stands for a share, so the shares can be added up
	// without drawing: whole columns and what each keeps.
	got := make([]float64, len(weights))
	for c := range weights {
		own := float64(a.keep[c]) / math.MaxUint32
		got[c] += own / float64(len(weights))
		got[a.other[c]] += (1 - own) / float64(len(weights))
	}
	for i, w := range weights {
		if math.Abs(got[i]-w/10) > 1e-6 {
			t.Errorf("outcome %d has share %v, want %v", i, got[i], w/10)
		}
	}
	for range 10_000 {
		if a.pick(rand.Uint64()) == 1 {
			t.Fatal("an outcome without weight was drawn")
		}
	}
}
