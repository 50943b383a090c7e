package profiles

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/pprof/profile"
)

// EnoughSamples is how many a slice has to have to tell one hot path from another.
// With fewer it is shown, and says so.
const EnoughSamples = 200

// Window is a stretch of time, from From until before To, by the clock of the samples.
type Window struct{ From, To int64 }

// Cut is what a slice takes of one worker: its samples within windows, which do not
// overlap. The labels are of every sample in it.
type Cut struct {
	Raw     *Raw
	Labels  map[string]string
	Windows []Window
}

// Slice is a CPU profile of some windows of some workers.
type Slice struct {
	Name    string
	Samples int64
	Windows int   // of a worker, of which its samples tell
	Time    int64 // ns, of these together
	CPU     int64 // ns that the processes used in that time, as their system counts
	Lost    int64 // samples that found no room

	Profile *profile.Profile
}

// Enough says whether the slice has enough samples for its hottest path to be one.
func (s *Slice) Enough() bool { return s.Samples >= EnoughSamples }

// Coverage is how much of the CPU time the samples make up; 0 where that is not known.
// Threads that run for less than a sample's time at a go are missed in part.
func (s *Slice) Coverage() float64 {
	if s.CPU <= 0 {
		return 0
	}
	return float64(Total(s.Profile)) / float64(s.CPU)
}

// Total is the CPU time, ns, of all samples of a profile.
func Total(p *profile.Profile) int64 {
	var sum int64
	for _, s := range p.Sample {
		sum += s.Value[len(s.Value)-1]
	}
	return sum
}

// Build makes a slice. Its profile is one as runtime/pprof writes them, with samples
// and CPU ns, and says in its comments what it is of. A slice without samples is one.
func Build(name string, cuts ...Cut) (*Slice, error) {
	s := &Slice{Name: name}
	b := newBuilder()
	for _, c := range cuts {
		if err := b.begin(c); err != nil {
			return nil, fmt.Errorf("slice %s: %w", name, err)
		}
		until := c.Raw.Until()
		for _, w := range c.Windows {
			from, to := max(w.From, c.Raw.Start), min(w.To, until)
			if from >= to {
				continue // nobody looked
			}
			s.Windows++
			s.Time += to - from
			s.CPU += c.Raw.cpuAt(to) - c.Raw.cpuAt(from)
			for _, sample := range c.Raw.between(from, w.To) {
				b.add(sample)
				s.Samples += int64(sample.Count)
			}
			for _, l := range c.Raw.Lost {
				if from <= l.T && l.T < w.To {
					s.Lost += l.Count
				}
			}
			if began := c.Raw.Wall + from - c.Raw.Start; b.p.TimeNanos == 0 || began < b.p.TimeNanos {
				b.p.TimeNanos = began
			}
		}
	}
	b.p.DurationNanos = s.Time
	b.p.Comments = s.comments(cuts)
	s.Profile = b.p
	return s, nil
}

// comments say what the profile is of, with the labels that all of it has.
func (s *Slice) comments(cuts []Cut) []string {
	var all map[string]string
	for _, c := range cuts {
		if all == nil {
			all = maps.Clone(c.Labels)
		}
		maps.DeleteFunc(all, func(k, v string) bool { return c.Labels[k] != v })
	}
	out := append(comments(all), "slice="+s.Name, fmt.Sprintf("samples=%d", s.Samples), fmt.Sprintf("member-windows=%d", s.Windows))
	if s.Lost > 0 {
		out = append(out, fmt.Sprintf("lost=%d: samples that found no room", s.Lost))
	}
	if !s.Enough() {
		out = append(out, fmt.Sprintf("fewer than %d samples: what is hottest may be chance", EnoughSamples))
	}
	return out
}

// between are the samples from a time until before another.
func (r *Raw) between(from, to int64) []RawSample {
	at := func(t int64) int {
		i, _ := slices.BinarySearchFunc(r.Samples, t, func(s RawSample, t int64) int {
			if s.T < t {
				return -1
			}
			return 1
		})
		return i
	}
	return r.Samples[at(from):max(at(from), at(to))]
}

// cpuAt is how much CPU time the process had used at a time: between two ticks it is
// taken to have used it evenly.
func (r *Raw) cpuAt(t int64) int64 {
	i, _ := slices.BinarySearchFunc(r.Ticks, t, func(k RawTick, t int64) int {
		if k.T < t {
			return -1
		}
		return 1
	})
	switch {
	case i == len(r.Ticks) && i > 0:
		return r.Ticks[i-1].CPU
	case i == 0:
		if len(r.Ticks) > 0 {
			return r.Ticks[0].CPU
		}
		return 0
	}
	before, after := r.Ticks[i-1], r.Ticks[i]
	if after.T == before.T {
		return after.CPU
	}
	share := float64(t-before.T) / float64(after.T-before.T)
	return before.CPU + int64(share*float64(after.CPU-before.CPU))
}

// builder collects samples into a profile. Places of several workers are one where
// they are the same place of the same program.
type builder struct {
	p         *profile.Profile
	functions map[functionKey]*profile.Function
	locations map[locationKey]*profile.Location
	samples   map[string]*profile.Sample
	mappings  map[string]*profile.Mapping

	cut     Cut
	number  int // of the cut
	labels  map[string][]string
	mapping *profile.Mapping
	stacks  map[int32]*profile.Sample // of the cut
	period  int64
}

type functionKey struct {
	name, file string
	begins     int
}

type locationKey struct {
	function *profile.Function
	program  *profile.Mapping
	pc       uint64
	line     int
}

func newBuilder() *builder {
	return &builder{
		p: &profile.Profile{
			SampleType: []*profile.ValueType{{Type: "samples", Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
			PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"},
		},
		functions: map[functionKey]*profile.Function{},
		locations: map[locationKey]*profile.Location{},
		samples:   map[string]*profile.Sample{},
		mappings:  map[string]*profile.Mapping{},
	}
}

// begin turns to another worker.
func (b *builder) begin(c Cut) error {
	if c.Raw == nil || c.Raw.Hz < 1 {
		return errors.New("a worker has no raw samples")
	}
	b.cut, b.number, b.labels, b.stacks = c, b.number+1, nil, map[int32]*profile.Sample{}
	for k, v := range c.Labels {
		if b.labels == nil {
			b.labels = map[string][]string{}
		}
		b.labels[k] = []string{v}
	}
	b.period = int64(1e9) / int64(c.Raw.Hz)
	if b.p.Period == 0 {
		b.p.Period = b.period
	}
	b.mapping = b.mappings[c.Raw.Program]
	if b.mapping == nil {
		b.mapping = &profile.Mapping{ID: uint64(len(b.p.Mapping) + 1), File: c.Raw.Program, HasFunctions: true, HasFilenames: true, HasLineNumbers: true, HasInlineFrames: true}
		b.mappings[c.Raw.Program], b.p.Mapping = b.mapping, append(b.p.Mapping, b.mapping)
	}
	return nil
}

// add counts a sample of the worker.
func (b *builder) add(r RawSample) {
	s := b.stacks[r.Stack]
	if s == nil {
		s = b.sample(b.cut.Raw.Stacks[r.Stack])
		b.stacks[r.Stack] = s
	}
	s.Value[0] += int64(r.Count)
	s.Value[1] += int64(r.Count) * b.period
}

// sample is that of a stack, of this worker alone.
func (b *builder) sample(stack []int32) *profile.Sample {
	s := &profile.Sample{Value: make([]int64, 2), Label: b.labels}
	key := binary.AppendUvarint(nil, uint64(b.number))
	for _, number := range stack {
		frame := b.cut.Raw.Frames[number]
		if frame.Function == "runtime.goexit" {
			continue // the root of them all, which runtime/pprof leaves out too
		}
		l := b.location(frame)
		s.Location = append(s.Location, l)
		key = binary.AppendUvarint(key, l.ID)
	}
	if known := b.samples[string(key)]; known != nil {
		return known
	}
	b.samples[string(key)], b.p.Sample = s, append(b.p.Sample, s)
	return s
}

func (b *builder) location(f Frame) *profile.Location {
	fk := functionKey{f.Function, f.File, f.Begins}
	function := b.functions[fk]
	if function == nil {
		function = &profile.Function{ID: uint64(len(b.p.Function) + 1), Name: f.Function, SystemName: f.Function, Filename: f.File, StartLine: int64(f.Begins)}
		b.functions[fk], b.p.Function = function, append(b.p.Function, function)
	}
	lk := locationKey{function, b.mapping, f.PC, f.Line}
	l := b.locations[lk]
	if l == nil {
		l = &profile.Location{ID: uint64(len(b.p.Location) + 1), Mapping: b.mapping, Address: f.PC, Line: []profile.Line{{Function: function, Line: int64(f.Line)}}}
		b.locations[lk], b.p.Location = l, append(b.p.Location, l)
	}
	return l
}
