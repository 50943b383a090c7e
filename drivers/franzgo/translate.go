package franzgo

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kbench/kbench/drivers"
)

// setting is one setting in this client: what Plan says of it and the options
// that make it true.
type setting = drivers.Translated[*[]kgo.Opt]

// by adds options to what a client is made with.
func by(opts []kgo.Opt) func(*[]kgo.Opt) {
	return func(to *[]kgo.Opt) { *to = append(*to, opts...) }
}

func exact(native, claim string, opts ...kgo.Opt) setting {
	return setting{Setting: drivers.Exactly(native, claim), Apply: by(opts)}
}

func approx(native, claim, why string, opts ...kgo.Opt) setting {
	return setting{Setting: drivers.Nearly(native, claim, why), Apply: by(opts)}
}

func lacks(native, why string, opts ...kgo.Opt) setting {
	return setting{Setting: drivers.Lacks(native, why), Apply: by(opts)}
}

func refuse(why string) setting {
	return setting{Setting: drivers.Lacks("", why), Refused: true}
}

// The client's own limits on what may be asked of it.
const (
	minBatchBytes = 512
	minCommit     = 100 * time.Millisecond
)

// batchPrefix is what the client counts to a batch beside the batch itself: the
// length of the byte array that holds it.
const batchPrefix = 4

// pollRecords bounds one poll, so that a member which blocks rebalances between
// polls does not do so for long. It is the bound that the Java client has by
// default.
const pollRecords = 500

// laneDepth is how many polls may wait in the lane of one partition.
const laneDepth = 4

// translate says what every setting becomes. Best differs from matched in the
// guarantees and the pipelining of the producer, which are the client's defaults
// and its documented advice; stock leaves out every option that the harness can
// do without.
func translate(s drivers.Settings) drivers.Translation[*[]kgo.Opt] {
	s = chosen(s)
	rows := map[string]setting{
		drivers.KeyWindow: exact(fmt.Sprintf("MaxBufferedRecords(%d)", maxBuffered(s)), "",
			kgo.MaxBufferedRecords(maxBuffered(s))),
		drivers.KeyChunk:        exact("one Produce per record", ""),
		drivers.KeyPartition:    exact("RecordPartitioner(ManualPartitioner)", "", kgo.RecordPartitioner(kgo.ManualPartitioner())),
		drivers.KeyEvents:       exact("OnPartitionsAssigned, OnPartitionsRevoked, OnPartitionsLost", ""),
		drivers.KeyCRC:          exact("checked by default", ""),
		drivers.KeyPrefetch:     lacks("one fetch per broker", "a fetch of every broker is decoded ahead of the poll; there is no count of records to set"),
		drivers.KeySubscribe:    exact("AddConsumeTopics, "+purgeBy, ""),
		drivers.KeyConnections:  lacks("up to 5", "one each for produce, fetch, group, slow and other requests; not settable"),
		drivers.KeySASL:         exact("SASL(plain, scram)", ""),
		drivers.KeyTransactions: exact("no TransactionalID", ""),
		drivers.KeyTelemetry:    telemetryOff(),
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
		s.Produce.Acks, s.Produce.Idempotent, s.Produce.InFlight = drivers.AcksAll, true, 5
	}
	return s
}

// maxBuffered stays above the harness's window, whose full use must not be
// slowed by the client's own.
func maxBuffered(s drivers.Settings) int { return max(50_000, 2*s.Produce.Window) }

func produceRows(s drivers.Settings, rows map[string]setting) {
	p := s.Produce
	switch p.Acks {
	case drivers.AcksAll:
		rows[drivers.KeyAcks] = exact("RequiredAcks(AllISRAcks)", "-1", kgo.RequiredAcks(kgo.AllISRAcks()))
	case drivers.AcksLeader:
		rows[drivers.KeyAcks] = exact("RequiredAcks(LeaderAck)", "1", kgo.RequiredAcks(kgo.LeaderAck()))
	case drivers.AcksNone:
		rows[drivers.KeyAcks] = exact("RequiredAcks(NoAck)", "0", kgo.RequiredAcks(kgo.NoAck()))
	default:
		rows[drivers.KeyAcks] = refuse("acks are all, leader or none")
	}

	switch {
	case !p.Idempotent:
		rows[drivers.KeyIdempotent] = exact("DisableIdempotentWrite", "", kgo.DisableIdempotentWrite())
		rows[drivers.KeyInFlight] = approx(fmt.Sprintf("MaxProduceRequestsInflightPerBroker(%d)", max(p.InFlight, 1)), "",
			"counted per broker, so partitions of one broker share it",
			kgo.MaxProduceRequestsInflightPerBroker(max(p.InFlight, 1)))
	case p.Acks != drivers.AcksAll:
		rows[drivers.KeyIdempotent] = refuse("idempotent writes need acks all")
		rows[drivers.KeyInFlight] = lacks("", "see "+drivers.KeyIdempotent)
	default:
		rows[drivers.KeyIdempotent] = exact("default", "")
		if p.InFlight == 5 {
			rows[drivers.KeyInFlight] = approx("default", "", "1 until the first answer, then 5 per broker")
		} else {
			rows[drivers.KeyInFlight] = lacks("default", "an idempotent producer has 5 in flight per broker, which is not settable; order is kept")
		}
	}

	if p.Linger == 0 {
		rows[drivers.KeyLinger] = exact("ProducerLinger(0s)", "", kgo.ProducerLinger(0))
	} else {
		rows[drivers.KeyLinger] = approx(fmt.Sprintf("ProducerLinger(%s)", p.Linger), "",
			"timed per partition; the first to end sends all partitions of its broker", kgo.ProducerLinger(p.Linger))
	}

	batchRows(s, rows)
	codecRows(s, rows)

	rows[drivers.KeyAckTimeout] = exact(fmt.Sprintf("ProduceRequestTimeout(%s)", p.AckTimeout), drivers.Millis(p.AckTimeout),
		kgo.ProduceRequestTimeout(p.AckTimeout))
	rows[drivers.KeyRetries] = approx(fmt.Sprintf("RecordRetries(%d)", p.Retries), "",
		"counted per record; under idempotence a record whose fate is unknown is tried on", kgo.RecordRetries(p.Retries))
	rows[drivers.KeyRetryBackoff] = approx(fmt.Sprintf("RetryBackoffFn(%s)", p.RetryBackoff), "",
		"holds for every kind of request", kgo.RetryBackoffFn(constant(p.RetryBackoff)))
}

// batchRows turns the number of records into the one limit that this client
// has, the exact length of a batch.
func batchRows(s drivers.Settings, rows map[string]setting) {
	key, value := s.KeyBytes, s.RecordBytes-s.KeyBytes
	n := s.BatchLimit()
	size := drivers.BatchSize(n, key, value)
	limit := size + batchPrefix
	why := ""
	if s.Varies() {
		limit = max(limit, drivers.BatchSize(1, s.KeyBytes, s.RecordMax-s.KeyBytes)+batchPrefix)
		why = "the client limits bytes, so the number holds for records of mean length"
	}
	if limit < minBatchBytes {
		limit = minBatchBytes
		why = fmt.Sprintf("the client allows no limit below %d bytes", minBatchBytes)
	}
	native := fmt.Sprintf("ProducerBatchMaxBytes(%d)", limit)
	opt := kgo.ProducerBatchMaxBytes(int32(min(limit, math.MaxInt32)))
	if held := drivers.RecordsIn(limit-batchPrefix, key, value); why != "" {
		rows[drivers.KeyBatchRecords] = approx(native, strconv.Itoa(held), why, opt)
	} else {
		rows[drivers.KeyBatchRecords] = exact(native, strconv.Itoa(held), opt)
	}
	// The limit in records comes first where both are given.
	if s.Produce.BatchRecords > 0 {
		rows[drivers.KeyBatchBytes] = approx(native, "", "follows from "+drivers.KeyBatchRecords)
	} else {
		rows[drivers.KeyBatchBytes] = exact(native, "")
	}
}

func codecRows(s drivers.Settings, rows map[string]setting) {
	var codec kgo.CompressionCodec
	native := s.CodecName()
	switch native {
	case "none":
		codec = kgo.NoCompression()
	case "gzip":
		codec = kgo.GzipCompression()
	case "snappy":
		codec = kgo.SnappyCompression()
	case "lz4":
		codec = kgo.Lz4Compression()
	case "zstd":
		codec = kgo.ZstdCompression()
	default:
		rows[drivers.KeyCodec] = refuse("codecs are none, gzip, snappy, lz4 and zstd")
		rows[drivers.KeyLevel] = lacks("", "see "+drivers.KeyCodec)
		return
	}
	level := s.Produce.Level
	switch {
	case level == 0:
		rows[drivers.KeyLevel] = exact("default", "")
	case native == "none" || native == "snappy":
		rows[drivers.KeyLevel] = lacks("", native+" has no levels")
	case native == "zstd":
		codec = codec.WithLevel(zstdLevel(level))
		rows[drivers.KeyLevel] = approx(fmt.Sprintf("WithLevel(%d)", zstdLevel(level)), "", "the encoder has 4 levels; the window is fixed at 64 KiB")
	case native == "lz4":
		codec = codec.WithLevel(lz4Level(level))
		rows[drivers.KeyLevel] = exact(fmt.Sprintf("WithLevel(%d), the encoder's Level%d", lz4Level(level), level), "")
	default:
		codec = codec.WithLevel(level)
		rows[drivers.KeyLevel] = exact(fmt.Sprintf("WithLevel(%d)", level), "")
	}
	rows[drivers.KeyCodec] = exact("ProducerBatchCompression("+native+")", native, kgo.ProducerBatchCompression(codec))
}

// lz4Level is how the Go encoder writes a level: as the depth of its search. The
// client hands on what it is given, and a plain 9 would be no level to the
// encoder, which then compresses as if none had been asked for.
func lz4Level(level int) int { return 1 << (8 + level) }

// zstdLevel is the level of the Go encoder that stands for a level of the
// reference implementation; the other clients leave that to the encoder.
func zstdLevel(level int) int {
	switch {
	case level < 3:
		return 1
	case level < 6:
		return 2
	case level < 10:
		return 3
	}
	return 4
}

func consumeRows(s drivers.Settings, rows map[string]setting) {
	c := s.Consume
	switch c.Start {
	case "latest":
		rows[drivers.KeyStart] = startAt("AtEnd", kgo.NewOffset().AtEnd())
	default:
		rows[drivers.KeyStart] = startAt("AtStart", kgo.NewOffset().AtStart())
	}
	rows[drivers.KeyFetchMin] = exact(fmt.Sprintf("FetchMinBytes(%d)", c.FetchMin), strconv.Itoa(c.FetchMin),
		kgo.FetchMinBytes(int32(c.FetchMin)))
	rows[drivers.KeyFetchMax] = exact(fmt.Sprintf("FetchMaxBytes(%d)", c.FetchMax), strconv.Itoa(c.FetchMax),
		kgo.FetchMaxBytes(int32(c.FetchMax)))
	part := min(c.FetchMaxPartition, c.FetchMax)
	row := exact(fmt.Sprintf("FetchMaxPartitionBytes(%d)", part), strconv.Itoa(part), kgo.FetchMaxPartitionBytes(int32(part)))
	if part < c.FetchMaxPartition {
		row.Setting = drivers.Nearly(row.Native, row.Claim, "the client keeps it at or below "+drivers.KeyFetchMax)
	}
	rows[drivers.KeyFetchMaxPartition] = row
	rows[drivers.KeyFetchWait] = exact(fmt.Sprintf("FetchMaxWait(%s)", c.FetchWait), drivers.Millis(c.FetchWait),
		kgo.FetchMaxWait(c.FetchWait))
	if c.Isolation == "read_committed" {
		rows[drivers.KeyIsolation] = exact("FetchIsolationLevel(ReadCommitted)", "1", kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	} else {
		rows[drivers.KeyIsolation] = exact("FetchIsolationLevel(ReadUncommitted)", "0", kgo.FetchIsolationLevel(kgo.ReadUncommitted()))
	}
	commitRows(s, rows)

	if c.Lanes == drivers.LanesPartition {
		rows[drivers.KeyLanes] = exact(fmt.Sprintf("a goroutine per partition, %d polls deep", laneDepth), "")
	} else {
		rows[drivers.KeyLanes] = exact("handled in the poll loop", "")
	}
	if c.Revoke == drivers.RevokeWait {
		rows[drivers.KeyRevoke] = revokeWait(fmt.Sprintf("BlockRebalanceOnPoll, PollRecords(%d)", pollRecords))
	} else {
		rows[drivers.KeyRevoke] = exact("PollFetches", "")
	}
}

func commitRows(s drivers.Settings, rows map[string]setting) {
	c := s.Consume
	every := max(c.CommitEvery, minCommit)
	switch c.CommitMode {
	case drivers.CommitAuto:
		rows[drivers.KeyCommitMode] = exact("default", "")
	case drivers.CommitMarked:
		rows[drivers.KeyCommitMode] = exact("AutoCommitMarks", "", kgo.AutoCommitMarks())
	case drivers.CommitSync:
		rows[drivers.KeyCommitMode] = exact("DisableAutoCommit, CommitOffsetsSync", "", kgo.DisableAutoCommit())
	default:
		rows[drivers.KeyCommitMode] = exact("DisableAutoCommit", "", kgo.DisableAutoCommit())
	}
	native := fmt.Sprintf("AutoCommitInterval(%s)", every)
	switch {
	case c.CommitMode == drivers.CommitSync || c.CommitMode == drivers.CommitNone:
		rows[drivers.KeyCommitEvery] = exact("no interval in this mode", "")
	case every != c.CommitEvery:
		rows[drivers.KeyCommitEvery] = approx(native, "", "the client commits no oftener than every 100ms", kgo.AutoCommitInterval(every))
	default:
		rows[drivers.KeyCommitEvery] = exact(native, "", kgo.AutoCommitInterval(every))
	}
	if c.CommitOnRevoke {
		rows[drivers.KeyCommitOnRevoke] = exact("CommitOffsetsSync in OnPartitionsRevoked", "")
	} else {
		rows[drivers.KeyCommitOnRevoke] = exact("no commit in OnPartitionsRevoked", "")
	}
}

func groupRows(s drivers.Settings, rows map[string]setting) {
	g := s.Group
	server := g.Protocol == "consumer"
	if server {
		rows[drivers.KeyProtocol] = consumerRow()
		rows[drivers.KeySession] = approx("none", "", "the group protocol consumer has it on the broker, where the harness sets it for the group")
		rows[drivers.KeyHeartbeat] = approx("none", "", "the group protocol consumer has it on the broker, where the harness sets it for the group")
	} else {
		rows[drivers.KeyProtocol] = exact("default", "classic")
		rows[drivers.KeySession] = exact(fmt.Sprintf("SessionTimeout(%s)", g.Session), drivers.Millis(g.Session), kgo.SessionTimeout(g.Session))
		rows[drivers.KeyHeartbeat] = exact(fmt.Sprintf("HeartbeatInterval(%s)", g.Heartbeat), drivers.Millis(g.Heartbeat), kgo.HeartbeatInterval(g.Heartbeat))
	}
	rows[drivers.KeyAssignors] = assignorRow(g.Assignors, server)
	rows[drivers.KeyRebalance] = exact(fmt.Sprintf("RebalanceTimeout(%s)", g.Rebalance), drivers.Millis(g.Rebalance), kgo.RebalanceTimeout(g.Rebalance))
	rows[drivers.KeyRejoinBackoff] = approx(fmt.Sprintf("RetryBackoffFn(%s)", g.RejoinBackoff), "",
		"after errors alone, and for every kind of request; a rebalance is joined at once", kgo.RetryBackoffFn(constant(g.RejoinBackoff)))
	switch {
	case !g.Static:
		rows[drivers.KeyStatic] = exact("no InstanceID", "false")
	default:
		rows[drivers.KeyStatic] = exact("InstanceID", "true", kgo.InstanceID(s.InstanceID))
	}
	if s.MetadataRefresh > 0 {
		age := s.MetadataRefresh
		rows[drivers.KeyMetadataRefresh] = exact(fmt.Sprintf("MetadataMaxAge(%s)", age), "",
			kgo.MetadataMaxAge(age), kgo.MetadataMinAge(max(min(age, 5*time.Second), 10*time.Millisecond)))
	} else {
		rows[drivers.KeyMetadataRefresh] = exact("default", "")
	}
}

func consumerRow() setting {
	native, opts := serverSide()
	if native == "" {
		return refuse("the group protocol consumer came with v1.20.0")
	}
	return approx(native, "consumer", "a cluster without the protocol gets the classic one, with a line in the log alone", opts...)
}

// assignorRow names the assignors in their order. Under the group protocol
// consumer the broker assigns, by the one of its assignors that is nearest to
// the client's first.
func assignorRow(names []string, server bool) setting {
	var balancers []kgo.GroupBalancer
	for _, name := range names {
		switch {
		case name == "range":
			balancers = append(balancers, kgo.RangeBalancer())
		case name == "uniform" && server:
			balancers = append(balancers, kgo.StickyBalancer())
		case name == "roundrobin" && !server:
			balancers = append(balancers, kgo.RoundRobinBalancer())
		case name == "sticky" && !server:
			balancers = append(balancers, kgo.StickyBalancer())
		case name == "cooperative-sticky" && !server:
			balancers = append(balancers, kgo.CooperativeStickyBalancer())
		case server:
			return refuse("the group protocol consumer has the assignors uniform and range")
		default:
			return refuse("the group protocol classic has the assignors range, roundrobin, sticky and cooperative-sticky")
		}
	}
	if len(balancers) == 0 {
		return refuse("at least one assignor is needed")
	}
	list := strings.Join(names, ",")
	if server && len(names) > 1 {
		return approx("Balancers("+list+")", names[0], "the first alone is named to the broker", kgo.Balancers(balancers...))
	}
	return exact("Balancers("+list+")", list, kgo.Balancers(balancers...))
}

func constant(d time.Duration) func(int) time.Duration {
	return func(int) time.Duration { return d }
}
