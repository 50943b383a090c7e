package arm_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

func ptr[T any](v T) *T { return &v }

// Events of a tap.
func produced(acks int16, timeout int32, batches ...record.Batch) record.Event {
	return record.Event{K: record.EvProduce, Acks: &acks, TimeoutMs: timeout, Batches: batches}
}

func packed(codec string, records int32) record.Event {
	return produced(-1, 1000, record.Batch{Codec: codec, Records: records, Bytes: 100 * records})
}

func fetched(wait int32) record.Event {
	return record.Event{K: record.EvFetch, MaxWaitMs: &wait, MinBytes: ptr[int32](3), MaxBytes: 700, PartitionMaxBytes: 70, Isolation: ptr[int8](1)}
}

func request(api kmsg.Key, e record.Event) record.Event {
	e.K, e.API = record.EvRequest, int16(api)
	return e
}

func joined(instance string, protocols ...string) record.Event {
	return request(kmsg.JoinGroup, record.Event{Member: "m", Instance: instance, Protocols: protocols, SessionMs: 6000, RebalanceMs: 9000})
}

// beats are heartbeats at these times, in ms.
func beats(api kmsg.Key, member string, at ...int64) (out []record.Event) {
	for _, ms := range at {
		out = append(out, request(api, record.Event{T: ms * 1e6, Member: member, Generation: 3}))
	}
	return out
}

func times(n int, e record.Event) (out []record.Event) {
	for range n {
		out = append(out, e)
	}
	return out
}

const (
	fine   = "as claimed"
	lie    = "a lie"
	noted  = "noted"
	unseen = "not seen"
)

// verdict is one word for what a check says.
func verdict(c results.WireCheck) string {
	switch {
	case c.Lie:
		return lie
	case !c.OK:
		return noted
	case c.Seen == "":
		return unseen
	default:
		return fine
	}
}

// TestWhatALieIs has a case for each rule by which what a tap saw is read and held
// against a claim; without that rule, that case fails.
func TestWhatALieIs(t *testing.T) {
	full := workloads.Spec{Topic: workloads.Topic{Partitions: 2}, Produce: workloads.Produce{Rate: workloads.Rate{Max: true}, Window: 400}}
	narrow, paced := full, full
	narrow.Produce.Window = 399
	paced.Produce.Rate = workloads.Rate{PerSecond: 9}

	approx := drivers.Approx
	f := func(rule, key, claim string, fidelity drivers.Fidelity, spec workloads.Spec, want string, events ...record.Event) {
		t.Helper()
		w := new(arm.Wire)
		for _, e := range events {
			w.Take(e)
		}
		plan := []results.PlanLine{{Role: results.RoleConsumer, Key: key, Claim: claim, Fidelity: string(fidelity)}}
		checks := w.Check("w", results.RoleConsumer, &spec, plan)
		if len(checks) != 1 || verdict(checks[0]) != want {
			t.Errorf("%s: %+v, want: %s", rule, checks, want)
			return
		}
		if told := arm.Lies(checks); (len(told) == 1) != (want == lie) {
			t.Errorf("%s: the lies are %q, want: %s", rule, told, want)
		}
	}
	claim := func(rule, key, value, want string, events ...record.Event) {
		t.Helper()
		f(rule, key, value, drivers.Exact, full, want, events...)
	}

	// What is read where.
	for _, e := range []struct {
		key, value string
		event      record.Event
	}{
		{drivers.KeyAcks, "-1", packed("none", 1)},
		{drivers.KeyAckTimeout, "1000", packed("none", 1)},
		{drivers.KeyCodec, "lz4", packed("lz4", 1)},
		{drivers.KeyFetchWait, "250", fetched(250)},
		{drivers.KeyFetchMin, "3", fetched(250)},
		{drivers.KeyFetchMax, "700", fetched(250)},
		{drivers.KeyFetchMaxPartition, "70", fetched(250)},
		{drivers.KeyIsolation, "1", fetched(250)},
		{drivers.KeySession, "6000", joined("", "range")},
		{drivers.KeyRebalance, "9000", joined("", "range")},
		{drivers.KeyAssignors, "sticky,range", joined("", "sticky", "range")},
		{drivers.KeyStatic, "true", joined("i")},
		{drivers.KeyProtocol, "classic", joined("")},
		{drivers.KeyProtocol, "consumer", request(kmsg.ConsumerGroupHeartbeat, record.Event{})},
		{drivers.KeyRebalance, "9000", request(kmsg.ConsumerGroupHeartbeat, record.Event{RebalanceMs: 9000})},
		{drivers.KeyAssignors, "uniform", request(kmsg.ConsumerGroupHeartbeat, record.Event{Protocols: []string{"uniform"}})},
		{drivers.KeyStatic, "true", request(kmsg.ConsumerGroupHeartbeat, record.Event{Instance: "i"})},
	} {
		claim(e.key+" is read", e.key, e.value, fine, e.event)
		claim(e.key+" is another", e.key, e.value+"0", lie, e.event)
	}

	// What is not there is not read.
	produce, fetch := record.Event{K: record.EvProduce}, record.Event{K: record.EvFetch}
	claim("a produce request without acks", drivers.KeyAcks, "-1", unseen, produce)
	claim("a fetch without a wait", drivers.KeyFetchWait, "250", unseen, fetch)
	claim("a fetch without a least", drivers.KeyFetchMin, "3", unseen, fetch)
	claim("a fetch of no partition", drivers.KeyFetchMaxPartition, "70", unseen, fetch)
	claim("a fetch without isolation", drivers.KeyIsolation, "1", unseen, fetch)
	later := request(kmsg.ConsumerGroupHeartbeat, record.Event{Generation: 3})
	claim("a later beat has no rebalance timeout", drivers.KeyRebalance, "9000", unseen, later)
	claim("a later beat has no assignors", drivers.KeyAssignors, "uniform", unseen, later)
	claim("a later beat has no instance", drivers.KeyStatic, "true", unseen, later)
	claim("nothing at all", drivers.KeyAcks, "-1", unseen)

	// Every value is held against the claim, not the last or most.
	claim("one of many", drivers.KeyAcks, "-1", lie, append(times(9, packed("none", 1)), produced(1, 1000))...)

	// What does not shrink goes as it is, which its data decide.
	data := func(rule string, entropy float64, keys int, want string, events ...record.Event) {
		t.Helper()
		spec := full
		spec.Records = workloads.Records{Size: workloads.Size{Fixed: 100}, Entropy: entropy, Keys: workloads.Keys{Kind: "none"}}
		if keys > 0 {
			spec.Records.Keys = workloads.Keys{Kind: "zipf", Size: keys}
		}
		f(rule, drivers.KeyCodec, "lz4", drivers.Exact, spec, want, events...)
	}
	data("a small batch goes as it is", 0.5, 0, fine, packed("lz4", 30), packed("none", 20))
	data("small ones alone tell nothing", 0.5, 0, unseen, packed("none", 20))
	data("a large one would have shrunk", 0.5, 0, lie, packed("lz4", 30), packed("none", 21))
	data("nothing was compressed", 0.5, 0, lie, packed("none", 21))
	data("random data do not shrink", 1, 0, unseen, packed("none", 300))
	data("nearly random data may not", 0.91, 0, unseen, packed("none", 300))
	data("a tenth redundant does", 0.9, 0, lie, packed("none", 300))
	data("long keys are random", 0.9, 1, unseen, packed("none", 300))
	data("by another codec, of whatever data", 1, 0, lie, packed("gzip", 1))
	claim("by another codec", drivers.KeyCodec, "lz4", lie, packed("lz4", 1), packed("gzip", 1))
	claim("none is only a codec", drivers.KeyAssignors, "lz4", lie, joined("", "lz4"), joined("", "none"))

	// A timeout that the client counts down may go out shorter, now and then by
	// much; it is a lie where most of them do, or where one is longer than claimed.
	counted := func(rule string, fidelity drivers.Fidelity, want string, events ...record.Event) {
		t.Helper()
		f(rule, drivers.KeyFetchWait, "250", fidelity, full, want, events...)
	}
	counted("one shorter, exactly claimed", drivers.Exact, lie, append(times(9, fetched(250)), fetched(249))...)
	counted("a little shorter", approx, fine, append(times(5, fetched(249)), fetched(231))...)
	counted("some much shorter", approx, fine, append(times(5, fetched(250)), times(4, fetched(110))...)...)
	counted("most much shorter", approx, lie, append(times(4, fetched(250)), times(5, fetched(110))...)...)
	counted("half are no most", approx, lie, fetched(250), fetched(110))
	counted("half of the claim is not near it", approx, lie, times(3, fetched(125))...)
	counted("one longer", approx, lie, append(times(99, fetched(250)), fetched(251))...)
	f("the ack timeout is counted down too", drivers.KeyAckTimeout, "1001", approx, full, fine, produced(-1, 1000))
	f("a session is not", drivers.KeySession, "6001", approx, full, lie, joined(""))
	f("what is no number is not", drivers.KeyFetchWait, "long", approx, full, lie, fetched(250))

	// A beat is held against the median, with room on both sides.
	beat := func(rule, want string, events ...record.Event) {
		t.Helper()
		claim(rule, drivers.KeyHeartbeat, "1000", want, events...)
	}
	beat("too few to tell", unseen, beats(kmsg.Heartbeat, "m", 0, 5000, 10000)...)
	beat("three gaps tell", noted, beats(kmsg.Heartbeat, "m", 0, 5000, 10000, 15000)...)
	beat("one that is late", fine, beats(kmsg.Heartbeat, "m", 0, 1000, 2000, 9000)...)
	beat("a quarter more", fine, beats(kmsg.Heartbeat, "m", 0, 1250, 2500, 3750)...)
	beat("more than that", noted, beats(kmsg.Heartbeat, "m", 0, 1251, 2502, 3753)...)
	beat("a quarter less", fine, beats(kmsg.Heartbeat, "m", 0, 750, 1500, 2250)...)
	beat("less than that", noted, beats(kmsg.Heartbeat, "m", 0, 749, 1498, 2247)...)
	beat("those of KIP-848", fine, beats(kmsg.ConsumerGroupHeartbeat, "m", 0, 1000, 2000, 3000)...)
	beat("each member's own", unseen, append(beats(kmsg.Heartbeat, "m", 0, 1000), beats(kmsg.Heartbeat, "n", 100, 1100)...)...)

	// A batch may be a little larger than the cap, and must be full where it can be.
	batch := func(rule, limit string, spec workloads.Spec, want string, events ...record.Event) {
		t.Helper()
		f(rule, drivers.KeyBatchRecords, limit, drivers.Exact, spec, want, events...)
	}
	batch("the largest", "100", full, fine, packed("none", 1), packed("none", 100), packed("none", 2))
	batch("a little over", "100", full, fine, packed("none", 105))
	batch("over", "100", full, lie, packed("none", 106))
	batch("nearly full", "100", full, fine, packed("none", 95))
	batch("not full", "100", full, noted, packed("none", 94))
	batch("a window that does not fill two", "100", narrow, fine, packed("none", 94))
	batch("a rate that does not fill one", "100", paced, fine, packed("none", 94))
	batch("no batch was sampled", "100", full, unseen, produced(-1, 1000))
	batch("no limit", "0", full, unseen, packed("none", 100))
	batch("no number", "many", full, unseen, packed("none", 100))
}

// TestClaimsOfARole: a worker answers for what is claimed of its role, and for
// nothing that is not claimed.
func TestClaimsOfARole(t *testing.T) {
	w := new(arm.Wire)
	w.Take(packed("gzip", 1))
	plan := []results.PlanLine{
		{Role: results.RoleReference, Key: drivers.KeyCodec, Claim: "lz4"},
		{Role: results.RoleProducer, Key: drivers.KeyCodec},
		{Role: results.RoleProducer, Key: drivers.KeyAcks, Claim: "-1"},
	}
	got := w.Check("producer-0", results.RoleProducer, new(workloads.Spec), plan)
	if len(got) != 1 || got[0].Key != drivers.KeyAcks || got[0].Worker != "producer-0" || !got[0].OK {
		t.Errorf("%+v, want the acks of producer-0 alone", got)
	}
}

// TestUnreadable: frames that nobody can read are counted.
func TestUnreadable(t *testing.T) {
	w := new(arm.Wire)
	w.Take(record.Event{K: record.EvWire, Unknown: 2})
	w.Take(record.Event{K: record.EvWire, Unknown: 1})
	if w.Unknown != 3 {
		t.Errorf("%d frames could not be read, want 3", w.Unknown)
	}
}

// TestUntapped: who has records to show must have been seen asking for them.
func TestUntapped(t *testing.T) {
	f := func(what string, kinds []record.Kind, asked []kmsg.Key, words ...string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "d.bin")
		d, err := record.CreateDeliveries(file, record.DeliveriesMeta{Topics: []string{"t"}})
		if err != nil {
			t.Fatal(err)
		}
		for i, k := range kinds {
			d.Lane(k, 0, 0, uint32(i)).Add(0, uint64(i), int64(i), 1, 1)
		}
		if err := errors.Join(d.Err(), d.Close()); err != nil {
			t.Fatal(err)
		}
		w := new(arm.Wire)
		for _, k := range []kmsg.Key{kmsg.Produce, kmsg.Fetch, kmsg.JoinGroup} { // answers alone
			w.Take(record.Event{K: record.EvWire, Wire: []record.WireAPI{{API: int16(k)}}})
		}
		for _, k := range asked {
			w.Take(record.Event{K: record.EvWire, Wire: []record.WireAPI{{API: int16(k), Requests: 1}}})
		}
		got, err := w.Untapped("w", file)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(got, "the tap saw no"); n != len(words) {
			t.Errorf("%s: %q, want %d complaints", what, got, len(words))
		}
		for _, word := range words {
			if !strings.Contains(got, fmt.Sprintf("no %s request of w", word)) {
				t.Errorf("%s: %q does not complain of %s", what, got, word)
			}
		}
	}
	acked, delivered := []record.Kind{record.Acked}, []record.Kind{record.Delivered}
	f("who did nothing", nil, nil)
	f("acks of nothing", acked, nil, "Produce")
	f("acks", acked, []kmsg.Key{kmsg.Produce})
	f("records from nowhere", delivered, nil, "Fetch", "JoinGroup")
	f("damaged ones count", []record.Kind{record.Corrupt}, nil, "Fetch", "JoinGroup")
	f("records of no group", delivered, []kmsg.Key{kmsg.Fetch}, "JoinGroup")
	f("records without a fetch", delivered, []kmsg.Key{kmsg.JoinGroup}, "Fetch")
	f("a member", delivered, []kmsg.Key{kmsg.Fetch, kmsg.JoinGroup})
	f("a member of KIP-848", delivered, []kmsg.Key{kmsg.Fetch, kmsg.ConsumerGroupHeartbeat})
	f("what failed is not shown", []record.Kind{record.Failed}, nil)
	if _, err := new(arm.Wire).Untapped("w", filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a file that is not there was read")
	}
}
