// Package drivers defines what kbench asks of a Kafka client: the Driver
// interface, the settings it is given and the plan it answers with.
//
// The package imports no client. One adapter per client lives below it
// (franzgo, sarama, kafkago), beside a driver without a broker (loopback), one
// that breaks others on purpose (faulty) and the suite that every driver must
// pass (drivertest).
//
// The harness owns load, clock, the window of outstanding records, the order of
// processing, the link and the truth. A driver translates and decides nothing.
package drivers

import (
	"context"
	"fmt"
	"net"
)

// Driver puts one Kafka client library behind the harness.
type Driver interface {
	// Name is the client's name as its users write it, such as "franz-go".
	Name() string

	// Plan says what each setting becomes in this client, and how truly. It is
	// pure: no connection is made. It answers every key of Keys, once.
	Plan(Settings) []Setting

	// Producer starts a producing client. ack is called exactly once for each
	// Msg given to Send, concurrently across partitions and one at a time, in
	// order, within one. It must not be called after Close has returned.
	Producer(s Settings, env Env, ack func(*Msg, error)) (Producer, error)

	// Consumer starts a consuming member of Settings.Group.ID. Records reach h
	// until Close returns.
	Consumer(s Settings, env Env, h Handler) (Consumer, error)
}

// Versioned is an optional ability of a Driver: the import path of the module
// that is under test, so that its version can be read from the build info.
type Versioned interface {
	Module() string
}

// Brokerless is an optional ability of a Driver that needs no broker and whose
// producer and consumer must therefore live in one process (loopback).
type Brokerless interface {
	Brokerless() bool
}

// Elsewhere is an optional ability of a Driver that speaks for one in another program,
// which has the client at a version of its own. Its Producer and Consumer only fail:
// they run there.
type Elsewhere interface {
	// Command starts that program; a worker is it with one argument more.
	Command() []string
	// Version is that of the client, as the program says of itself: module@version.
	Version() string
}

// Find is the driver of a name in a table, nil where there is none.
func Find(table []Driver, name string) Driver {
	for _, d := range table {
		if d.Name() == name {
			return d
		}
	}
	return nil
}

// IsBrokerless says whether a driver needs no broker.
func IsBrokerless(d Driver) bool {
	b, ok := d.(Brokerless)
	return ok && b.Brokerless()
}

// Within runs f for a driver, a call into a client that knows no context, and
// returns at the latest when ctx ends; f then goes on by itself.
func Within(ctx context.Context, what string, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s did not end in time: %w", what, ctx.Err())
	}
}

// Producer sends records to the partitions that the harness chose.
type Producer interface {
	// Send hands msgs to the client. It may block on the client's own
	// backpressure but never waits for acks, and returns soon after ctx has ended:
	// where the client has not taken all by then, with a *NotTaken. Each Msg is
	// acked once, also when the client refuses it; another error is returned only
	// when the producer as a whole cannot go on, and then no Msg of this call is
	// acked later.
	//
	// The slice belongs to the caller and is reused after Send returns. A Msg
	// belongs to the driver until it is acked; its Key and Value may be reused
	// by the harness only after an ack without error.
	Send(ctx context.Context, msgs []*Msg) error

	// Close ends the client. The harness has waited for every ack before.
	Close(ctx context.Context) error
}

// NotTaken is what Send returns when its context ended before the client took all.
type NotTaken struct {
	// Taken is how many of the Msgs, from the first on, are the client's and are
	// acked as ever. The others never are.
	Taken int
	Err   error // of the context
}

func (e *NotTaken) Error() string {
	return fmt.Sprintf("taken are only the first %d: %v", e.Taken, e.Err)
}
func (e *NotTaken) Unwrap() error { return e.Err }

// Consumer is one member of a group.
type Consumer interface {
	// Mark says that all records of the partition below next are processed. It
	// is cheap enough to call every few hundred records, safe for concurrent
	// use, monotone within an assignment, and ignored for partitions that this
	// member does not own.
	Mark(topic string, partition int32, next int64)

	// Commit commits the marks now and returns when the broker has answered.
	// With CommitMarked the client also does so by itself on its interval.
	Commit(ctx context.Context) error

	// Close leaves gracefully: stops fetching, lets running Records return,
	// commits by policy, and leaves the group unless the member is static. When
	// it returns no Record runs or starts any more.
	Close(ctx context.Context) error
}

// Subscriber is an optional ability of a Consumer: the topics may be changed
// while it runs.
type Subscriber interface {
	Subscribe(ctx context.Context, topics []string) error
}

// Handler receives what a Consumer is given. It is implemented by the harness.
type Handler interface {
	// Open returns where the records of a partition go. It is called once per
	// partition given to this member, before its first record, so that no
	// look-up is needed per record.
	Open(topic string, partition int32) Lane

	// Event reports a change, synchronously: with RevokeWait no Record of a
	// revoked partition runs or starts after Event(Revoked) has returned.
	Event(Event)
}

// Lane takes the records of one partition: in order, one goroutine at a time.
// With LanesMember all Lanes of a Handler are called one at a time.
type Lane interface {
	// Record handles one record. The Rec and the memory it points to are valid
	// until Record returns. It may block: that is the slow handler.
	Record(*Rec)
}

// Msg is one record to be produced. The harness keeps Msgs and reuses them.
//
// It takes two lines of a cache: what a client is given lies in the first, and what
// an ack needs in the second. A line more per record is what a client would seem to
// cost more.
type Msg struct {
	Topic string
	Key   []byte
	Value []byte

	Partition int32 // chosen by the harness; a driver must send it there

	// Slot, the place of the Msg in the window, Seq, Due, Sent and Body are the
	// harness's own, and drivers leave them alone: the sequence number within
	// producer and partition, the intended and the actual time of sending in ns of
	// the host's monotonic clock, and the checksum of a body that stays in it.
	Slot uint32

	// Offset is set by the driver before the ack; -1 where the client was not
	// told (acks none).
	Offset int64

	// Native is the driver's own: whatever it keeps with a Msg from one use to
	// the next, such as the client's record, so that a reused Msg costs no
	// allocation.
	Native any

	Seq  uint64
	Due  int64
	Sent int64
	Body uint32
}

// Rec is one record as delivered. Topic and partition are known from the Lane.
type Rec struct {
	Offset int64
	Key    []byte
	Value  []byte
}

// EventKind says what an Event reports.
type EventKind string

// The kinds of Event.
const (
	Assigned EventKind = "assigned" // Parts were added to this member
	Revoked  EventKind = "revoked"  // Parts are being given back in good order
	Lost     EventKind = "lost"     // Parts are gone; commits for them would fail
	Failed   EventKind = "failed"   // the client reported Err and goes on
)

// Event is a change that the client told its user about.
type Event struct {
	Kind  EventKind
	Parts []TopicPartition
	Err   error // set for Failed
}

// TopicPartition names one partition.
type TopicPartition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
}

// Env is what surrounds a client in one process. Credentials live here and
// never in Settings.
type Env struct {
	// Seeds are the bootstrap addresses, host:port.
	Seeds []string

	// Dial opens a connection whose plaintext side is returned: TLS, the tap
	// and link faults are below it. Every connection of a driver must be opened
	// by it.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)

	// SASL is nil for a cluster without authentication.
	SASL *SASL

	// Log takes a line of the client's own log: level 0 error, 1 warning,
	// 2 info, 3 debug.
	Log func(level int, line string)

	// Fault takes what a client did that no client may, and that no ack, Record or
	// Event can tell of, such as an answer for a record that it was not given. It is
	// counted among the errors of the client. It may be nil.
	Fault func(error)
}

// SASL holds credentials.
type SASL struct {
	Mechanism string // PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512
	User      string
	Password  string
}
