package record

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The encoder writes what the library would, but for the compression.
func TestEncode(t *testing.T) {
	var e encoder
	inflate := func(text []byte) []byte {
		t.Helper()
		raw, err := base64.StdEncoding.DecodeString(string(text))
		if err != nil {
			t.Fatal(err)
		}
		z, err := zlib.NewReader(bytes.NewReader(raw[8:]))
		if err != nil {
			t.Fatal(err)
		}
		payload, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		return payload
	}
	f := func(what string, values func(record func(v, n int64))) {
		t.Helper()
		dense, packed := hdrhistogram.New(MinLatency, MaxLatency, significantDigits), newHistogram()
		values(func(v, n int64) {
			if err := dense.RecordValues(v, n); err != nil {
				t.Fatal(err)
			}
			if err := packed.RecordValues(v, n); err != nil {
				t.Fatal(err)
			}
		})
		got := e.encode(packed)
		want, err := dense.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(inflate(got), inflate(want)) {
			t.Errorf("%s: the payload differs from the library's", what)
		}
		back, err := hdrhistogram.Decode(got)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if !back.Equals(dense) {
			t.Errorf("%s: the library reads another histogram", what)
		}
	}
	f("the smallest", func(record func(v, n int64)) { record(MinLatency, 1) })
	f("the largest", func(record func(v, n int64)) { record(MaxLatency, 1) })
	f("neighbours, with a gap of one", func(record func(v, n int64)) {
		for _, v := range []int64{128, 192, 320, 448, 640} {
			record(v, 3)
		}
	})
	f("large counts", func(record func(v, n int64)) { record(5e6, 1<<40); record(6e6, 200) })
	f("every bucket", func(record func(v, n int64)) { // more than a stored block holds
		n := int64(0)
		for v := MinLatency; v < MaxLatency; v += max(64, v/2048) {
			n++
			record(v, 1+n<<20)
		}
	})
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		f("random", func(record func(v, n int64)) {
			for range 1 + rng.IntN(500) {
				record(MinLatency+rng.Int64N(1+(MaxLatency-MinLatency)>>rng.IntN(32)), 1+rng.Int64N(1<<rng.IntN(20)))
			}
		})
	}
}

// An interval costs the process under test no garbage.
func TestEncodeAllocatesNothing(t *testing.T) {
	var e encoder
	h := newHistogram()
	for i := range int64(100) {
		_ = h.RecordValue(1e6 + i*10_000)
	}
	e.encode(h)
	if n := testing.AllocsPerRun(100, func() { e.encode(h) }); n != 0 {
		t.Errorf("%v allocations per interval, want 0", n)
	}
}
