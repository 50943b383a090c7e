package drivers

import "time"

// Settings is what the harness wants of a client. The key of a field is the path of
// the field of a workload document that it is filled from, and a blank field has the
// words for what is asked of every client alike. Each key is a line of a Plan, in the
// order in which they stand here. Names of topics and groups are made by the harness
// and are not settings.
type Settings struct {
	// Mode is the lane (DESIGN 1) in which the settings are to be read.
	Mode Mode

	Produce ProduceSettings
	Consume ConsumeSettings
	Group   GroupSettings

	// MetadataRefresh is how often the client asks for metadata unasked.
	MetadataRefresh time.Duration `key:"metadata.refresh"`

	_ struct{} `key:"connections" want:"reported"` // to one broker
	_ struct{} `key:"sasl" want:"PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"`
	_ struct{} `key:"transactions" want:"not used"`
	_ struct{} `key:"telemetry" want:"off"` // KIP-714

	// ClientID is sent in every request header.
	ClientID string
	// Topics are consumed by a consumer and may be produced to by a producer.
	Topics []string
	// GroupID and InstanceID name the group, and the member where it is static.
	GroupID    string
	InstanceID string
	// RecordBytes is the length of key plus value where it is the same for
	// every record, else the mean. Drivers use it to turn a number of records
	// per batch into the client's own limit.
	RecordBytes int
	// KeyBytes is the part of RecordBytes that is the key.
	KeyBytes int
	// RecordMax is the length of the largest key plus value where lengths vary;
	// 0: every record is RecordBytes long. No limit may refuse such a record.
	RecordMax int
}

// Mode is how settings are chosen.
type Mode string

// The modes. Matched: equal on the wire. Best: matched, but for the acks,
// idempotence and requests in flight of the producer, which are the safest fast
// ones as the client's maintainers document them. Stock: the client's defaults,
// but for what the harness cannot do without (addresses, explicit partitions,
// group and topic).
const (
	Matched Mode = "matched"
	Best    Mode = "best"
	Stock   Mode = "stock"
)

// ProduceSettings are the settings of a producing client.
type ProduceSettings struct {
	Acks         Acks          `key:"produce.acks"`
	Idempotent   bool          `key:"produce.idempotent"`
	InFlight     int           `key:"produce.inflight"` // requests in flight per partition
	Linger       time.Duration `key:"produce.linger"`
	BatchRecords int           `key:"produce.batch.records"` // most records in a batch; 0: limited by BatchBytes alone
	BatchBytes   int           `key:"produce.batch.bytes"`   // most bytes in a batch before compression
	Codec        string        `key:"produce.codec"`
	Level        int           `key:"produce.level"` // of the codec; 0: the client's default
	AckTimeout   time.Duration `key:"produce.ack_timeout"`
	Retries      int           `key:"produce.retries"`
	RetryBackoff time.Duration `key:"produce.retry_backoff"`
	// Window is how many records the harness lets be outstanding. A driver sets
	// its client's own limits above it.
	Window int `key:"produce.window"`
	// Chunk is how many Msgs the harness hands to one Send.
	Chunk int `key:"produce.chunk"`

	_ struct{} `key:"produce.partition" want:"chosen by the harness"` // explicit, per record
}

// Acks is how many replicas must have a record before the broker answers.
type Acks string

// The values of Acks.
const (
	AcksAll    Acks = "all"
	AcksLeader Acks = "leader"
	AcksNone   Acks = "none"
)

// ConsumeSettings are the settings of a consuming client.
type ConsumeSettings struct {
	Start             string        `key:"consume.start"`               // earliest or latest, where the group has no offset
	FetchMin          int           `key:"consume.fetch.min"`           // bytes
	FetchMax          int           `key:"consume.fetch.max"`           // bytes in one response
	FetchMaxPartition int           `key:"consume.fetch.max_partition"` // bytes of one partition in one response
	FetchWait         time.Duration `key:"consume.fetch.wait"`
	Isolation         string        `key:"consume.isolation"` // read_uncommitted or read_committed
	CommitMode        CommitMode    `key:"consume.commit.mode"`
	CommitEvery       time.Duration `key:"consume.commit.every"`
	CommitOnRevoke    bool          `key:"consume.commit.on_revoke"` // commit marks before partitions are given up
	Lanes             string        `key:"consume.handler.lanes"`    // LanesMember or LanesPartition
	Revoke            string        `key:"consume.handler.revoke"`   // RevokeWait or RevokeFree

	_ struct{} `key:"consume.events" want:"assigned, revoked, lost"`
	_ struct{} `key:"consume.crc" want:"checked"`       // of record batches
	_ struct{} `key:"consume.prefetch" want:"reported"` // what is buffered ahead of the handler
}

// CommitMode says who commits and when.
type CommitMode string

// The commit modes. Auto: the client commits by itself, on the interval, what
// it delivered, as it does when its user does not think about it. Marked: the
// client commits the harness's marks on the interval. Sync: the harness calls
// Commit; nothing is committed by itself. None: nothing is ever committed.
const (
	CommitAuto   CommitMode = "auto"
	CommitMarked CommitMode = "marked"
	CommitSync   CommitMode = "sync"
	CommitNone   CommitMode = "none"
)

// Handler lanes and revoke modes; see Handler and Lane.
const (
	LanesMember    = "member"
	LanesPartition = "partition"
	RevokeWait     = "wait"
	RevokeFree     = "free"
)

// GroupSettings are the settings of group membership.
type GroupSettings struct {
	Protocol      string        `key:"group.protocol"`  // classic or consumer (KIP-848)
	Assignors     []string      `key:"group.assignors"` // range, roundrobin, sticky, cooperative-sticky; uniform and range under KIP-848
	Session       time.Duration `key:"group.session"`
	Heartbeat     time.Duration `key:"group.heartbeat"`
	Rebalance     time.Duration `key:"group.rebalance"`
	RejoinBackoff time.Duration `key:"group.rejoin_backoff"`
	Static        bool          `key:"group.static"`

	_ struct{} `key:"group.subscribe" want:"while running"` // topics may be changed
}

// Names of the keys, for drivers and whoever asks for one of them.
const (
	KeyAcks         = "produce.acks"
	KeyIdempotent   = "produce.idempotent"
	KeyInFlight     = "produce.inflight"
	KeyLinger       = "produce.linger"
	KeyBatchRecords = "produce.batch.records"
	KeyBatchBytes   = "produce.batch.bytes"
	KeyCodec        = "produce.codec"
	KeyLevel        = "produce.level"
	KeyAckTimeout   = "produce.ack_timeout"
	KeyRetries      = "produce.retries"
	KeyRetryBackoff = "produce.retry_backoff"
	KeyWindow       = "produce.window"
	KeyChunk        = "produce.chunk"
	KeyPartition    = "produce.partition"

	KeyStart             = "consume.start"
	KeyFetchMin          = "consume.fetch.min"
	KeyFetchMax          = "consume.fetch.max"
	KeyFetchMaxPartition = "consume.fetch.max_partition"
	KeyFetchWait         = "consume.fetch.wait"
	KeyIsolation         = "consume.isolation"
	KeyCommitMode        = "consume.commit.mode"
	KeyCommitEvery       = "consume.commit.every"
	KeyCommitOnRevoke    = "consume.commit.on_revoke"
	KeyLanes             = "consume.handler.lanes"
	KeyRevoke            = "consume.handler.revoke"
	KeyEvents            = "consume.events"
	KeyCRC               = "consume.crc"
	KeyPrefetch          = "consume.prefetch"

	KeyProtocol      = "group.protocol"
	KeyAssignors     = "group.assignors"
	KeySession       = "group.session"
	KeyHeartbeat     = "group.heartbeat"
	KeyRebalance     = "group.rebalance"
	KeyRejoinBackoff = "group.rejoin_backoff"
	KeyStatic        = "group.static"
	KeySubscribe     = "group.subscribe"

	KeyMetadataRefresh = "metadata.refresh"
	KeyConnections     = "connections"
	KeySASL            = "sasl"
	KeyTransactions    = "transactions"
	KeyTelemetry       = "telemetry"
)

// Fidelity says how truly a client can do what is wanted.
type Fidelity string

// The fidelities.
const (
	Exact       Fidelity = "exact"
	Approx      Fidelity = "approx"      // Why says how far off
	Unsupported Fidelity = "unsupported" // Why says what the client does instead
)

// Setting is one line of a Plan.
type Setting struct {
	Key  string `json:"key"`
	Want string `json:"want"` // what the workload asks for
	// Own is what is in force in its place where the lane leaves that to the
	// client (stock) or chooses it (best), in the words of a workload.
	Own    string `json:"own,omitempty"`
	Native string `json:"native"` // what the driver sets in its client
	// Claim is the value that the tap must see on the wire, in the form that the
	// wire has it: a number of ms or bytes, a codec's or assignor's name. Empty:
	// the wire does not carry it. Claims are made for KeyAcks (-1, 1, 0),
	// KeyAckTimeout, KeyCodec, KeyBatchRecords (the most records that a batch can
	// hold), KeyFetchWait, KeyFetchMin, KeyFetchMax, KeyFetchMaxPartition,
	// KeyIsolation (0, 1), KeySession, KeyRebalance, KeyHeartbeat,
	// KeyAssignors (joined by commas, in order), KeyStatic (true, false) and
	// KeyProtocol (classic, consumer).
	Claim    string   `json:"claim,omitempty"`
	Why      string   `json:"why,omitempty"`
	Fidelity Fidelity `json:"fidelity"`
}
