package sarama

import (
	"fmt"
	"strconv"
	"strings"

	client "github.com/IBM/sarama"

	"github.com/kbench/kbench/drivers"
)

// setting is one setting in this client: what Plan says of it and what makes it
// true.
type setting = drivers.Translated[*client.Config]

func exact(native, claim string, apply func(*client.Config)) setting {
	return setting{Setting: drivers.Exactly(native, claim), Apply: apply}
}

func approx(native, claim, why string, apply func(*client.Config)) setting {
	return setting{Setting: drivers.Nearly(native, claim, why), Apply: apply}
}

func lacks(native, why string) setting {
	return setting{Setting: drivers.Lacks(native, why)}
}

func refuse(why string) setting {
	return setting{Setting: drivers.Lacks("", why), Refused: true}
}

// translate says what every setting becomes. Best is the client's idempotent
// producer, which it documents for those who want no duplicates; stock leaves
// out every field that the harness can do without.
func translate(s drivers.Settings) drivers.Translation[*client.Config] {
	s = chosen(s)
	rows := map[string]setting{
		drivers.KeyWindow: exact("Input blocks on unbuffered channels, not on a count", "", nil),
		drivers.KeyChunk:  exact("one send to Input per record", "", nil),
		drivers.KeyPartition: exact("Producer.Partitioner=NewManualPartitioner, Producer.Return.Successes", "", func(c *client.Config) {
			c.Producer.Partitioner = client.NewManualPartitioner
			c.Producer.Return.Successes = true
		}),
		drivers.KeyEvents: approx("Setup, Cleanup, ConsumeClaim, Consumer.Return.Errors", "", "a loss is told from the cause that ended the session",
			func(c *client.Config) { c.Consumer.Return.Errors = true }),
		drivers.KeyCRC:          exact("always checked", "", nil),
		drivers.KeyPrefetch:     lacks("ChannelBufferSize=256", "256 records per partition, and the response in hand"),
		drivers.KeySubscribe:    approx("Consume is ended and called again", "", "the change is a new session, which gives up every partition", nil),
		drivers.KeyConnections:  lacks("1", "one per client carries fetches, heartbeats and commits alike; not settable"),
		drivers.KeySASL:         exact("Net.SASL; SCRAM by xdg-go/scram", "", nil),
		drivers.KeyTransactions: exact("no Producer.Transaction.ID", "", nil),
		drivers.KeyTelemetry:    exact("the client has none", "", nil),
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
		s.Produce.Acks, s.Produce.Idempotent, s.Produce.InFlight = drivers.AcksAll, true, 1
		s.Produce.Retries = max(s.Produce.Retries, 1)
	}
	return s
}

// maxRetries bounds Producer.Retry.Max, for which the client allocates a state
// per retry and partition.
const maxRetries = 1000

func produceRows(s drivers.Settings, rows map[string]setting) {
	p := s.Produce
	acks := func(name, claim string, v client.RequiredAcks) setting {
		return exact("Producer.RequiredAcks="+name, claim, func(c *client.Config) { c.Producer.RequiredAcks = v })
	}
	switch p.Acks {
	case drivers.AcksAll:
		rows[drivers.KeyAcks] = acks("WaitForAll", "-1", client.WaitForAll)
	case drivers.AcksLeader:
		rows[drivers.KeyAcks] = acks("WaitForLocal", "1", client.WaitForLocal)
	case drivers.AcksNone:
		rows[drivers.KeyAcks] = acks("NoResponse", "0", client.NoResponse)
	default:
		rows[drivers.KeyAcks] = refuse("acks are all, leader or none")
	}

	open := max(p.InFlight, 1)
	switch {
	case !p.Idempotent:
		rows[drivers.KeyIdempotent] = exact("default", "", nil)
	case p.Acks != drivers.AcksAll:
		rows[drivers.KeyIdempotent] = refuse("idempotent writes need acks all")
	case p.Retries < 1:
		rows[drivers.KeyIdempotent] = refuse("idempotent writes need at least one retry")
	default:
		rows[drivers.KeyIdempotent] = exact("Producer.Idempotent", "", func(c *client.Config) { c.Producer.Idempotent = true })
		open = 1
	}
	native := fmt.Sprintf("Net.MaxOpenRequests=%d", open)
	if p.InFlight <= 1 {
		rows[drivers.KeyInFlight] = approx(native, "", "counted per broker, so partitions of one broker share it",
			func(c *client.Config) { c.Net.MaxOpenRequests = open })
	} else {
		rows[drivers.KeyInFlight] = setting{
			Setting: drivers.Lacks(native, "there is never more than 1 batch of a partition in flight, and with idempotence 1 per broker"),
			Apply:   func(c *client.Config) { c.Net.MaxOpenRequests = open },
		}
	}

	flush := func(c *client.Config) { c.Producer.Flush.Frequency = p.Linger }
	if p.Linger == 0 {
		rows[drivers.KeyLinger] = exact("Producer.Flush.Frequency=0", "", flush)
	} else {
		rows[drivers.KeyLinger] = approx("Producer.Flush.Frequency="+p.Linger.String(), "", "one timer per broker, from its first record", flush)
	}
	batchRows(s, rows)
	codecRows(s, rows)
	rows[drivers.KeyAckTimeout] = exact("Producer.Timeout="+p.AckTimeout.String(), drivers.Millis(p.AckTimeout),
		func(c *client.Config) { c.Producer.Timeout = p.AckTimeout })
	retries := min(p.Retries, maxRetries)
	row := exact(fmt.Sprintf("Producer.Retry.Max=%d", retries), "", func(c *client.Config) { c.Producer.Retry.Max = retries })
	if retries != p.Retries {
		row.Setting = drivers.Nearly(row.Native, "", fmt.Sprintf("at most %d, as the client allocates for each", maxRetries))
	}
	rows[drivers.KeyRetries] = row
	rows[drivers.KeyRetryBackoff] = exact("Producer.Retry.Backoff="+p.RetryBackoff.String(), "",
		func(c *client.Config) { c.Producer.Retry.Backoff = p.RetryBackoff })
}

// What the client counts to a record and to a batch: upper bounds, where the
// wire has variable lengths. A batch must stay below its limit.
const (
	recordOverhead = 36
	batchOverhead  = 49
)

// batchRows turns the number of records into the client's count of bytes.
func batchRows(s drivers.Settings, rows map[string]setting) {
	n := s.BatchLimit()
	limit := batchOverhead + n*(s.RecordBytes+recordOverhead) + 1
	why := ""
	if s.Varies() {
		// A few long records weigh less in the client's count than many short
		// ones, so the limit is kept to bytes that the wire does not exceed.
		limit = max(drivers.BatchSize(n, s.KeyBytes, s.RecordBytes-s.KeyBytes), batchOverhead+s.RecordMax+recordOverhead+1)
		why = fmt.Sprintf("records differ in length, and the client counts %d bytes to each beside key and value", recordOverhead)
	}
	held := max((limit-1-batchOverhead)/(s.RecordBytes+recordOverhead), 1)
	native := fmt.Sprintf("Producer.MaxMessageBytes=%d", limit)
	set := func(c *client.Config) { c.Producer.MaxMessageBytes = limit }
	if why == "" {
		rows[drivers.KeyBatchRecords] = exact(native, strconv.Itoa(held), set)
	} else {
		rows[drivers.KeyBatchRecords] = approx(native, strconv.Itoa(held), why, set)
	}
	rows[drivers.KeyBatchBytes] = approx(native, "", "the client counts more than the wire has; the limit is that of "+drivers.KeyBatchRecords, nil)
}

func codecRows(s drivers.Settings, rows map[string]setting) {
	name, level := s.CodecName(), s.Produce.Level
	codecs := map[string]client.CompressionCodec{
		"none": client.CompressionNone, "gzip": client.CompressionGZIP, "snappy": client.CompressionSnappy,
		"lz4": client.CompressionLZ4, "zstd": client.CompressionZSTD,
	}
	codec, ok := codecs[name]
	if !ok {
		rows[drivers.KeyCodec] = refuse("codecs are none, gzip, snappy, lz4 and zstd")
		rows[drivers.KeyLevel] = lacks("", "see "+drivers.KeyCodec)
		return
	}
	rows[drivers.KeyCodec] = exact("Producer.Compression="+name, name, func(c *client.Config) { c.Producer.Compression = codec })
	native := fmt.Sprintf("Producer.CompressionLevel=%d", level)
	set := func(c *client.Config) { c.Producer.CompressionLevel = level }
	switch {
	case level == 0:
		rows[drivers.KeyLevel] = exact("default", "", nil)
	case name == "gzip":
		rows[drivers.KeyLevel] = exact(native, "", set)
	case name == "zstd":
		rows[drivers.KeyLevel] = approx(native, "", "the encoder has 4 levels", set)
	default:
		rows[drivers.KeyLevel] = lacks("", "no level can be set for "+name)
	}
}

func consumeRows(s drivers.Settings, rows map[string]setting) {
	c := s.Consume
	initial, name := client.OffsetOldest, "OffsetOldest"
	if c.Start == "latest" {
		initial, name = client.OffsetNewest, "OffsetNewest"
	}
	rows[drivers.KeyStart] = exact("Consumer.Offsets.Initial="+name, "", func(cfg *client.Config) { cfg.Consumer.Offsets.Initial = initial })
	rows[drivers.KeyFetchMin] = exact(fmt.Sprintf("Consumer.Fetch.Min=%d", c.FetchMin), strconv.Itoa(c.FetchMin),
		func(cfg *client.Config) { cfg.Consumer.Fetch.Min = int32(c.FetchMin) })
	rows[drivers.KeyFetchMax] = fetchMax(c.FetchMax)
	rows[drivers.KeyFetchMaxPartition] = approx(fmt.Sprintf("Consumer.Fetch.Default=%d", c.FetchMaxPartition), strconv.Itoa(c.FetchMaxPartition),
		"grows for a partition whose next record does not fit", func(cfg *client.Config) { cfg.Consumer.Fetch.Default = int32(c.FetchMaxPartition) })
	rows[drivers.KeyFetchWait] = exact("Consumer.MaxWaitTime="+c.FetchWait.String(), drivers.Millis(c.FetchWait),
		func(cfg *client.Config) { cfg.Consumer.MaxWaitTime = c.FetchWait })
	level, claim := client.ReadUncommitted, "0"
	if c.Isolation == "read_committed" {
		level, claim = client.ReadCommitted, "1"
	}
	rows[drivers.KeyIsolation] = exact("Consumer.IsolationLevel="+claim, claim, func(cfg *client.Config) { cfg.Consumer.IsolationLevel = level })
	commitRows(s, rows)
	if c.Lanes == drivers.LanesPartition {
		rows[drivers.KeyLanes] = exact("handled in ConsumeClaim", "", nil)
	} else {
		rows[drivers.KeyLanes] = exact("handled in ConsumeClaim, under one lock", "", nil)
	}
	if c.Revoke == drivers.RevokeWait {
		rows[drivers.KeyRevoke] = exact("ConsumeClaim returns first", "", nil)
	} else {
		rows[drivers.KeyRevoke] = lacks("ConsumeClaim returns first", "a session ends only when every handler has returned")
	}
}

func commitRows(s drivers.Settings, rows map[string]setting) {
	c := s.Consume
	byItself := c.CommitMode == drivers.CommitAuto || c.CommitMode == drivers.CommitMarked
	enable := func(cfg *client.Config) { cfg.Consumer.Offsets.AutoCommit.Enable = byItself }
	switch c.CommitMode {
	case drivers.CommitAuto:
		rows[drivers.KeyCommitMode] = approx("Consumer.Offsets.AutoCommit.Enable, MarkOffset after every record", "",
			"the client commits nothing that is not marked, so the driver marks", enable)
	case drivers.CommitMarked:
		rows[drivers.KeyCommitMode] = exact("Consumer.Offsets.AutoCommit.Enable, MarkOffset", "", enable)
	case drivers.CommitSync:
		rows[drivers.KeyCommitMode] = approx("session.Commit", "", "errors come on the channel Errors, not from the call", enable)
	default:
		rows[drivers.KeyCommitMode] = exact("Consumer.Offsets.AutoCommit.Enable=false", "", enable)
	}
	if byItself {
		rows[drivers.KeyCommitEvery] = exact("Consumer.Offsets.AutoCommit.Interval="+c.CommitEvery.String(), "",
			func(cfg *client.Config) { cfg.Consumer.Offsets.AutoCommit.Interval = c.CommitEvery })
	} else {
		rows[drivers.KeyCommitEvery] = exact("no interval in this mode", "", nil)
	}
	switch {
	case byItself && c.CommitOnRevoke:
		rows[drivers.KeyCommitOnRevoke] = exact("flushed on release", "", nil)
	case byItself:
		rows[drivers.KeyCommitOnRevoke] = lacks("flushed on release", "what is marked is always committed when a partition is given up")
	case c.CommitOnRevoke:
		rows[drivers.KeyCommitOnRevoke] = exact("session.Commit in Cleanup, or at the end of a claim", "", nil)
	default:
		rows[drivers.KeyCommitOnRevoke] = exact("nothing is committed by itself", "", nil)
	}
}

func groupRows(s drivers.Settings, rows map[string]setting) {
	g := s.Group
	if g.Protocol == "consumer" {
		rows[drivers.KeyProtocol] = refuse("the client has the classic protocol alone")
	} else {
		rows[drivers.KeyProtocol] = exact("the only one", "classic", nil)
	}
	rows[drivers.KeyAssignors] = assignorRow(g.Assignors)
	rows[drivers.KeySession] = exact("Consumer.Group.Session.Timeout="+g.Session.String(), drivers.Millis(g.Session),
		func(c *client.Config) { c.Consumer.Group.Session.Timeout = g.Session })
	heartbeat := exact("Consumer.Group.Heartbeat.Interval="+g.Heartbeat.String(), drivers.Millis(g.Heartbeat),
		func(c *client.Config) { c.Consumer.Group.Heartbeat.Interval = g.Heartbeat })
	if s.Consume.FetchWait >= g.Heartbeat {
		heartbeat.Setting = drivers.Nearly(heartbeat.Native, heartbeat.Claim,
			"a heartbeat waits for the fetch on the same connection, which may take as long as "+drivers.KeyFetchWait)
	}
	rows[drivers.KeyHeartbeat] = heartbeat
	rows[drivers.KeyRebalance] = exact("Consumer.Group.Rebalance.Timeout="+g.Rebalance.String(), drivers.Millis(g.Rebalance),
		func(c *client.Config) { c.Consumer.Group.Rebalance.Timeout = g.Rebalance })
	rows[drivers.KeyRejoinBackoff] = approx("Consumer.Group.Rebalance.Retry.Backoff="+g.RejoinBackoff.String(), "",
		"after a join or sync that failed; a rebalance is joined at once", func(c *client.Config) { c.Consumer.Group.Rebalance.Retry.Backoff = g.RejoinBackoff })
	if g.Static {
		rows[drivers.KeyStatic] = static(s.InstanceID)
	} else {
		rows[drivers.KeyStatic] = exact("no Consumer.Group.InstanceId", "false", nil)
	}
	if m := s.MetadataRefresh; m > 0 {
		rows[drivers.KeyMetadataRefresh] = metadataRefresh(m)
	} else {
		rows[drivers.KeyMetadataRefresh] = exact("default", "", nil)
	}
}

// cooperativeSticky is the assignor with which sessions go on over rebalances.
const cooperativeSticky = "cooperative-sticky"

// assignorRow names the assignors in their order.
func assignorRow(names []string) setting {
	makers := assignors()
	maker, lacking := cooperative()
	makers[cooperativeSticky] = maker
	for _, name := range names {
		switch {
		case name == cooperativeSticky && lacking != "":
			return refuse(lacking)
		case makers[name] == nil:
			return refuse("the client has the assignors range, roundrobin, sticky and cooperative-sticky")
		}
	}
	if len(names) == 0 {
		return refuse("at least one assignor is needed")
	}
	if why := tooMany(len(names)); why != "" {
		return refuse(why)
	}
	list := strings.Join(names, ",")
	return exact(strategyField+"="+list, list, func(c *client.Config) {
		var all []client.BalanceStrategy
		for _, name := range names {
			all = append(all, makers[name]())
		}
		setStrategies(c, all)
	})
}
