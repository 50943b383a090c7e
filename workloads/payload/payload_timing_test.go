package payload

import (
	"fmt"
	"testing"

	"github.com/kbench/kbench/workloads"
)

func sampleValue(size int) []byte {
	p := NewPool(workloads.Records{Size: workloads.Size{Fixed: size}, Entropy: 0.5}, 1)
	v := make([]byte, size)
	Put(v, Header{Run: 1, Producer: 2, Seq: 3, Due: 4, Body: p.Fill(v, 0)})
	return v
}

func BenchmarkPut(b *testing.B) {
	v := sampleValue(100)
	h := Get(v)
	b.ReportAllocs()
	for b.Loop() {
		h.Seq++
		Put(v, h)
	}
}

func BenchmarkGet(b *testing.B) {
	v := sampleValue(100)
	b.ReportAllocs()
	var sum uint64
	for b.Loop() {
		sum += Get(v).Seq
	}
	if sum == 0 {
		b.Fatal("nothing was read")
	}
}

func BenchmarkValid(b *testing.B) {
	v := sampleValue(100)
	b.ReportAllocs()
	for b.Loop() {
		if !Valid(v) {
			b.Fatal("damaged")
		}
	}
}

func BenchmarkIntact(b *testing.B) {
	for _, size := range []int{100, 1024} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			v := sampleValue(size)
			b.ReportAllocs()
			for b.Loop() {
				if !Intact(v) {
					b.Fatal("damaged")
				}
			}
		})
	}
}

func BenchmarkFill(b *testing.B) {
	p := NewPool(workloads.Records{Size: workloads.Size{Fixed: 100}, Entropy: 0.5}, 1)
	v := make([]byte, p.Max())
	b.ReportAllocs()
	var i uint64
	for b.Loop() {
		p.Fill(v, i)
		i++
	}
}

func BenchmarkPartition(b *testing.B) {
	for _, kind := range []string{"none", "round-robin", "zipf"} {
		b.Run(kind, func(b *testing.B) {
			k := NewKeys(workloads.Keys{Kind: kind, Count: 100_000, Skew: 1.1, Size: 16}, 1)
			b.ReportAllocs()
			var i uint64
			for b.Loop() {
				k.Partition(i, 12)
				i++
			}
		})
	}
}

func TestNothingAllocatesPerRecord(t *testing.T) {
	v := sampleValue(500)
	p := NewPool(workloads.Records{Size: workloads.Size{Uniform: [2]int{100, 500}}}, 1)
	zipf := NewKeys(workloads.Keys{Kind: "zipf", Count: 100, Skew: 1.1}, 1)
	none := NewKeys(workloads.Keys{Kind: "none"}, 1)
	none.Partition(0, 12)
	var i uint64
	if n := testing.AllocsPerRun(1000, func() {
		crc := p.Fill(v[:p.Size(i)], i)
		Put(v, Header{Run: 1, Seq: i, Body: crc})
		if Get(v).Seq != i || !Intact(v[:p.Size(i)]) {
			t.Fatal("damaged")
		}
		zipf.Key(i)
		zipf.Partition(i, 12)
		none.Partition(i, 12)
		i++
	}); n != 0 {
		t.Errorf("%v allocations per record, want 0", n)
	}
}
