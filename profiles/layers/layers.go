// Package layers says which layer of a client the samples of a profile belong to:
// encoding, batching, the group, the scheduler, the collector. Clients share no
// names of functions, so that frames of two of them cannot be compared; what they
// spend in each layer can.
//
//	rules   the one reviewed table: frame -> layer
//	frame   a function of a profile, taken apart
//	layers  stack -> layer
//	ledger  profile -> how much of it is in each layer
//
// It is pure: it reads a parsed profile and knows no run, no records and no units
// beyond those of the profile.
package layers

import (
	"cmp"
	"iter"
	"slices"
)

// Layer is what a sample is booked to.
type Layer string

// The layers, in the order in which they are shown: what a client is for first, then
// what that takes, then what is not the client.
const (
	Encode    Layer = "encode"    // records and requests, to and from bytes
	Batch     Layer = "batch"     // buffering, partitioning, fetching, handing over
	Group     Layer = "group"     // membership, assignment, commits
	Client    Layer = "client"    // the rest of the client
	Compress  Layer = "compress"  // codecs
	CRC       Layer = "crc"       // checksums of batches
	TLS       Layer = "tls"       // everything in crypto
	Syscall   Layer = "syscall"   // reading and writing sockets, in the kernel mostly
	Locks     Layer = "locks"     // package sync and what of the runtime is below it
	Scheduler Layer = "scheduler" // channels, timers, goroutines, the network poller
	GC        Layer = "gc"        // the garbage collector, with write barriers and assists
	Alloc     Layer = "alloc"     // the allocator
	Clock     Layer = "clock"     // reading the time, where the stack is cut off in the vdso
	Harness   Layer = "harness"   // kbench itself
	Profiler  Layer = "profiler"  // taking the profile
	Unmatched Layer = "unmatched" // no rule knows a frame of the stack
)

// Layers returns every layer, in the order in which they are shown.
func Layers() []Layer {
	return []Layer{Encode, Batch, Group, Client, Compress, CRC, TLS, Syscall, Locks, Scheduler, GC, Alloc, Clock, Harness, Profiler, Unmatched}
}

// Names are those of all layers.
func Names() []string {
	var out []string
	for _, l := range Layers() {
		out = append(out, string(l))
	}
	return out
}

// Of is the layer of a stack of functions, the leaf first. A few functions of the
// harness and of the profiler call nobody else: with one of them anywhere in the stack
// the sample is theirs, system calls and garbage included. Else it walks towards the
// root, and the first frame that a rule names decides, with three exceptions:
//
//   - A frame that is only known to be the client's keeps climbing: who called it may
//     tell that it was for a batch, for the group or for encoding. The harness ends the
//     climb, since what it calls is the client's work.
//   - A frame of a library that no rule names counts for the client that called it.
//     Called by the harness it may be a client that the table has never heard of, and
//     is unmatched.
//   - Where no frame decides, what the runtime was doing at the leaf may.
//
// Frames of the standard library that no rule names count for whoever called them.
func Of(stack []string) Layer {
	var c classifier
	return c.of(slices.Values(stack))
}

// OfFunction is the layer that a function decides wherever it stands, "" where its
// callers do.
func OfFunction(name string) Layer {
	var c classifier
	return cmp.Or(c.look(name).owner, c.look(name).layer)
}

// classifier remembers what it has looked up: a profile has few functions and many
// samples. The zero value is ready.
type classifier struct{ seen map[string]verdict }

// of is Of.
func (c *classifier) of(stack iter.Seq[string]) Layer {
	for name := range stack {
		if owner := c.look(name).owner; owner != "" {
			return owner
		}
	}
	weak, leaf := Layer(""), Layer("")
	stranger, first := false, true
	for name := range stack {
		v := c.look(name)
		if first {
			leaf, first = v.leaf, false
		}
		switch {
		case v.layer == "":
			stranger = stranger || v.stranger
		case v.layer == Client:
			weak = Client
		case v.layer == Harness && weak != "":
			return weak
		case v.layer == Harness && stranger:
			return Unmatched
		case weak == "" || v.layer == Group || v.layer == Batch || v.layer == Encode:
			return v.layer
		}
	}
	switch {
	case weak != "":
		return weak
	case leaf != "" && !stranger:
		return leaf
	}
	return Unmatched
}

// verdict is what the tables say of one function.
type verdict struct {
	owner    Layer // "": it calls others
	layer    Layer // "": no rule names it
	leaf     Layer // what it is where it is the leaf and nothing above it decides
	stranger bool  // no rule names it, and it is not of the standard library either
}

func (c *classifier) look(name string) verdict {
	if v, ok := c.seen[name]; ok {
		return v
	}
	f := parse(name)
	v := verdict{owner: lookup(owners, f), layer: lookup(rules, f), leaf: lookup(leaves, f)}
	v.stranger = v.layer == "" && !f.standard()
	if c.seen == nil {
		c.seen = map[string]verdict{}
	}
	c.seen[name] = v
	return v
}
