package record

import "github.com/kbench/kbench/drivers"

// Event is one line of events.jsonl. K says which of the fields are set. Times
// are ns of the host's monotonic clock.
type Event struct {
	T int64     `json:"t"`
	K EventKind `json:"k"`

	// Requests and responses, one by one for the group's, sampled for produce
	// and fetch. T of a request is when its last byte was written, of a response
	// when its last byte was read.
	Conn  int    `json:"conn,omitempty"` // number of the connection in this worker
	Node  string `json:"node,omitempty"` // host:port dialled
	API   int16  `json:"api,omitempty"`
	V     int16  `json:"v,omitempty"`
	Corr  int32  `json:"corr,omitempty"`
	Err   int16  `json:"err,omitempty"` // Kafka error code of a response
	Bytes int    `json:"bytes,omitempty"`

	// Group requests.
	Group       string                   `json:"group,omitempty"`
	Member      string                   `json:"member,omitempty"`
	Instance    string                   `json:"instance,omitempty"`
	Generation  int32                    `json:"generation,omitempty"`
	Protocols   []string                 `json:"protocols,omitempty"` // offered, in order
	Protocol    string                   `json:"protocol,omitempty"`  // chosen
	SessionMs   int32                    `json:"session_ms,omitempty"`
	RebalanceMs int32                    `json:"rebalance_ms,omitempty"`
	Parts       []drivers.TopicPartition `json:"parts,omitempty"`
	Offsets     []int64                  `json:"offsets,omitempty"` // of Parts, in an OffsetCommit
	Topics      []string                 `json:"topics,omitempty"`  // that a JoinGroup, or a beat of KIP-848, subscribes to; sorted
	// Reason is why a member joins or leaves, as its client says (KIP-800).
	Reason string `json:"reason,omitempty"`
	// Empty says that a beat of KIP-848, or its response, did have a list of
	// partitions, and none in it. Without one nothing has changed.
	Empty bool `json:"empty,omitempty"`

	// Produce, sampled.
	Acks      *int16  `json:"acks,omitempty"`
	TimeoutMs int32   `json:"timeout_ms,omitempty"`
	Batches   []Batch `json:"batches,omitempty"`

	// Fetch, sampled.
	MaxWaitMs         *int32 `json:"max_wait_ms,omitempty"`
	MinBytes          *int32 `json:"min_bytes,omitempty"`
	MaxBytes          int32  `json:"max_bytes,omitempty"`
	PartitionMaxBytes int32  `json:"partition_max_bytes,omitempty"`
	Isolation         *int8  `json:"isolation,omitempty"`

	// Sums over an interval [From, T): everything that went over the wire.
	From    int64     `json:"from,omitempty"`
	Wire    []WireAPI `json:"wire,omitempty"`
	Opened  int       `json:"opened,omitempty"`  // connections opened in the interval
	Open    int       `json:"open,omitempty"`    // connections open at its end
	Unknown int       `json:"unknown,omitempty"` // frames that could not be read

	// At the end of the interval: connections whose oldest request has waited for its
	// response for a second or more, beyond its long poll, and dials that have not come
	// through for as long. A request that waits for other members is not among them.
	Waiting []Waiting `json:"waiting,omitempty"`
	// Undialled is how many dials failed in the interval.
	Undialled int `json:"undialled,omitempty"`

	// Counts are, of a Metadata response, the topics that have another number of
	// partitions than this worker saw before.
	Counts []TopicCount `json:"counts,omitempty"`

	Phase   string   `json:"phase,omitempty"`
	Error   string   `json:"error,omitempty"`
	Runtime *Runtime `json:"runtime,omitempty"`
	Wall    int64    `json:"wall,omitempty"` // Unix ns, in a clock pair

	// Worst is by how much a thread that only sleeps was woken late, at most, in
	// the interval [From, T), in a canary.
	Worst int64 `json:"worst,omitempty"`
	// Usual is the median of it there, and Late are those of its wake-ups that were
	// late by more than LateAfter. Of a generator, Late are its hand-overs.
	Usual int64  `json:"usual,omitempty"`
	Late  []Late `json:"late,omitempty"`

	// Numbers are those of partitions of which a member handed nothing on, since From.
	// File has the stacks of all goroutines, Trace what the process did before.
	Numbers []int32 `json:"numbers,omitempty"`
	File    string  `json:"file,omitempty"`
	Trace   string  `json:"trace,omitempty"`
	// Blocked has the stacks of a reading once more, with those marked that by the
	// goroutineleak profile nothing can wake any more.
	Blocked string `json:"blocked,omitempty"`

	// Answers are those that a broker gave to the probe in the interval [From, T).
	Answers []Answers `json:"answers,omitempty"`

	// Serving is what a node serves from T on, as the probe was told; it asked at From.
	Serving *Serving `json:"serving,omitempty"`

	// Law is what the link of a worker does from now on, for people. Link is what it did
	// in the interval [From, T).
	Law  string `json:"law,omitempty"`
	Link []Link `json:"link,omitempty"`

	View *GroupView `json:"view,omitempty"`

	// Error is the first of Count such errors, the one of T, that sends were
	// answered with.
	Count int64  `json:"count,omitempty"`
	Tally *Tally `json:"tally,omitempty"`
}

// Tally is the account of a producer when its client is closed, as the generator
// itself counted.
type Tally struct {
	Due        int64 `json:"due"`        // by the schedule
	Sent       int64 `json:"sent"`       // handed over
	Unsent     int64 `json:"unsent"`     // due, and not handed over
	Acked      int64 `json:"acked"`      //
	Failed     int64 `json:"failed"`     // answered with an error
	Unanswered int64 `json:"unanswered"` // not answered at all
	Twice      int64 `json:"twice"`      // answers for records that had one
}

// ServingLate is from when on an answer to what a node serves is kept though it is the same
// as before. What a busy machine makes of the three questions is less.
const ServingLate = int64(100e6)

// Serving is what a node answers for.
type Serving struct {
	Node int32 `json:"node"`
	// Well is when it last answered as it had before: what it served then it served until
	// that at the least. 0: never.
	Well int64 `json:"well,omitempty"`
	// Leads are the partitions that it leads, by number, each with the nodes that are in
	// step as it knows them.
	Leads map[int32][]int32 `json:"leads,omitempty"`
	Group bool              `json:"group,omitempty"` // it coordinates the group
	Error string            `json:"error,omitempty"` // why it did not answer: then it serves nothing
}

// EventKind is the kind of an Event.
type EventKind string

// The kinds of Event.
const (
	EvRequest  EventKind = "req"     // a group request
	EvResponse EventKind = "resp"    // its response
	EvProduce  EventKind = "produce" // a sampled Produce request
	EvFetch    EventKind = "fetch"   // a sampled Fetch request
	EvWire     EventKind = "wire"    // sums over an interval
	EvTopics   EventKind = "topics"  // a Metadata response had another number of partitions than those before
	EvHangup   EventKind = "hangup"  // a connection was ended, and not by the client
	EvAssigned EventKind = "assigned"
	EvRevoked  EventKind = "revoked"
	EvLost     EventKind = "lost"
	EvError    EventKind = "error" // the client or the harness reported one
	EvPhase    EventKind = "phase" // a phase of the trial began, with a Runtime
	EvRuntime  EventKind = "runtime"
	EvClock    EventKind = "clock"   // T and Wall were read together
	EvCanary   EventKind = "canary"  // how late the machine woke a thread that only sleeps
	EvBehind   EventKind = "behind"  // the records that the generator itself was late with, or a reference producer, of each second the latest
	EvProbe    EventKind = "probe"   // how a node answered to the probe
	EvServing  EventKind = "serving" // what a node serves, where that is another than before
	EvGroup    EventKind = "group"   // the coordinator's own view, by the observer
	EvFailed   EventKind = "failed"  // sends were answered with an error
	EvTally    EventKind = "tally"   // a producer has closed its account
	EvStuck    EventKind = "stuck"   // something has not happened since From; Phase: what
	EvUnstuck  EventKind = "unstuck" // what was stuck at From has happened
	EvReading  EventKind = "reading" // what the process holds at a moment, called Phase: Runtime, Open, and in File the stacks of its goroutines
	EvLaw      EventKind = "law"     // from now on the link of the worker does something else
	EvLink     EventKind = "link"    // what the link did to connections and dials
)

// TopicCount is how many partitions a topic has, by its name or its id.
type TopicCount struct {
	Topic      string `json:"topic"`
	Partitions int    `json:"n"`
}

// Waiting is a connection on which nothing has come back for a while.
type Waiting struct {
	Conn int    `json:"conn,omitempty"` // 0: of a dial
	Node string `json:"node"`           // host:port dialled
	API  int16  `json:"api"`            // of the oldest request
	From int64  `json:"from"`           // when it was sent, a fetch when its long poll was over at the latest
}

// Batch is a record batch in a sampled Produce request.
type Batch struct {
	Topic     string `json:"topic,omitempty"`
	Partition int32  `json:"p"`
	Records   int32  `json:"records"`
	Bytes     int32  `json:"bytes"`
	Codec     string `json:"codec"`
}

// WireAPI sums the requests of one API key.
type WireAPI struct {
	API       int16 `json:"api"`
	Requests  int64 `json:"requests"`
	ReqBytes  int64 `json:"req_bytes"`
	Responses int64 `json:"responses"`
	RespBytes int64 `json:"resp_bytes"`

	// Longest is, of produce and fetch, the longest that a client waited in Read for a
	// response in the interval; nil where it never did.
	Longest *Wait `json:"longest,omitempty"`

	// Batched is, of produce, what the requests held, each of them; nil where it was not
	// counted.
	Batched *Batched `json:"batched,omitempty"`
}

// Batched is how many batches went over the wire, with how many records in them.
type Batched struct {
	Batches int64 `json:"batches"`
	Records int64 `json:"records"`
}

// Add adds what other requests held.
func (b *Batched) Add(more Batched) {
	b.Batches += more.Batches
	b.Records += more.Records
}

// Since is what came after a reading; nil before the first stands for nothing.
func (b *Batched) Since(was *Batched) *Batched {
	if b == nil || was == nil {
		return b
	}
	return &Batched{b.Batches - was.Batches, b.Records - was.Records}
}

// Wait is the time in which a client that was ready to read waited for the response
// to a request: from when it was sent and the client was in Read, that of a fetch from
// when its long poll was over at the latest, until the first byte came.
type Wait struct {
	Node string `json:"node"` // host:port dialled
	From int64  `json:"from"`
	T    int64  `json:"t"`
}

// Runtime is a sample of the process. Counters are since its start.
type Runtime struct {
	CPUUser    int64 `json:"cpu_user"` // ns
	CPUSys     int64 `json:"cpu_sys"`  // ns
	Allocs     int64 `json:"allocs"`
	AllocBytes int64 `json:"alloc_bytes"`
	HeapLive   int64 `json:"heap_live"` // bytes marked live by the last GC
	GCs        int64 `json:"gcs"`
	GCPause    int64 `json:"gc_pause"` // ns, all stop-the-world pauses of the GC
	RSS        int64 `json:"rss"`
	RSSPeak    int64 `json:"rss_peak"`
	Goroutines int64 `json:"goroutines"`
	// Own is what the harness's own threads used, without the client's work on
	// them, ns. 0: it has none that would tell its whole part.
	Own     int64 `json:"own_cpu,omitempty"`
	Ballast int64 `json:"ballast,omitempty"` // of HeapLive: the harness's, before there was a client
	Outside int64 `json:"outside,omitempty"` // of RSS: the harness's outside of the heap
}

// GroupView is the group as its coordinator told it at a moment between From
// and T of the event.
type GroupView struct {
	State   string          `json:"state"`
	Members []GroupMember   `json:"members"`
	Commits map[int32]int64 `json:"commits,omitempty"` // committed offset by partition
	Ends    map[int32]int64 `json:"ends,omitempty"`    // end offset by partition; lag is the difference
}

// GroupMember is one member in a GroupView. Worker is the process behind it, as
// its client id tells.
type GroupMember struct {
	ID       string  `json:"id"`
	Worker   string  `json:"worker,omitempty"`
	Client   string  `json:"client,omitempty"` // the client id of one that is no worker's
	Instance string  `json:"instance,omitempty"`
	Parts    []int32 `json:"parts"`
}
