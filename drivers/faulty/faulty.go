// Package faulty breaks any driver in one way, so that each check of the harness
// is seen to bite. It is for tests and for the known-answer run of the
// instrument, and never part of a measurement.
//
// It is one decorator: a fault acts on the Msgs on their way to the client, on
// the records on their way to the handler, on marks, on Close, or on the settings.
// What a fault does not touch goes through as it is. Which record is hit is
// counted, not drawn, so that a run can be repeated.
package faulty

import (
	"fmt"
	"slices"
	"time"

	"github.com/kbench/kbench/drivers"
)

// Kind is a way to be broken.
type Kind string

// The kinds of fault.
const (
	Drop       Kind = "drop"        // a record is not delivered
	Duplicate  Kind = "duplicate"   // a record is delivered twice
	Reorder    Kind = "reorder"     // two neighbours of a partition are swapped
	Corrupt    Kind = "corrupt"     // a byte of a delivered value is another one
	Swallow    Kind = "swallow"     // a record is acked and never sent
	EarlyAck   Kind = "early-ack"   // every record is acked before it is sent
	AckTwice   Kind = "ack-twice"   // a record is acked, and acked again
	Zombie     Kind = "zombie"      // a partition that was given up is delivered once more
	Regress    Kind = "regress"     // the mark before the last one is committed
	Overcommit Kind = "overcommit"  // one record more than was marked is committed
	Stuck      Kind = "stuck"       // a lane stops for good
	Hang       Kind = "hang"        // Close does not return
	Lie        Kind = "lie"         // the plan tells of settings that the client is not given
	Rewind     Kind = "rewind"      // one commit is lower on the wire than the one before; the next ones are right again
	Stall      Kind = "stall"       // one record of a lane is delivered late; not an error, but a known answer
	Burn       Kind = "burn"        // before one record the process burns all the CPU that it can get; the same
	Litter     Kind = "litter"      // before one record it collects garbage for as long; the same
	BurnRevoke Kind = "burn-revoke" // it burns CPU whenever partitions are taken from it; the same
	BurnRecord Kind = "burn-record" // every record costs CPU, which the log adds up; the same
	Leak       Kind = "leak"        // Close of a consumer leaves a goroutine and a connection behind, which a process sees that lives on
	Block      Kind = "block"       // from one record on Send takes none, and waits for its context; the same
	Serve      Kind = "serve"       // records are delivered no faster than one in so long, by all members of a process together; the same
)

// Fault is one way in which to break a driver.
type Fault struct {
	Kind Kind

	// Nth says which record is hit: of each lane or, for Swallow and AckTwice, of each
	// producer, every n-th; for Stuck, Stall, Burn and Litter the n-th alone, for Block the
	// n-th of a producer and all after it. For Rewind it is
	// the n-th commit, which has no effect where it is the first. BurnRecord burns for so
	// many records at a time.
	Nth int

	// For is how long a Stall, Burn, BurnRevoke or Litter takes, a BurnRecord or Serve for
	// each record, and how long after a revoke a Zombie
	// delivers: with 0 it does so before anybody else can have the partition,
	// and after Close too. Where the client tells of no revokes, it is how long a
	// partition must have had no record to be taken for given up; with 0 only
	// Close makes a Zombie then.
	For time.Duration
}

// String is the kind and, where they are not those of Faults, the numbers, such
// as stall:100:1s. Two faults that differ have names that do.
func (f Fault) String() string {
	if slices.Contains(Faults(), f) {
		return string(f.Kind)
	}
	return fmt.Sprintf("%s:%d:%s", f.Kind, f.Nth, f.For)
}

// Faults returns one fault of each kind that a user of the driver can notice,
// which is every kind but Stall, Burn, BurnRevoke, BurnRecord, Litter, Block, Serve, Rewind and Leak: the last
// two are seen on the wire, or in a process that closes clients again and again, alone, the others are
// no errors.
func Faults() []Fault {
	return []Fault{
		{Kind: Drop, Nth: 7}, {Kind: Duplicate, Nth: 7}, {Kind: Reorder, Nth: 7}, {Kind: Corrupt, Nth: 7},
		{Kind: Swallow, Nth: 7}, {Kind: EarlyAck}, {Kind: AckTwice, Nth: 7}, {Kind: Zombie}, {Kind: Regress}, {Kind: Overcommit},
		{Kind: Stuck, Nth: 7}, {Kind: Hang}, {Kind: Lie},
	}
}

// Wrap returns d with a fault.
func Wrap(d drivers.Driver, f Fault) drivers.Driver {
	name := d.Name() + "+" + f.String()
	f.Nth = max(1, f.Nth)
	return &driver{Driver: d, name: name, fault: f}
}

type driver struct {
	drivers.Driver
	name  string
	fault Fault
	gate  turnstile // for Serve
}

var (
	_ drivers.Brokerless = (*driver)(nil)
	_ drivers.Versioned  = (*driver)(nil)
)

// Name tells what was done to the driver, so that no result of it can be taken
// for one of the client.
func (d *driver) Name() string { return d.name }

// Unwrap returns the driver without the fault.
func (d *driver) Unwrap() drivers.Driver { return d.Driver }

// Brokerless implements drivers.Brokerless.
func (d *driver) Brokerless() bool { return drivers.IsBrokerless(d.Driver) }

// Module implements drivers.Versioned; it is empty where the driver has none.
func (d *driver) Module() string {
	if v, ok := d.Driver.(drivers.Versioned); ok {
		return v.Module()
	}
	return ""
}

// Producer implements drivers.Driver.
func (d *driver) Producer(s drivers.Settings, env drivers.Env, ack func(*drivers.Msg, error)) (drivers.Producer, error) {
	if d.fault.Kind == Lie {
		s = lie(s)
	}
	p := &producer{fault: d.fault, ack: ack, gate: &d.gate, next: make(map[drivers.TopicPartition]int64)}
	toClient := ack
	switch d.fault.Kind {
	case EarlyAck:
		toClient = func(*drivers.Msg, error) { p.late.Done() }
	case AckTwice:
		toClient = p.ackTwice
	}
	inner, err := d.Driver.Producer(s, env, toClient)
	if err != nil {
		return nil, err
	}
	p.Producer = inner
	return p, nil
}

// Consumer implements drivers.Driver.
func (d *driver) Consumer(s drivers.Settings, env drivers.Env, h drivers.Handler) (drivers.Consumer, error) {
	if d.fault.Kind == Lie {
		s = lie(s)
	}
	if d.fault.Kind == Rewind && env.Dial != nil {
		env.Dial = (&rewind{nth: d.fault.Nth, last: make(map[drivers.TopicPartition]int64)}).through(env.Dial)
	}
	wrapped := &handler{Handler: h, fault: d.fault, gate: &d.gate, log: env.Log, lanes: make(map[drivers.TopicPartition]*lane), closing: make(chan struct{})}
	wrapped.silent = slices.ContainsFunc(d.Plan(s), func(p drivers.Setting) bool {
		return p.Key == drivers.KeyEvents && p.Fidelity == drivers.Unsupported
	})
	inner, err := d.Driver.Consumer(s, env, wrapped)
	if err != nil {
		return nil, err
	}
	c := &consumer{Consumer: inner, fault: d.fault, env: env, h: wrapped, marks: make(map[drivers.TopicPartition]int64)}
	if sub, ok := inner.(drivers.Subscriber); ok {
		return &subscriber{consumer: c, Subscriber: sub}, nil
	}
	return c, nil
}

// lie returns settings that differ from those wanted in what can be seen on the
// wire, and in nothing that would make the client fail.
func lie(s drivers.Settings) drivers.Settings {
	if s.Produce.Acks == drivers.AcksAll {
		s.Produce.Acks = drivers.AcksLeader
	} else {
		s.Produce.Acks = drivers.AcksAll
	}
	s.Consume.FetchWait += 100 * time.Millisecond
	return s
}
