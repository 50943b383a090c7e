package workloads

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// A node is a field of the document: a leaf that is written as its kind says,
// or a section with fields of its own.
type node struct {
	path, doc string
	kind      *kind
	// whole marks fields that describe the workload as a whole and so cannot
	// differ between the arms of one: they are not allowed in a matrix.
	whole  bool
	fields []*node
	// items are the fields of each entry of a list of sections.
	items []*node
}

// key is the last part of the path: the field's name in its section.
func (n *node) key() string { return n.path[strings.LastIndexByte(n.path, '.')+1:] }

// keys are the names of the fields of a section.
func (n *node) keys() []string {
	var keys []string
	for _, f := range n.fields {
		keys = append(keys, f.key())
	}
	return keys
}

// field finds a field of a section by its name.
func (n *node) field(key string) *node {
	for _, f := range n.fields {
		if f.key() == key {
			return f
		}
	}
	return nil
}

// find finds a field by its path from n, the root.
func (n *node) find(path string) *node {
	for key := range strings.SplitSeq(path, ".") {
		if n = n.field(key); n == nil {
			return nil
		}
	}
	return n
}

// leaves returns every leaf below n, in the order of the table.
func (n *node) leaves() []*node {
	if n.kind != nil {
		return []*node{n}
	}
	var all []*node
	for _, f := range n.fields {
		all = append(all, f.leaves()...)
	}
	return all
}

// root is the table of the document: every field, how it is written and what it
// means. Paths are the yaml tags of Spec, which a test holds to this table.
func root() *node {
	const most = 1 << 30
	top := &node{doc: "A kbench workload: which work the clients do."}
	add := func(path, doc string, k *kind, whole bool) {
		up := top
		if i := strings.LastIndexByte(path, '.'); i >= 0 {
			up = top.find(path[:i])
		}
		up.fields = append(up.fields, &node{path: path, doc: doc, kind: k, whole: whole})
	}
	section := func(path, doc string) { add(path, doc, nil, false) }
	leaf := func(path string, k kind, doc string) { add(path, doc, &k, false) }
	whole := func(path string, k kind, doc string) { add(path, doc, &k, true) }

	whole("name", name(), "Name of the workload; it becomes part of topics, groups and directories.")
	whole("about", text(2000), "What question the workload answers, for people.")

	section("topic", "The topic that each trial creates.")
	leaf("topic.partitions", integer(1, 10000), "Number of partitions.")
	leaf("topic.replication", integer(1, 15), "Replicas of each partition; capped at the number of nodes, and said so.")

	section("records", "What is sent.")
	leaf("records.size", size(), "Length of the value, the harness's header of 32 bytes included.")
	leaf("records.entropy", fraction(0, 1), "How well values compress: 0 to nothing, 1 not at all.")
	section("records.keys", "Which keys records have; the harness chooses the partition from the key, the same for every client.")
	leaf("records.keys.kind", word("none", "round-robin", "zipf"), "No keys, every key in turn, or a few keys most of the time.")
	leaf("records.keys.count", integer(1, 10_000_000), "Number of distinct keys.")
	leaf("records.keys.skew", fraction(1.001, 10), "Exponent of zipf; the larger, the fewer keys have most records.")
	leaf("records.keys.size", integer(4, 1024), "Length of a key in bytes.")

	section("produce", "Who sends, and how.")
	leaf("produce.by", word("arm", "reference"), "The client under test, or one reference producer that is the same for every arm.")
	leaf("produce.producers", integer(1, 1000), "Number of producing processes.")
	leaf("produce.rate", rate(), "Records a second over all producers; max sends whenever the window has room.")
	leaf("produce.schedule", schedule(), "Law of the intended sending times; shares refer to the rate.")
	leaf("produce.window", integer(1, 10_000_000), "Records outstanding per producer.")
	leaf("produce.chunk", integer(1, 65536), "Records handed to the client in one call.")
	leaf("produce.tick", duration(50*time.Microsecond, time.Second), "How often the pacer looks for records that are due.")
	leaf("produce.acks", word("all", "leader", "none"), "Which replicas must have a record before it counts as sent.")
	leaf("produce.idempotent", truth(), "Whether retries are kept from duplicating records.")
	leaf("produce.inflight", integer(1, 1000), "Requests in flight per partition.")
	leaf("produce.linger", duration(0, time.Minute), "How long a batch waits for more records.")
	section("produce.batch", "Limits of a record batch of one partition.")
	leaf("produce.batch.records", integer(0, 1_000_000), "Most records; 0: limited by bytes alone.")
	leaf("produce.batch.bytes", byteCount(1024, maxBatch), "Most bytes, before compression.")
	leaf("produce.codec", word("none", "gzip", "snappy", "lz4", "zstd"), "Compression of batches.")
	leaf("produce.level", integer(0, 22), "Level of gzip (to 9), lz4 (to 9) or zstd (to 22); 0: the client's default.")
	leaf("produce.ack_timeout", duration(100*time.Millisecond, 10*time.Minute), "How long the broker may wait for replicas.")
	leaf("produce.retries", integer(0, 1000), "Attempts after the first.")
	leaf("produce.retry_backoff", duration(0, time.Minute), "Pause before an attempt is repeated.")

	section("consume", "Who reads, and how.")
	leaf("consume.members", integer(0, 10000), "Processes in the group; 0: nothing consumes while it is measured; 1 with a backlog.")
	leaf("consume.backlog", integer(0, 10_000_000_000), "Records put into the topic before members start; nothing else is produced then.")
	leaf("consume.start", word("earliest", "latest"), "Where to begin when the group has no offset.")
	section("consume.fetch", "Limits of what a broker returns.")
	leaf("consume.fetch.min", byteCount(0, most), "Bytes to wait for.")
	leaf("consume.fetch.max", byteCount(1024, most), "Most bytes in a response.")
	leaf("consume.fetch.max_partition", byteCount(1024, most), "Most bytes of one partition in a response.")
	leaf("consume.fetch.wait", duration(time.Millisecond, time.Minute), "How long the broker waits for fetch.min.")
	leaf("consume.isolation", word("read_uncommitted", "read_committed"), "Which records of transactions are read.")
	section("consume.commit", "When offsets are committed.")
	leaf("consume.commit.mode", word("auto", "marked", "sync", "none"), "By the client alone; by the client what was marked; by the harness; never.")
	leaf("consume.commit.every", duration(time.Millisecond, time.Hour), "Time between commits of auto and marked.")
	section("consume.commit.mark", "How long a processed record may go unmarked: until either bound is reached.")
	leaf("consume.commit.mark.every", duration(time.Microsecond, time.Hour), "Time; unless written, the lesser of commit.every/10 and 100ms.")
	leaf("consume.commit.mark.records", integer(1, 1_000_000), "Records.")
	leaf("consume.commit.records", integer(1, 10_000_000), "Records of a member between commits of sync.")
	leaf("consume.commit.on_revoke", truth(), "Whether marks are committed before partitions are given up.")
	section("consume.handler", "What is done with a record.")
	leaf("consume.handler.time", duration(0, time.Hour), "Slept per record.")
	leaf("consume.handler.lanes", word("member", "partition"), "Records are handled one at a time per member, or per partition.")
	leaf("consume.handler.revoke", word("wait", "free"), "A revoke waits for running handlers, or the client does as it likes.")

	section("group", "The consumer group.")
	leaf("group.protocol", word("classic", "consumer"), "Who assigns: a member (classic) or the broker (KIP-848).")
	leaf("group.assignors", words("list of assignors", wordSchema(slices.Concat(classicAssignors(), []string{"uniform"})), checkAssignor),
		"Assignors offered, in order of preference: "+either(classicAssignors())+"; under the protocol consumer "+either(serverAssignors())+".")
	leaf("group.session", duration(100*time.Millisecond, time.Hour), "Silence after which a member counts as dead.")
	leaf("group.heartbeat", duration(10*time.Millisecond, time.Hour), "Time between heartbeats.")
	leaf("group.rebalance", duration(100*time.Millisecond, time.Hour), "How long a rebalance waits for members.")
	leaf("group.rejoin_backoff", duration(0, time.Minute), "Pause before a member that failed joins again.")
	leaf("group.static", truth(), "Members keep their identity over a restart.")

	section("metadata", "The client's view of the cluster.")
	leaf("metadata.refresh", duration(100*time.Millisecond, 24*time.Hour), "How often metadata is asked for unasked.")

	section("phases", "The parts of a trial once the group is stable.")
	leaf("phases.warmup", duration(0, 24*time.Hour), "Load without measuring.")
	leaf("phases.measure", duration(0, 7*24*time.Hour), "The measured part, at least 100ms; with churn it lasts as long as the timeline, and at least so long, 0s unless written.")
	leaf("phases.drain", duration(time.Second, 24*time.Hour), "Deadline for what is outstanding to arrive; not waited out.")

	whole("churn", timeline(), "What happens to the group in the measured part, the same for every arm; see churn[].")
	top.field("churn").items = entryTable()
	section("pause", "How stops are told from jitter.")
	leaf("pause.theta", duration(time.Millisecond, time.Minute), "Lateness of a record from which its partition counts as down.")

	section("process", "What every worker process is given, equal in every arm.")
	leaf("process.gomaxprocs", integer(0, 4096), "GOMAXPROCS; 0: the machine's.")
	leaf("process.gogc", integer(-1, 100_000), "GOGC; -1: off.")
	leaf("process.gomemlimit", memory(), "GOMEMLIMIT.")

	whole("needs", words("list of settings", object{"type": "string"}, (*reader).checkNeed),
		"Settings without which the comparison makes no sense: a client that cannot express one is refused.")
	whole("matrix", matrix(), "Fields that vary between arms: paths and the values they take, in every combination; of several such mappings each has its own.")
	whole("full", matrix(), "The matrix that --full runs in place of the other.")
	whole("rounds", integer(1, 10000), "How often every arm is run.")
	whole("sample", truth(), "A small sample for a first look, marked as such; not a measurement.")
	whole("gate", words("list of gates", object{"type": "string"}, (*reader).checkGate),
		"Conditions on the results, such as audit.lost == 0; a run that misses one ends with exit code 3.")
	return top
}

func classicAssignors() []string {
	return []string{"range", "roundrobin", "sticky", "cooperative-sticky"}
}
func serverAssignors() []string { return []string{"uniform", "range"} }

// checkAssignor knows the names; which protocol each belongs to is a matter of
// two fields and is looked at when both are known.
func checkAssignor(_ *reader, v value) string {
	_, wrong := parseWord(v, slices.Concat(classicAssignors(), []string{"uniform"}))
	return wrong
}

func (r *reader) checkNeed(v value) string {
	if r.opt.CheckNeed == nil {
		return ""
	}
	if err := r.opt.CheckNeed(v.text); err != nil {
		return err.Error()
	}
	return ""
}

func (r *reader) checkGate(v value) string {
	if r.opt.CheckGate == nil {
		return ""
	}
	if err := r.opt.CheckGate(v.text); err != nil {
		return err.Error()
	}
	return ""
}

// suggest ends a message about an unknown path with the field that was meant:
// the nearest path, else the field of that name in another section.
func (r *reader) suggest(path string) string {
	var paths []string
	last := path[strings.LastIndexByte(path, '.')+1:]
	for _, n := range r.root.leaves() {
		paths = append(paths, n.path)
	}
	if near := nearest(path, paths); near != "" {
		return "did you mean " + near + "?"
	}
	for _, p := range paths {
		if strings.HasSuffix(p, "."+last) {
			return "did you mean " + p + "?"
		}
	}
	return "write a path such as group.session"
}

// pointer returns a pointer to the field at path, found by the yaml tags.
// The path is one of the table's, so that a miss is a bug.
func pointer[T Spec | ChurnEntry](s *T, path string) any {
	v := reflect.ValueOf(s).Elem()
	for key := range strings.SplitSeq(path, ".") {
		i := 0
		for ; v.Type().Field(i).Tag.Get("yaml") != key; i++ {
		}
		v = v.Field(i)
	}
	return v.Addr().Interface()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
