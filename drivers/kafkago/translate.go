package kafkago

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/compress"

	"github.com/kbench/kbench/drivers"
)

// target is what settings are applied to: the two halves of the client.
type target struct {
	writer    *kafka.Writer
	transport *kafka.Transport
	reader    *kafka.ReaderConfig
}

// setting is one setting in this client: what Plan says of it and what makes it
// true.
type setting = drivers.Translated[target]

func exact(native, claim string, apply func(target)) setting {
	return setting{Setting: drivers.Exactly(native, claim), Apply: apply}
}

func approx(native, claim, why string, apply func(target)) setting {
	return setting{Setting: drivers.Nearly(native, claim, why), Apply: apply}
}

func lacks(native, why string) setting {
	return setting{Setting: drivers.Lacks(native, why)}
}

func refuse(why string) setting {
	return setting{Setting: drivers.Lacks("", why), Refused: true}
}

// laneDepth is how many records may wait in the lane of one partition.
const laneDepth = 100

// noLinger is the shortest time that the client takes for one: zero means its
// default of a second.
const noLinger = time.Microsecond

// translate says what every setting becomes. Best asks for all acks, the most
// that this client can promise; stock leaves out every field that the harness
// can do without.
func translate(s drivers.Settings) drivers.Translation[target] {
	asked := s.Produce.Idempotent
	s = chosen(s)
	rows := map[string]setting{
		drivers.KeyWindow: exact("an asynchronous Writer has no limit", "", nil),
		drivers.KeyChunk:  exact("one WriteMessages per chunk", "", nil),
		drivers.KeyPartition: exact("BalancerFunc reading "+carriedBy, "", func(t target) {
			t.writer.Balancer = kafka.BalancerFunc(func(m kafka.Message, _ ...int) int {
				return int(carried(&m).Partition)
			})
		}),
		drivers.KeyInFlight: approx("1 per partition", "", "not settable; connections to a broker grow with its partitions", nil),
		drivers.KeyEvents:   lacks("", "the Reader tells nobody of a rebalance; the wire does"),
		drivers.KeyCRC:      lacks("never checked", "the Reader drops the checksum unread"),
		drivers.KeyPrefetch: lacks("QueueCapacity 100", "100 records per member, and the batch in hand of each partition"),
		drivers.KeyCommitOnRevoke: lacks("flushed at the end of a generation",
			"what is marked is sent at the end of a generation, without waiting for the handler"),
		drivers.KeyRevoke:       lacks("", "a rebalance does not wait for the handler; it goes on as with revoke free"),
		drivers.KeySubscribe:    lacks("", "the topics of a Reader are fixed"),
		drivers.KeyConnections:  lacks("about one per partition", "the Reader has one per partition and one for the group, the Writer one per request in flight"),
		drivers.KeySASL:         exact("sasl/plain, sasl/scram", "", nil),
		drivers.KeyTransactions: exact("the Writer has none", "", nil),
		drivers.KeyTelemetry:    exact("the client has none", "", nil),
	}
	switch {
	case s.Produce.Idempotent:
		rows[drivers.KeyIdempotent] = refuse("the Writer has no producer id, so a retry may write twice")
	case asked:
		rows[drivers.KeyIdempotent] = lacks("none", "the Writer has no producer id, so a retry may write twice: at least once")
	default:
		rows[drivers.KeyIdempotent] = exact("none", "", nil)
	}
	produceRows(s, rows)
	consumeRows(s, rows)
	groupRows(s, rows)
	if s.Mode == drivers.Stock {
		stockRows(s, rows)
	}
	return rows
}

// chosen are the settings with what the lane best has in place of the workload's.
func chosen(s drivers.Settings) drivers.Settings {
	if s.Mode == drivers.Best {
		s.Produce.Acks, s.Produce.Idempotent = drivers.AcksAll, false
	}
	return s
}

func produceRows(s drivers.Settings, rows map[string]setting) {
	p := s.Produce
	acks := func(name, claim string, v kafka.RequiredAcks) setting {
		return exact("RequiredAcks="+name, claim, func(t target) { t.writer.RequiredAcks = v })
	}
	switch p.Acks {
	case drivers.AcksAll:
		rows[drivers.KeyAcks] = acks("RequireAll", "-1", kafka.RequireAll)
	case drivers.AcksLeader:
		rows[drivers.KeyAcks] = acks("RequireOne", "1", kafka.RequireOne)
	case drivers.AcksNone:
		rows[drivers.KeyAcks] = acks("RequireNone", "0", kafka.RequireNone)
	default:
		rows[drivers.KeyAcks] = refuse("acks are all, leader or none")
	}

	if p.Linger == 0 {
		rows[drivers.KeyLinger] = approx("BatchTimeout="+noLinger.String(), "", "zero means a second to the client; this is the shortest that does not",
			func(t target) { t.writer.BatchTimeout = noLinger })
	} else {
		rows[drivers.KeyLinger] = approx("BatchTimeout="+p.Linger.String(), "", "timed per batch of a partition",
			func(t target) { t.writer.BatchTimeout = p.Linger })
	}
	batchRows(s, rows)
	codecRows(s, rows)

	// The client sends half of what is left of the timeout, in whole
	// milliseconds: the odd one makes up for what passes until then.
	write := 2*p.AckTimeout + time.Millisecond
	rows[drivers.KeyAckTimeout] = approx("WriteTimeout="+write.String(), drivers.Millis(p.AckTimeout),
		"what is left of it when the request is written: a little less after a delay", func(t target) { t.writer.WriteTimeout = write })
	rows[drivers.KeyRetries] = exact(fmt.Sprintf("MaxAttempts=%d", p.Retries+1), "",
		func(t target) { t.writer.MaxAttempts = p.Retries + 1 })
	backoff := max(p.RetryBackoff, time.Millisecond)
	row := retryBackoff(backoff)
	if backoff != p.RetryBackoff && row.Fidelity == drivers.Exact {
		row.Setting = drivers.Nearly(row.Native, "", "zero means the default to the client")
	}
	rows[drivers.KeyRetryBackoff] = row
}

// batchRows limits the records of a batch. The client allocates all of a batch
// when it begins one, so the limit is never above what the harness lets be
// outstanding, which no batch can exceed anyhow.
func batchRows(s drivers.Settings, rows map[string]setting) {
	n := s.BatchLimit()
	if s.Produce.Window > 0 {
		n = min(n, s.Produce.Window)
	}
	// What the client counts to a record beside key and value is well below
	// this, so the bytes never end a batch before the records do.
	const perRecord = 64
	bytes := int64(n) * int64(s.RecordBytes+perRecord)
	why, whyBytes := "", "counted in the client's own way, so it is set out of reach and the number of records limits"
	if s.Varies() {
		bytes = int64(max(s.Produce.BatchBytes, s.RecordMax+perRecord))
		why = "records differ in length, so the bytes may end a batch first"
		whyBytes = "counted without the header of the batch, and with 22 bytes per record"
	}
	if n < s.BatchLimit() {
		why = "the window holds no more"
	}
	native := fmt.Sprintf("BatchSize=%d", n)
	set := func(t target) { t.writer.BatchSize = n }
	if why == "" {
		rows[drivers.KeyBatchRecords] = exact(native, strconv.Itoa(n), set)
	} else {
		rows[drivers.KeyBatchRecords] = approx(native, strconv.Itoa(n), why, set)
	}
	rows[drivers.KeyBatchBytes] = approx(fmt.Sprintf("BatchBytes=%d", bytes), "", whyBytes,
		func(t target) { t.writer.BatchBytes = bytes })
}

func codecRows(s drivers.Settings, rows map[string]setting) {
	name, level := s.CodecName(), s.Produce.Level
	codecs := map[string]kafka.Compression{
		"none": 0, "gzip": kafka.Gzip, "snappy": kafka.Snappy, "lz4": kafka.Lz4, "zstd": kafka.Zstd,
	}
	codec, ok := codecs[name]
	if !ok {
		rows[drivers.KeyCodec] = refuse("codecs are none, gzip, snappy, lz4 and zstd")
		rows[drivers.KeyLevel] = lacks("", "see "+drivers.KeyCodec)
		return
	}
	rows[drivers.KeyCodec] = exact("Compression="+name, name, func(t target) { t.writer.Compression = codec })
	// The client keeps its codecs in package variables, where 0 is its default.
	// There is one client in a process, so its own level may stand there; it is
	// written once, as its producers may be many.
	keep := func(at *int) func(target) {
		return func(target) {
			if *at != level {
				*at = level
			}
		}
	}
	switch {
	case level == 0 && name == "gzip":
		rows[drivers.KeyLevel] = exact("default", "", keep(&compress.GzipCodec.Level))
	case level == 0 && name == "zstd":
		rows[drivers.KeyLevel] = exact("default", "", keep(&compress.ZstdCodec.Level))
	case level == 0:
		rows[drivers.KeyLevel] = exact("default", "", nil)
	case name == "gzip":
		rows[drivers.KeyLevel] = exact(fmt.Sprintf("compress.GzipCodec.Level=%d", level), "", keep(&compress.GzipCodec.Level))
	case name == "zstd":
		rows[drivers.KeyLevel] = approx(fmt.Sprintf("compress.ZstdCodec.Level=%d", level), "", "the encoder has 4 levels", keep(&compress.ZstdCodec.Level))
	default:
		rows[drivers.KeyLevel] = lacks("", "no level can be set for "+name)
	}
}

// fetchOverhead is what the client adds to the bytes it asks for: the length of
// an empty fetch response, which names the topic.
const fetchOverhead = 58

func consumeRows(s drivers.Settings, rows map[string]setting) {
	c := s.Consume
	start, name := kafka.FirstOffset, "FirstOffset"
	if c.Start == "latest" {
		start, name = kafka.LastOffset, "LastOffset"
	}
	rows[drivers.KeyStart] = exact("StartOffset="+name, "", func(t target) { t.reader.StartOffset = start })
	rows[drivers.KeyFetchMin] = approx(fmt.Sprintf("MinBytes=%d", c.FetchMin), strconv.Itoa(c.FetchMin), "of one partition, as every partition is fetched by itself",
		func(t target) { t.reader.MinBytes = c.FetchMin })
	rows[drivers.KeyFetchMax] = lacks("", "every partition is fetched by itself, so a response holds at most "+drivers.KeyFetchMaxPartition)
	rows[drivers.KeyFetchMaxPartition] = approx(fmt.Sprintf("MaxBytes=%d less what the client adds", c.FetchMaxPartition),
		strconv.Itoa(c.FetchMaxPartition), "exact for topics with names of one length, which the client adds",
		func(t target) {
			t.reader.MaxBytes = max(c.FetchMaxPartition-fetchOverhead-longest(s.Topics), c.FetchMin, 1)
		})
	rows[drivers.KeyFetchWait] = approx("MaxWait="+maxWait(c.FetchWait).String(), drivers.Millis(c.FetchWait),
		fmt.Sprintf("what is left of it when the request is written: a little less after a delay; a fetch without an answer is given up %s after it, and the client dials again",
			(maxWait(c.FetchWait)-c.FetchWait).Round(time.Millisecond)),
		func(t target) { t.reader.MaxWait = maxWait(c.FetchWait) })
	level, claim := kafka.ReadUncommitted, "0"
	if c.Isolation == "read_committed" {
		level, claim = kafka.ReadCommitted, "1"
	}
	rows[drivers.KeyIsolation] = exact("IsolationLevel="+claim, claim, func(t target) { t.reader.IsolationLevel = level })

	interval := exact("CommitInterval="+c.CommitEvery.String(), "", func(t target) { t.reader.CommitInterval = c.CommitEvery })
	switch c.CommitMode {
	case drivers.CommitAuto:
		rows[drivers.KeyCommitMode] = approx("ReadMessage", "", "commits a record when it is delivered, before it is handled", nil)
		rows[drivers.KeyCommitEvery] = interval
	case drivers.CommitMarked:
		rows[drivers.KeyCommitMode] = approx("CommitMessages with CommitInterval", "", "marks are committed on the interval alone: a commit beside it cannot be asked for", nil)
		rows[drivers.KeyCommitEvery] = interval
	case drivers.CommitSync:
		rows[drivers.KeyCommitMode] = exact("CommitMessages with CommitInterval=0", "", nil)
		rows[drivers.KeyCommitEvery] = exact("no interval in this mode", "", nil)
	default:
		rows[drivers.KeyCommitMode] = exact("no CommitMessages", "", nil)
		rows[drivers.KeyCommitEvery] = exact("no interval in this mode", "", nil)
	}
	if c.Lanes == drivers.LanesPartition {
		rows[drivers.KeyLanes] = exact(fmt.Sprintf("a goroutine per partition, %d records deep", laneDepth), "", nil)
	} else {
		rows[drivers.KeyLanes] = exact("handled in the FetchMessage loop", "", nil)
	}
	if c.Revoke != drivers.RevokeWait {
		rows[drivers.KeyRevoke] = exact("default", "", nil)
	}
	if !c.CommitOnRevoke {
		rows[drivers.KeyCommitOnRevoke] = approx("flushed at the end of a generation", "", "what is marked is sent all the same, and cannot be kept back", nil)
		if c.CommitMode == drivers.CommitSync || c.CommitMode == drivers.CommitNone {
			rows[drivers.KeyCommitOnRevoke] = exact("nothing is committed by itself", "", nil)
		}
	}
}

// maxWait is the MaxWait that makes the client ask the broker to wait w. The
// client takes it for the deadline of the whole exchange and keeps a second of
// it, or a quarter below a second, for the way; the odd millisecond makes up for
// what passes until the request is written and is cut off there.
func maxWait(w time.Duration) time.Duration {
	if w < 750*time.Millisecond {
		return w*4/3 + time.Millisecond
	}
	return w + time.Second + 500*time.Microsecond
}

func longest(topics []string) int {
	n := 0
	for _, t := range topics {
		n = max(n, len(t))
	}
	return n
}

func groupRows(s drivers.Settings, rows map[string]setting) {
	g := s.Group
	if g.Protocol == "consumer" {
		rows[drivers.KeyProtocol] = refuse("the client has the classic protocol alone")
	} else {
		rows[drivers.KeyProtocol] = classic()
	}
	rows[drivers.KeyAssignors] = assignorRow(g.Assignors)
	rows[drivers.KeySession] = exact("SessionTimeout="+g.Session.String(), drivers.Millis(g.Session),
		func(t target) { t.reader.SessionTimeout = g.Session })
	rows[drivers.KeyHeartbeat] = exact("HeartbeatInterval="+g.Heartbeat.String(), drivers.Millis(g.Heartbeat),
		func(t target) { t.reader.HeartbeatInterval = g.Heartbeat })
	rows[drivers.KeyRebalance] = exact("RebalanceTimeout="+g.Rebalance.String(), drivers.Millis(g.Rebalance),
		func(t target) { t.reader.RebalanceTimeout = g.Rebalance })
	rows[drivers.KeyRejoinBackoff] = approx("JoinGroupBackoff="+g.RejoinBackoff.String(), "",
		"after errors alone, and the group is left before the wait; a rebalance is joined at once",
		func(t target) { t.reader.JoinGroupBackoff = g.RejoinBackoff })
	if g.Static {
		rows[drivers.KeyStatic] = refuse("the client has no static membership")
	} else {
		rows[drivers.KeyStatic] = exact("none", "false", nil)
	}
	if m := s.MetadataRefresh; m > 0 {
		rows[drivers.KeyMetadataRefresh] = approx(fmt.Sprintf("MetadataTTL=%s, WatchPartitionChanges, PartitionWatchInterval=%s", m, m), "",
			"the Writer at a random time up to it, and not when a leader has moved: sends to the old one fail until then; of the Reader every member watches, not the leader alone", func(t target) {
				if t.transport != nil {
					t.transport.MetadataTTL = m
				} else {
					t.reader.WatchPartitionChanges, t.reader.PartitionWatchInterval = true, m
				}
			})
	} else {
		rows[drivers.KeyMetadataRefresh] = exact("default", "", nil)
	}
}

func assignorRow(names []string) setting {
	var balancers []kafka.GroupBalancer
	for _, name := range names {
		switch name {
		case "range":
			balancers = append(balancers, kafka.RangeGroupBalancer{})
		case "roundrobin":
			balancers = append(balancers, kafka.RoundRobinGroupBalancer{})
		default:
			return refuse("the client has the assignors range and roundrobin")
		}
	}
	if len(balancers) == 0 {
		return refuse("at least one assignor is needed")
	}
	list := strings.Join(names, ",")
	return exact("GroupBalancers="+list, list, func(t target) { t.reader.GroupBalancers = balancers })
}
