package cluster

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// partitions of a topic are so many that each node has some: who leads them is drawn.
const partitions = 60

// oneOf starts an embedded cluster with a topic, and returns what node 1 leads of it.
func oneOf(t *testing.T) (c *Cluster, topic string, led []int32) {
	t.Helper()
	c = start(t, Options{Kind: Embedded})
	topic = Name(testRun, 1)
	if _, err := c.CreateTopic(deadline(t), topic, partitions, 3); err != nil {
		t.Fatal(err)
	}
	return c, topic, ledBy(t, c, topic, 1)
}

// ledBy is what a node leads of a topic, as another one knows it.
func ledBy(t *testing.T, c *Cluster, topic string, node int32) (led []int32) {
	t.Helper()
	leaders, err := c.internal.leaders(deadline(t), c.internal.raw.Broker(0), topic)
	if err != nil {
		t.Fatal(err)
	}
	for p, id := range leaders {
		if id == node {
			led = append(led, p)
		}
	}
	slices.Sort(led)
	return led
}

func obey(t *testing.T, c *Cluster, node int32, do Order) {
	t.Helper()
	if err := c.Order(deadline(t), node, do); err != nil {
		t.Fatal(err)
	}
}

// address is where a node listens.
func addressOf(t *testing.T, c *Cluster, node int32) string {
	t.Helper()
	all, err := c.Addresses(deadline(t))
	if err != nil {
		t.Fatal(err)
	}
	for addr, id := range all {
		if id == node {
			return addr
		}
	}
	t.Fatalf("node %d has no address among %v", node, all)
	return ""
}

// TestKillEmbeddedNode: a node that was killed takes no connections and has none, others
// lead what it led, and when it is back it is where it was. Nobody calls that a death.
func TestKillEmbeddedNode(t *testing.T) {
	for _, do := range []Order{Kill, Terminate} {
		c, topic, led := oneOf(t)
		if len(led) == 0 {
			t.Fatal("node 1 leads nothing")
		}
		addr := addressOf(t, c, 1)
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		obey(t, c, 1, do)
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("%s: its connections go on", do)
		}
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			t.Errorf("%s: it takes connections", do)
		}
		if left := ledBy(t, c, topic, 1); len(left) > 0 {
			t.Errorf("%s: it still leads %v", do, left)
		}
		if _, err := c.Serves(deadline(t), 1, []string{topic}, ""); err == nil {
			t.Errorf("%s: it says what it serves", do)
		}
		if err := c.Order(deadline(t), 1, Kill); err == nil || !strings.Contains(err.Error(), "it is gone already") {
			t.Errorf("%s, and again: %v", do, err)
		}
		obey(t, c, 1, StartNode)
		if err := c.AwaitWhole(deadline(t), 1, []string{topic}); err != nil {
			t.Error(err)
		}
		if back := addressOf(t, c, 1); back != addr {
			t.Errorf("it came back at %s, not %s", back, addr)
		}
		select {
		case err := <-c.Died():
			t.Errorf("%s: %v", do, err)
		default:
		}
	}
}

// TestStopEmbeddedNode: a node that stands still keeps its connections and answers nobody,
// and then all of them. The others go on.
func TestStopEmbeddedNode(t *testing.T) {
	c, topic, led := oneOf(t)
	if _, err := c.Serves(deadline(t), 1, []string{topic}, "g"); err != nil { // there is a connection
		t.Fatal(err)
	}
	obey(t, c, 1, Stop)
	answered := make(chan error, 1)
	go func() { answered <- c.AskMetadata(deadline(t), 1) }()
	if err := c.AskMetadata(deadline(t), 2); err != nil {
		t.Errorf("another node: %v", err)
	}
	select {
	case err := <-answered:
		t.Errorf("it answered, or its connection ended: %v", err)
	case <-time.After(300 * time.Millisecond):
	}
	obey(t, c, 1, Continue)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if now := ledBy(t, c, topic, 1); !slices.Equal(now, led) {
		t.Errorf("it leads %v, and led %v", now, led)
	}
}

// TestKillBesideStops: a node hands over what it leads whoever else stands still.
func TestKillBesideStops(t *testing.T) {
	c := start(t, Options{Kind: Embedded, Nodes: maxNodes})
	topic := Name(testRun, 1)
	if _, err := c.CreateTopic(deadline(t), topic, 20*maxNodes, 3); err != nil {
		t.Fatal(err)
	}
	if len(ledBy(t, c, topic, 1)) == 0 {
		t.Fatal("node 1 leads nothing")
	}
	for node := int32(2); node < maxNodes; node++ {
		obey(t, c, node, Stop)
	}
	obey(t, c, 1, Kill)
	if left := ledBy(t, c, topic, 1); len(left) > 0 {
		t.Errorf("it still leads %v", left)
	}
	for node := int32(2); node < maxNodes; node++ {
		obey(t, c, node, Continue)
	}
}

// TestMoveEmbedded: leaders and the coordinator move without a fault, and each node serves
// what it says.
func TestMoveEmbedded(t *testing.T) {
	c, topic, led := oneOf(t)
	const group = "moved"
	join := kmsg.NewPtrJoinGroupRequest()
	join.Group, join.SessionTimeoutMillis, join.RebalanceTimeoutMillis, join.ProtocolType = group, 10_000, 10_000, "consumer"
	join.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	if _, err := join.RequestWith(deadline(t), c.internal.raw); err != nil {
		t.Fatal(err)
	}
	was, err := c.Coordinator(deadline(t), group)
	if err != nil {
		t.Fatal(err)
	}
	serves := func(node int32) Serves {
		s, err := c.Serves(deadline(t), node, []string{topic}, group)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	produce(t, c.Access(), topic, partitions, 10)
	if _, err := c.EndOffsets(deadline(t), topic); err != nil {
		t.Fatal(err)
	}
	if s := serves(1); len(s.Leads[topic]) != len(led) || !serves(was).Coordinates {
		t.Errorf("node 1 serves %v and leads %v; node %d coordinates: %v", s, led, was, serves(was))
	}
	if err := errors.Join(c.MoveLeaders(deadline(t), 1, topic), c.MoveCoordinator(deadline(t), was, group)); err != nil {
		t.Fatal(err)
	}
	// Whoever had asked the old leaders finds the new ones.
	if ends, err := c.EndOffsets(deadline(t), topic); err != nil || len(ends) != partitions || ends[led[0]] != 10 {
		t.Errorf("the partitions end at %v, %v", ends, err)
	}
	if s := serves(1); len(s.Leads[topic]) > 0 || serves(was).Coordinates {
		t.Errorf("node 1 serves %v; node %d coordinates: %v", s, was, serves(was))
	}
	all := 0
	for node := range int32(3) {
		all += len(serves(node).Leads[topic])
	}
	if all != partitions {
		t.Errorf("%d partitions of %d are served", all, partitions)
	}
	// Where the new leader has nothing yet, what there is belongs to the one before.
	have, err := c.Replicas(deadline(t), topic, led[0])
	if err != nil {
		t.Fatal(err)
	}
	ask := kmsg.NewPtrOffsetForLeaderEpochRequest()
	ask.ReplicaID = -1
	ask.Topics = []kmsg.OffsetForLeaderEpochRequestTopic{{Topic: topic, Partitions: []kmsg.OffsetForLeaderEpochRequestTopicPartition{{Partition: led[0], CurrentLeaderEpoch: -1}}}}
	got, err := c.internal.raw.Broker(int(have[0])).Request(deadline(t), ask)
	if err != nil {
		t.Fatal(err)
	}
	if p := got.(*kmsg.OffsetForLeaderEpochResponse).Topics[0].Partitions[0]; p.ErrorCode != 0 || p.EndOffset != 10 || p.LeaderEpoch != 0 {
		t.Errorf("the first epoch ends as %+v, not at 10", p)
	}
}

// TestOrders: what there is not is refused, and so is a cluster of others.
func TestOrders(t *testing.T) {
	c, _, _ := oneOf(t)
	for _, f := range []struct {
		node int32
		do   Order
		want string
	}{{3, Kill, "there is no node 3; they are numbered from 0 to 2"}, {1, StartNode, "it is running"}, {1, "fly", "the simulated broker cannot fly"}} {
		if err := c.Order(deadline(t), f.node, f.do); err == nil || !strings.Contains(err.Error(), f.want) {
			t.Errorf("%s node %d: %v; want %q", f.do, f.node, err, f.want)
		}
	}
	if err := (&Cluster{}).Order(deadline(t), 1, Kill); err == nil || !strings.Contains(err.Error(), "was there before kbench") {
		t.Error(err)
	}
}

// TestPartitionOf: where Apache Kafka keeps a group, by names whose place is known.
func TestPartitionOf(t *testing.T) {
	for group, want := range map[string]int32{"test-group": 12, "": 0, "a": 97 % 50} {
		if got := partitionOf(group, 50); got != want {
			t.Errorf("%q is on %d, not %d", group, got, want)
		}
	}
}

// TestKafkaOrders: a node of Apache Kafka stands still and goes on, ends in good order and
// comes back in its directory; it is known by its process, and not taken for dead. That one
// is killed is in the tests of conduct.
func TestKafkaOrders(t *testing.T) {
	needKafka(t)
	c := start(t, Options{Kind: Kafka})
	topic := Name(testRun, 1)
	if _, err := c.CreateTopic(deadline(t), topic, 6, 3); err != nil {
		t.Fatal(err)
	}
	produce(t, c.Access(), topic, 6, 10)
	controller, err := c.Controller(deadline(t))
	if err != nil || controller < 1 || controller > 3 {
		t.Fatalf("controller %d, %v", controller, err)
	}
	have, err := c.Replicas(deadline(t), topic, 0)
	if err != nil || len(have) != 3 {
		t.Fatalf("replicas %v, %v", have, err)
	}
	leader := have[0]
	if err := c.MoveLeaders(deadline(t), leader, topic); err != nil {
		t.Error(err)
	}
	if now, err := c.Replicas(deadline(t), topic, 0); err != nil || now[0] == leader {
		t.Errorf("node %d leads it still: %v, %v", leader, now, err)
	}
	const group = "moved"
	coordinator, err := c.Coordinator(deadline(t), group)
	if err == nil {
		err = c.MoveCoordinator(deadline(t), coordinator, group)
	}
	if err != nil {
		t.Error(err)
	}
	eventually(t, func() error {
		if now, err := c.Coordinator(deadline(t), group); err != nil || now == coordinator {
			return fmt.Errorf("node %d coordinates it still: %v", now, err)
		}
		return nil
	})
	was := c.PIDs()
	obey(t, c, controller, Stop)
	obey(t, c, controller, Continue)
	obey(t, c, controller, Terminate)
	if err := c.Order(deadline(t), controller, Terminate); err == nil {
		t.Error("a node that has ended was ended")
	}
	obey(t, c, controller, StartNode)
	if err := c.Order(deadline(t), controller, StartNode); err == nil || !strings.Contains(err.Error(), "is running") {
		t.Errorf("a node that runs was started: %v", err)
	}
	now := c.PIDs()
	for i := range now {
		if ended := int32(i)+1 == controller; ended == (now[i] == was[i]) {
			t.Errorf("node %d was process %d and is %d", i+1, was[i], now[i])
		}
	}
	if err := errors.Join(c.AwaitWhole(deadline(t), controller, []string{topic}), c.Restore(deadline(t))); err != nil {
		t.Fatal(err)
	}
	ends, err := c.EndOffsets(deadline(t), topic)
	if err != nil {
		t.Fatal(err)
	}
	for p, end := range ends {
		if end != 10 {
			t.Errorf("partition %d ends at %d, not 10", p, end)
		}
	}
	select {
	case err := <-c.Died():
		t.Error(err)
	default:
	}
}
