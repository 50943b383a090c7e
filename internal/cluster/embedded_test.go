package cluster

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kbench/kbench/drivers"
)

// testRun is the run whose names tests give.
const testRun = "20261129-101500-0abc"

// exercise does on a cluster all that a trial does.
func exercise(t *testing.T, c *Cluster) {
	t.Helper()
	const partitions = 4
	topic, group, newer := Name(testRun, 1), Name(testRun, 2), Name(testRun, 3) // one of either protocol
	exerciseTopics(t, c, topic, partitions)
	// Heartbeat and session of KIP-848 are the broker's, before the group exists.
	const heartbeat, session = 700 * time.Millisecond, 7 * time.Second
	ctx := deadline(t)
	if s, err := c.GroupState(ctx, group); err != nil || s.State != "Dead" {
		t.Errorf("a group that does not exist is %q (%v), want Dead", s.State, err)
	}
	for _, g := range []string{group, newer} {
		if err := c.ClaimGroup(ctx, g); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.ConfigureGroup(ctx, newer, heartbeat, session); err != nil {
		t.Error(err)
	}
	if h, s, err := c.GroupTimes(ctx, newer); err != nil || h != heartbeat || s != session {
		t.Errorf("the group has heartbeat %s and session %s (%v), want %s and %s", h, s, err, heartbeat, session)
	}
	exerciseGroup(t, c, topic, group, partitions, false)
	exerciseGroup(t, c, topic, newer, partitions, true)
	exerciseDeletion(t, c, topic, group, newer)
	// They outlive the group on Apache Kafka, where they are its own. What one node
	// was told the others hear a little later.
	if c.Info().Kind == Kafka {
		eventually(t, func() error {
			h, s, err := c.GroupTimes(ctx, newer)
			if err == nil && (h == heartbeat || s == session) {
				err = fmt.Errorf("a deleted group has heartbeat %s and session %s still", h, s)
			}
			return err
		})
	}
}

// exerciseNodes asks every node by itself. One that is not there has no answer.
func exerciseNodes(t *testing.T, c *Cluster, topic string, leaders map[int32]int32) {
	t.Helper()
	ctx := deadline(t)
	ids, err := c.Nodes(ctx)
	addresses, aerr := c.Addresses(ctx)
	if slices.Sort(ids); err != nil || aerr != nil || len(ids) != c.Info().Nodes || !slices.Equal(ids, slices.Sorted(maps.Values(addresses))) {
		t.Errorf("the nodes are %v, at %v; %v, %v", ids, addresses, err, aerr)
	}
	for _, id := range ids {
		if err := errors.Join(c.AskMetadata(ctx, id), c.AskGroup(ctx, id, topic)); err != nil {
			t.Errorf("node %d: %v", id, err)
		}
	}
	for p, id := range leaders {
		if err := c.AskEnd(ctx, id, topic, p); err != nil {
			t.Errorf("end of partition %d, from node %d: %v", p, id, err)
		}
	}
	if c.AskMetadata(ctx, 4711) == nil {
		t.Error("a node that is not there has answered")
	}
}

// exerciseTopics creates a topic, fills it and reads it back, and another, which
// it deletes.
func exerciseTopics(t *testing.T, c *Cluster, topic string, partitions int) {
	t.Helper()
	ctx := deadline(t)
	const records = 100
	used, err := c.CreateTopic(ctx, topic, partitions, 5)
	if err != nil {
		t.Fatal(err)
	}
	if used != c.Info().Nodes {
		t.Errorf("replication became %d, want %d", used, c.Info().Nodes)
	}
	leaders, err := c.Leaders(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	want := map[int32]int64{}
	for p := range int32(partitions) {
		if leader, ok := leaders[p]; !ok || leader < 0 {
			t.Errorf("partition %d has no leader: %v", p, leaders)
		}
		want[p] = records
	}
	exerciseNodes(t, c, topic, leaders)
	produce(t, c.Access(), topic, partitions, records)
	ends, err := c.EndOffsets(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(ends, want) {
		t.Fatalf("end offsets %v, want %v", ends, want)
	}
	other := topic + "-2"
	if _, err := c.CreateTopic(ctx, other, 1, 1); err != nil {
		t.Fatal(err)
	}
	produce(t, c.Access(), other, 1, 7)
	both, err := c.EndOffsetsOf(ctx, topic, other)
	if want := (map[string]map[int32]int64{topic: ends, other: {0: 7}}); err != nil || !maps.EqualFunc(both, want, maps.Equal) {
		t.Errorf("end offsets %v (%v), want %v", both, err, want)
	}
	if err := c.DeleteTopic(ctx, other); err != nil {
		t.Error(err)
	}

	next := map[int32]int64{}
	ends[3] = 10 // an end before the last record
	err = ReadBack(ctx, c.Access(), topic, nil, ends, func(p int32, offset int64, _, value []byte) {
		if offset != next[p] || string(value) != strconv.FormatInt(offset, 10) {
			t.Errorf("partition %d: offset %d with value %q, want offset and value %d", p, offset, value, next[p])
		}
		next[p]++
	})
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(next, ends) {
		t.Errorf("read back to %v, want %v", next, ends)
	}
}

// exerciseDeletion finds what is left, deletes it and finds no more.
func exerciseDeletion(t *testing.T, c *Cluster, topic string, groups ...string) {
	t.Helper()
	ctx := deadline(t)
	gotTopics, gotGroups, err := c.Alike(ctx)
	if err != nil {
		t.Fatal(err)
	}
	gotTopics = slices.DeleteFunc(gotTopics, func(name string) bool { return name == leaseName(testRun) })
	if want := []string{topic}; !slices.Equal(gotTopics, want) {
		t.Errorf("topics left %v, want %v", gotTopics, want)
	}
	if !slices.Equal(gotGroups, groups) {
		t.Errorf("groups left %v, want %v", gotGroups, groups)
	}
	// What is gone already is not an error.
	for _, g := range groups {
		if err := errors.Join(c.DeleteGroup(ctx, g), c.deleteGroup(ctx, g)); err != nil {
			t.Error(err)
		}
	}
	if err := errors.Join(c.DeleteTopic(ctx, topic), c.deleteTopic(ctx, topic)); err != nil {
		t.Error(err)
	}
	eventually(t, func() error {
		topics, groups, err := c.Alike(ctx)
		topics = slices.DeleteFunc(topics, func(name string) bool { return name == leaseName(testRun) })
		if err == nil && len(topics)+len(groups) > 0 {
			err = fmt.Errorf("left after deletion: %v %v", topics, groups)
		}
		return err
	})
}

// exerciseGroup has one member, of either protocol, consume and commit the topic.
// The classic one is static: it stays in the group when its client is closed.
func exerciseGroup(t *testing.T, c *Cluster, topic, group string, partitions int, consumer bool) {
	t.Helper()
	ctx := deadline(t)
	opts := []kgo.Opt{
		kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ClientID("tester"), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	}
	if !consumer {
		opts = append(opts, kgo.InstanceID("one"), kgo.Balancers(kgo.RangeBalancer()))
	} else {
		opts = append(opts, kgo.ServerSideBalancer(), kgo.Balancers(kgo.RangeBalancer()))
	}
	cl, err := connect(c.Access(), opts...)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var got []*kgo.Record
	for len(got) < partitions*100 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("%d records consumed: %v", len(got), err)
		}
		got = append(got, fetches.Records()...)
	}
	if err := cl.CommitRecords(ctx, got...); err != nil {
		t.Fatal(err)
	}
	node, err := c.Coordinator(ctx, group)
	if err != nil || node < 0 {
		t.Errorf("coordinator is %d (%v)", node, err)
	}
	want := map[int32]int64{}
	var parts []drivers.TopicPartition
	for p := range int32(partitions) {
		want[p] = 100
		parts = append(parts, drivers.TopicPartition{Topic: topic, Partition: p})
	}
	all, err := c.Committed(ctx, group, topic, "another")
	if want := (map[string]map[int32]int64{topic: want, "another": {}}); err != nil || !maps.EqualFunc(all, want, maps.Equal) {
		t.Errorf("committed %v (%v), want %v", all, err, want)
	}
	s, err := c.GroupState(ctx, group)
	if err != nil {
		t.Fatal(err)
	}
	if s.State != "Stable" || len(s.Members) != 1 {
		t.Fatalf("group is %+v, want Stable with one member", s)
	}
	m := s.Members[0]
	if m.ClientID != "tester" || m.ID == "" || !slices.Equal(m.Parts, parts) {
		t.Errorf("member is %+v, want client tester with %v", m, parts)
	}
	if !consumer && m.Instance != "one" {
		t.Errorf("instance is %q, want one", m.Instance)
	}
}

func TestEmbedded(t *testing.T) {
	c := start(t, Options{Kind: Embedded})
	if parent := c.ParentPID(); parent != 0 {
		t.Errorf("process %d is said to be the parent of nodes that have none", parent)
	}
	if c.Info().Nodes != 3 || len(c.PIDs()) != 1 || len(c.pids) != 3 {
		t.Errorf("%d nodes in processes %v, %v; want 3 in one process", c.Info().Nodes, c.PIDs(), c.pids)
	}
	exercise(t, c)
}

func TestEmbeddedTLSAndSCRAM(t *testing.T) {
	c := start(t, Options{Kind: Embedded, Nodes: 1, Security: Security{TLS: true, SASL: "SCRAM-SHA-256"}})
	exercise(t, c)
	refusesStrangers(t, c)
}

// TestSegments: the log grows in short files, unless a property says otherwise.
func TestSegments(t *testing.T) {
	for props, want := range map[string]string{"": strconv.Itoa(segmentBytes), "log.segment.bytes": "4096"} {
		o := Options{Kind: Embedded, Nodes: 1}
		if props != "" {
			o.Props = map[string]string{props: want}
		}
		c := start(t, o)
		described, err := c.internal.DescribeBrokerConfigs(deadline(t), 0)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, config := range described[0].Configs {
			if config.Key == "log.segment.bytes" && config.Value != nil {
				got = *config.Value
			}
		}
		if got != want {
			t.Errorf("with %q a segment has %q bytes, want %s", props, got, want)
		}
	}
}
