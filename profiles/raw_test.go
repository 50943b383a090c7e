package profiles

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/pprof/profile"
)

// symbol makes up a place for an address.
func symbol(pc uint64) Frame {
	return Frame{PC: pc, Function: fmt.Sprintf("f%d", pc), File: "f.go", Line: int(pc), Begins: 1}
}

// meta is of a worker that began at 1,000 ns.
var meta = RawMeta{Worker: "member-1", Program: "kbench", Go: "go1.26", Hz: 100, Start: 1000, Wall: 5_000}

// written is a file with samples of f1, called by f9, at 1,100 and of f2 at 1,200 and
// 1,300, in a block each. It has ticks at 1,150 and 1,350.
func written(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewRawWriter(&b, meta, symbol)
	if err != nil {
		t.Fatal(err)
	}
	flush := func() {
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
	}
	w.Sample(1100, []uint64{1, 9}, 1)
	w.Tick(1150, 70)
	flush()
	w.Sample(1200, []uint64{2, 9}, 1)
	flush()
	w.Sample(1300, []uint64{2, 9}, 3)
	w.Lost(1310, 7)
	w.Tick(1350, 270)
	w.End()
	flush()
	flush() // nothing
	return b.Bytes()
}

func save(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), RawFile)
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRaw(t *testing.T) {
	got, err := ReadRaw(save(t, written(t)))
	if err != nil {
		t.Fatal(err)
	}
	want := &Raw{
		RawMeta: meta,
		Frames:  []Frame{symbol(1), symbol(9), symbol(2)},
		Stacks:  [][]int32{{0, 1}, {2, 1}},
		Samples: []RawSample{{1100, 0, 1}, {1200, 1, 1}, {1300, 1, 3}},
		Ticks:   []RawTick{{1150, 70}, {1350, 270}},
		Lost:    []RawLost{{1310, 7}},
		Whole:   true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if until := got.Until(); until != 1350 {
		t.Errorf("it tells of what was until %d", until)
	}
}

// TestRawTorn reads what is left of a file whose writer was killed at any byte: the
// blocks that are whole, each with all that its samples name.
func TestRawTorn(t *testing.T) {
	data := written(t)
	begins := bytes.IndexByte(data, '}') + 1
	before := 0
	for n := range data {
		got, err := DecodeRaw(bytes.NewReader(data[:n]))
		if n < begins {
			if err == nil {
				t.Errorf("%d bytes are read as a file", n)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%d of %d bytes: %v", n, len(data), err)
		}
		if got.Whole || len(got.Samples) < before {
			t.Fatalf("%d bytes: whole %t, %d samples, %d before", n, got.Whole, len(got.Samples), before)
		}
		before = len(got.Samples)
	}
	if before != 2 {
		t.Errorf("%d samples without the last block, want 2", before)
	}
}

func TestRawDamaged(t *testing.T) {
	f := func(what, want string, change func(b []byte) []byte) {
		t.Helper()
		_, err := ReadRaw(save(t, change(written(t))))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error is %v, want %q in it", what, err, want)
		}
	}
	begins := bytes.IndexByte(written(t), '}') + 1
	f("another file", "magic", func(b []byte) []byte { b[0] = 'x'; return b })
	f("a later version", "newer kbench", func(b []byte) []byte { b[8] = 9; return b })
	f("a changed digit", "checksum", func(b []byte) []byte { b[begins+rawBlock+3] ^= 1; return b })
	f("zeros at the end", "0 bytes", func(b []byte) []byte { return append(b, make([]byte, 64)...) })
	f("no rate", "0 samples", func(b []byte) []byte { return bytes.Replace(b, []byte(`"hz":100`), []byte(`"hz":0  `), 1) })

	block := func(payload ...byte) func([]byte) []byte {
		return func(b []byte) []byte {
			w := &RawWriter{block: append(make([]byte, rawBlock), payload...)}
			out := bytes.NewBuffer(b[:begins:begins])
			w.w = out
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		}
	}
	f("a stack that is not there", "stack 0 is not there", block(recSample, 2, 0, 1))
	f("a frame that is not there", "frame 0 is not there", block(recStack, 1, 0))
	f("a record that is not known", `no record 'x'`, block('x'))
	f("half a number", "incomplete", block(recTick, 0x80))
	f("a string without its bytes", "bytes of a string 9", block(recString, 9, 'a'))
	f("something after the end", "after the end", block(recEnd, recEnd))

	_, err := ReadRaw(save(t, block('x')(written(t))))
	var bad *BadRaw
	if !errors.As(err, &bad) || bad.Offset != int64(begins) {
		t.Errorf("error is %v, want it at byte %d", err, begins)
	}
}

func FuzzReadRaw(f *testing.F) {
	data := written(f)
	f.Add(data)
	f.Add(data[:len(data)-5])
	f.Fuzz(func(t *testing.T, b []byte) {
		raw, err := DecodeRaw(bytes.NewReader(b))
		if err != nil {
			return
		}
		s, err := Build("all", Cut{Raw: raw, Windows: []Window{{raw.Start, raw.Until() + 1}}})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Profile.CheckValid(); err != nil {
			t.Fatal(err)
		}
	})
}

// leaves are the samples by function of the leaf.
func leaves(p *profile.Profile) map[string]int64 {
	out := map[string]int64{}
	for _, s := range p.Sample {
		out[s.Location[0].Line[0].Function.Name] += s.Value[0]
	}
	return out
}
