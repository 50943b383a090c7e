package workloads

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kbench/kbench/workloads/reader"
)

// A finding is something about several fields together.
type finding struct {
	paths   []string // the fields that take part, the likeliest culprit first
	msg     string
	warning bool
}

// findings gathers them, each where it is so.
type findings []finding

func (f *findings) fail(when bool, paths []string, format string, args ...any) {
	if when {
		*f = append(*f, finding{paths, fmt.Sprintf(format, args...), false})
	}
}

func (f *findings) warn(when bool, paths []string, format string, args ...any) {
	if when {
		*f = append(*f, finding{paths, fmt.Sprintf(format, args...), true})
	}
}

// consider looks at a workload as a whole. A finding is reported at the first of
// its fields that an override has set, since the document was whole without it,
// else at the first that was written; and not at all where one of them is broken:
// what it would then be compared with is a default that nobody asked for.
func (r *parser) consider(s *Spec) {
	for _, f := range contradictions(s) {
		r.find(f)
	}
	for _, f := range idle(s) {
		if _, ok := r.Written[f.paths[0]]; ok {
			r.find(f)
		}
	}
	r.considerMatrices(s)
}

func (r *parser) find(f finding) {
	if slices.ContainsFunc(f.paths, func(p string) bool { return r.Bad[p] }) {
		return
	}
	at, path, found := r.Start, f.paths[0], false
	for _, p := range f.paths {
		w, ok := r.Written[p]
		if override := ok && w.File != r.Start.File; override || ok && !found {
			at, path, found = w, p, true
			if override {
				break
			}
		}
	}
	if f.warning {
		r.Warn(at, path, f.msg)
		return
	}
	r.Fail(at, path, "%s", f.msg)
}

// contradictions are combinations that cannot be run, and, as warnings, those
// that will not give what their author expects.
func contradictions(s *Spec) findings {
	var out findings
	fail, warn := out.fail, out.warn
	p, c, g, k := &s.Produce, &s.Consume, &s.Group, &s.Records.Keys

	fail(p.Chunk > p.Window, []string{"produce.chunk", "produce.window"},
		"a call of %d records does not fit into a window of %d; write a smaller chunk or a larger window", p.Chunk, p.Window)
	fail(p.Idempotent && p.Acks != "all", []string{"produce.idempotent", "produce.acks"},
		"idempotent needs acks all, not %s; write acks: all or idempotent: false", p.Acks)
	fail(p.Idempotent && p.Retries == 0, []string{"produce.retries", "produce.idempotent"},
		"idempotent makes retries safe, but there are none; write retries of at least 1 or idempotent: false")
	fail(p.Idempotent && p.InFlight > 5, []string{"produce.inflight", "produce.idempotent"},
		"a broker keeps order for 5 requests in flight of an idempotent producer, not %d; write at most 5", p.InFlight)
	fail(p.Rate.Max && p.Schedule.Kind != "constant", []string{"produce.schedule", "produce.rate"},
		"at rate max records have no intended times, so there is no %s schedule; write a rate such as 600/s or schedule: constant", p.Schedule.Kind)
	most := map[string]int{"gzip": 9, "lz4": 9, "zstd": 22}[p.Codec]
	fail(p.Level > 0 && most == 0, []string{"produce.level", "produce.codec"},
		"the codec %s has no levels; write level: 0, or codec gzip, lz4 or zstd", p.Codec)
	fail(p.Level > most && most > 0, []string{"produce.level", "produce.codec"},
		"%s has levels up to %d, not %d; write 0 to %d", p.Codec, most, p.Level, most)

	key := 0
	if k.Kind != "none" {
		key = k.Size
	}
	fail(k.Kind != "none" && k.Count*k.Size > maxKeyBytes, []string{"records.keys.count", "records.keys.size"},
		"%d keys of %d bytes are more than %d MiB, and every producer holds them all; write fewer or shorter keys", k.Count, k.Size, maxKeyBytes>>20)
	largest := s.Records.Size.Largest() + key
	fail(largest+batchOverhead > p.Batch.Bytes, []string{"records.size", "produce.batch.bytes", "records.keys.size"},
		"a record of %d bytes, its key included, does not fit into a batch of %d; write batch.bytes of at least %d or smaller records",
		largest, p.Batch.Bytes, largest+batchOverhead)
	warn(p.Batch.Records > 0 && float64(p.Batch.Records)*(s.Records.Size.Mean()+float64(key)) > float64(p.Batch.Bytes),
		[]string{"produce.batch.records", "produce.batch.bytes", "records.size"},
		"%d records of %.0f bytes do not fit into a batch of %d bytes, so the bytes decide; clients count them differently",
		p.Batch.Records, s.Records.Size.Mean()+float64(key), p.Batch.Bytes)

	fail(c.Members == 0 && c.Backlog > 0, []string{"consume.backlog", "consume.members"},
		"nobody reads the backlog; write consume.members: 1")
	fail(c.Backlog > 0 && !p.Rate.Max, []string{"produce.rate", "consume.backlog"},
		"a backlog is filled as fast as it can be; write produce.rate: max")
	fail(c.Backlog > 0 && p.By != "reference", []string{"produce.by", "consume.backlog"},
		"a backlog is filled by the reference producer, so that every client reads the same batches; write produce.by: reference")
	fail(c.Backlog > 0 && c.Members > 1, []string{"consume.members", "consume.backlog"},
		"a backlog is read by one member, not by %d; write consume.members: 1", c.Members)
	fail(c.Backlog > 0 && c.Start != "earliest", []string{"consume.start", "consume.backlog"},
		"a member that starts at the latest record reads nothing of a backlog; write start: earliest")
	fail(c.Members == 0 && p.By == "reference", []string{"produce.by", "consume.members"},
		"the reference producer sends and nobody reads, so no client is compared; write by: arm or members of at least 1")
	fail(c.Fetch.MaxPartition > c.Fetch.Max, []string{"consume.fetch.max_partition", "consume.fetch.max"},
		"max_partition is %d and so more than max, %d; make it at most as large", c.Fetch.MaxPartition, c.Fetch.Max)
	fail(c.Fetch.Min > c.Fetch.Max, []string{"consume.fetch.min", "consume.fetch.max"},
		"min is %d and so more than max, %d; make it at most as large", c.Fetch.Min, c.Fetch.Max)
	warn(c.Members > s.Topic.Partitions, []string{"consume.members", "topic.partitions"},
		"%d members share %d partitions, so some are idle", c.Members, s.Topic.Partitions)
	fail(c.Commit.Mode == "marked" && c.Commit.Mark.Every > c.Commit.Every, []string{"consume.commit.mark.every", "consume.commit.every"},
		"marks every %s come too late for commits every %s; write at most %s",
		reader.ShowDuration(c.Commit.Mark.Every), reader.ShowDuration(c.Commit.Every), reader.ShowDuration(c.Commit.Every))

	fail(g.Heartbeat >= g.Session, []string{"group.heartbeat", "group.session"},
		"a heartbeat every %s cannot keep a session of %s alive; write a heartbeat of at most a third of it, %s",
		reader.ShowDuration(g.Heartbeat), reader.ShowDuration(g.Session), reader.ShowDuration((g.Session / 3).Truncate(time.Millisecond)))
	fail(len(s.Compare) > MostCompared, []string{"compare"},
		"%d figures are too many: the more there are, the more rounds each of them takes; write at most %d", len(s.Compare), MostCompared)
	out = append(out, groupNames(s)...)
	out = append(out, linkOfTrial(s)...)
	out = append(out, likely(s)...)
	return append(out, churnFindings(s)...)
}

// maxKeyBytes bounds the keys, which stand in the memory of each producer.
const maxKeyBytes = 256 << 20

// groupNames looks at names that depend on the group's protocol or on there
// being a group at all.
func groupNames(s *Spec) (out findings) {
	g := &s.Group
	names := classicAssignors()
	if g.Protocol == "consumer" {
		names = serverAssignors()
	}
	out.fail(len(g.Assignors) == 0, []string{"group.assignors"}, "no assignor is offered; write at least one, such as [range]")
	for _, a := range g.Assignors {
		out.fail(!slices.Contains(names, a), []string{"group.assignors", "group.protocol"},
			"the protocol %s has no assignor %s; write group.assignors of %s", g.Protocol, a, reader.Either(names))
	}
	if s.Consume.Members > 0 {
		return out
	}
	members := document().Field("group").Keys()
	for _, need := range s.Needs {
		out.fail(strings.HasPrefix(need, "group.") || strings.HasPrefix(need, "consume.") || slices.Contains(members, need),
			[]string{"needs", "consume.members"}, "%s is needed but nothing consumes; remove it or write members of at least 1", need)
	}
	return out
}

// idle are the fields that have no effect in this workload. To write one is a
// mistake where the field that silences it stands beside it, and a warning
// where it takes effect in other workloads of the same suite or run.
func idle(s *Spec) (out findings) {
	add := func(when, warning bool, why, cause string, paths ...string) {
		if !when {
			return
		}
		for _, p := range paths {
			out = append(out, finding{[]string{p, cause}, why, warning})
		}
	}
	const keys = "records.keys."
	add(s.Records.Keys.Kind == "none", false, "has no effect without keys; remove it or write kind: round-robin or zipf",
		keys+"kind", keys+"count", keys+"size")
	add(s.Records.Keys.Kind != "zipf", false, "has an effect with kind zipf alone; remove it or write kind: zipf",
		keys+"kind", keys+"skew")
	mode := s.Consume.Commit.Mode
	const commit = "consume.commit."
	if s.Consume.Members > 0 {
		add(mode != "auto" && mode != "marked", true, "has no effect in commit mode "+mode, commit+"mode", commit+"every")
		add(mode != "sync", true, "has an effect in commit mode sync alone", commit+"mode", commit+"records")
		add(mode != "marked", true, "has an effect in commit mode marked alone", commit+"mode", commit+"mark.every", commit+"mark.records")
	}
	if s.Consume.Members == 0 {
		for _, section := range []string{"consume", "group"} {
			for _, n := range document().Field(section).Leaves() {
				add(n.Path != "consume.members" && n.Path != "consume.backlog", true,
					"has no effect: nothing consumes, consume.members is 0", "consume.members", n.Path)
			}
		}
	}
	add(s.Kind() == Backlog, true, "has no effect with a backlog, which is measured from its second batch to a margin before its end",
		"consume.backlog", "phases.warmup", "phases.measure")
	add(s.Kind() == Backlog, true, "has no effect with a backlog, which one producer fills", "consume.backlog", "produce.producers")
	add(s.Produce.Rate.Max, true, "has no effect at rate max", "produce.rate", "produce.tick")
	linkIdle(s, add)
	return out
}
