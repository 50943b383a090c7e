package profiles

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
)

// RawFile is the name of the file of raw samples in the directory of profiles.
const RawFile = "cpu.raw"

// The layout of cpu.raw: where a worker's CPU time went, and when. Fixed numbers are
// little-endian.
//
//	magic, version, length of JSON, JSON (RawMeta)
//	block ...   length of the payload, its CRC-32C, payload
//
// A payload is a sequence of records, each a letter and numbers of variable length.
// Times are differences to the time before, the first to RawMeta.Start.
//
//	s string   length, bytes
//	f frame    address, string of the function, string of the file, line, line where the function begins
//	k stack    number of frames, frames from the leaf to the root
//	p sample   time, stack, how many
//	t tick     time, CPU time of the process since the tick before
//	l lost     time, how many samples had no room
//	e end      nothing: the writer closed the file
//
// Strings, frames and stacks are numbered as they come, from 0, and stand before what
// names them, so every beginning of a file can be read alone and on another machine.
// A block is one write, and is on its way to the disk when that returns: a worker that
// is killed keeps all but what was sampled since the last.
const (
	rawMagic   = "kbcpuraw"
	rawVersion = 1
	rawHeader  = 8 + 4 + 4 // before the JSON
	rawBlock   = 4 + 4     // before a payload

	recString = 's'
	recFrame  = 'f'
	recStack  = 'k'
	recSample = 'p'
	recTick   = 't'
	recLost   = 'l'
	recEnd    = 'e'
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// RawMeta stands at the head of a file of raw samples.
type RawMeta struct {
	Worker  string `json:"worker"`
	Program string `json:"program"` // whose addresses are in it
	Go      string `json:"go"`
	Hz      int    `json:"hz"`    // samples per second of CPU that were asked for
	Start   int64  `json:"start"` // ns of the host's monotonic clock, as all times in the file
	Wall    int64  `json:"wall"`  // what wall time it was then, ns since 1970
}

// Frame is a place in a program.
type Frame struct {
	PC       uint64
	Function string
	File     string
	Line     int
	Begins   int // the line where the function begins
}

// RawWriter writes raw samples. It is not safe for concurrent use.
type RawWriter struct {
	w      io.Writer
	symbol func(pc uint64) Frame
	block  []byte // being filled
	key    []byte
	last   int64 // time
	cpu    int64 // at the last tick

	strings map[string]uint64
	frames  map[uint64]uint64
	stacks  map[string]uint64
}

// NewRawWriter writes the head of a file. symbol tells of an address in a stack of
// this process what is there; it is asked once for each.
func NewRawWriter(w io.Writer, meta RawMeta, symbol func(pc uint64) Frame) (*RawWriter, error) {
	text, err := json.Marshal(meta)
	if err != nil {
		return nil, fmt.Errorf("encode the head of raw samples: %w", err)
	}
	le := binary.LittleEndian
	b := append([]byte{}, rawMagic...)
	b = le.AppendUint32(b, rawVersion)
	b = le.AppendUint32(b, uint32(len(text)))
	if _, err := w.Write(append(b, text...)); err != nil {
		return nil, fmt.Errorf("write the head of raw samples: %w", err)
	}
	return &RawWriter{
		w: w, symbol: symbol, block: make([]byte, rawBlock, 64<<10), last: meta.Start,
		strings: map[string]uint64{}, frames: map[uint64]uint64{}, stacks: map[string]uint64{},
	}, nil
}

// Sample adds count samples of a stack, from the leaf to the root.
func (w *RawWriter) Sample(t int64, stack []uint64, count int64) {
	number := w.stack(stack)
	w.time(recSample, t)
	w.uint(number, uint64(count))
}

// Tick adds how much CPU time the process has used so far.
func (w *RawWriter) Tick(t, cpu int64) {
	w.time(recTick, t)
	w.uint(uint64(max(cpu-w.cpu, 0)))
	w.cpu = cpu
}

// Lost adds how many samples were dropped before they could be read.
func (w *RawWriter) Lost(t, count int64) {
	w.time(recLost, t)
	w.uint(uint64(count))
}

// End adds that this is all.
func (w *RawWriter) End() { w.block = append(w.block, recEnd) }

// Flush writes what was added since the last time, as one block.
func (w *RawWriter) Flush() error {
	payload := w.block[rawBlock:]
	if len(payload) == 0 {
		return nil
	}
	le := binary.LittleEndian
	le.PutUint32(w.block, uint32(len(payload)))
	le.PutUint32(w.block[4:], crc32.Checksum(payload, castagnoli))
	_, err := w.w.Write(w.block)
	w.block = w.block[:rawBlock]
	if err != nil {
		return fmt.Errorf("write raw samples: %w", err)
	}
	return nil
}

// Drop forgets what was added since the last time.
func (w *RawWriter) Drop() { w.block = w.block[:rawBlock] }

func (w *RawWriter) time(kind byte, t int64) {
	w.block = append(w.block, kind)
	w.block = binary.AppendVarint(w.block, t-w.last)
	w.last = t
}

func (w *RawWriter) uint(values ...uint64) {
	for _, v := range values {
		w.block = binary.AppendUvarint(w.block, v)
	}
}

// stack is the number of a stack, which is written where it is new.
func (w *RawWriter) stack(pcs []uint64) uint64 {
	key := w.key[:0]
	for _, pc := range pcs {
		key = binary.LittleEndian.AppendUint64(key, pc)
	}
	w.key = key
	if number, ok := w.stacks[string(key)]; ok {
		return number
	}
	for _, pc := range pcs {
		w.frame(pc)
	}
	number := uint64(len(w.stacks))
	w.stacks[string(key)] = number
	w.block = append(w.block, recStack)
	w.uint(uint64(len(pcs)))
	for _, pc := range pcs {
		w.uint(w.frames[pc])
	}
	return number
}

// frame writes a frame that is new.
func (w *RawWriter) frame(pc uint64) {
	if _, ok := w.frames[pc]; ok {
		return
	}
	f := w.symbol(pc)
	function, file := w.string(f.Function), w.string(f.File)
	w.frames[pc] = uint64(len(w.frames))
	w.block = append(w.block, recFrame)
	w.uint(pc, function, file, uint64(max(f.Line, 0)), uint64(max(f.Begins, 0)))
}

func (w *RawWriter) string(s string) uint64 {
	s = s[:min(len(s), longestString)]
	if number, ok := w.strings[s]; ok {
		return number
	}
	number := uint64(len(w.strings))
	w.strings[s] = number
	w.block = append(w.block, recString)
	w.uint(uint64(len(s)))
	w.block = append(w.block, s...)
	return number
}
