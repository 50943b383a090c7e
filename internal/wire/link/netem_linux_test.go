package link

import (
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/results/record"
)

// lossOf is the loss in the comparison with netem, and trips how often it is tried.
const (
	lossOf = 0.1
	trips  = 300
)

// TestNetem holds the stand-in for loss against the real thing, where there is one: the
// same round trips, one small request and response at a time, over the loopback of a
// network namespace in which netem drops packets, and over the link. A timing never
// decides: as many trips must be held up, within what chance allows, and by the median
// for about as long.
func TestNetem(t *testing.T) {
	if os.Getenv("KBENCH_IN_NAMESPACE") != "" {
		t.Skip("it is the other half")
	}
	inside := exec.Command("unshare", "--net", "--map-root-user", "sh", "-c",
		"ip link set lo up && tc qdisc add dev lo root netem loss "+strconv.Itoa(int(100*lossOf))+"% && exec "+os.Args[0]+" -test.run '^TestTrips$' -test.v")
	inside.Env = append(os.Environ(), "KBENCH_IN_NAMESPACE=1")
	said, err := inside.CombinedOutput()
	if err != nil && !strings.Contains(string(said), "--- FAIL") {
		t.Skipf("no packets can be lost for real here: %v: %s", err, strings.TrimSpace(string(said)))
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var real []time.Duration
	for line := range strings.Lines(string(said)) {
		if _, ns, is := strings.Cut(line, "trip "); is {
			n, err := strconv.ParseInt(strings.TrimSpace(ns), 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			real = append(real, time.Duration(n))
		}
	}
	l := New(Options{Now: func() int64 { return int64(time.Since(began)) }, Emit: func(record.Event) {}, Seed: 1, Worker: "consumer-0", Law: Law{Loss: lossOf, Out: true, In: true, Share: 1}})
	defer l.Close()
	ours := tripsOver(t, func(c net.Conn) net.Conn { return l.Wrap(c, 1, "b:1", 0) })
	share, median := heldUp(real)
	ownShare, ownMedian := heldUp(ours)
	t.Logf("of %d trips netem held up %.3f, by the median for %s; the link %.3f, for %s", len(real), share, median, ownShare, ownMedian)
	// An acknowledgement that is lost holds nothing up that has been answered.
	if far := 3 * math.Sqrt(2*share*(1-share)/trips); math.Abs(share-ownShare) > far+0.03 {
		t.Errorf("netem held %.3f of the trips up, the link %.3f", share, ownShare)
	}
	if ratio := float64(ownMedian) / float64(median); ratio < 0.67 || ratio > 1.5 {
		t.Errorf("netem held trips up for %s, the link for %s", median, ownMedian)
	}
}

var began = time.Now()

// TestTrips is the half of TestNetem in the namespace.
func TestTrips(t *testing.T) {
	if os.Getenv("KBENCH_IN_NAMESPACE") == "" {
		t.Skip("TestNetem runs it")
	}
	for _, took := range tripsOver(t, func(c net.Conn) net.Conn { return c }) {
		t.Logf("trip %d", took)
	}
}

// tripsOver are the times of round trips over a connection of this host.
func tripsOver(t *testing.T, wrap func(net.Conn) net.Conn) (took []time.Duration) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		node, err := listener.Accept()
		if err != nil {
			return
		}
		defer node.Close()
		_, _ = io.Copy(node, node)
	}()
	c, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client := wrap(c)
	defer client.Close()
	for range trips {
		took = append(took, ask(t, client, 100))
	}
	return took
}

// heldUp is the share of trips that a loss held up, and the median of those.
func heldUp(took []time.Duration) (share float64, median time.Duration) {
	held := slices.DeleteFunc(slices.Clone(took), func(d time.Duration) bool { return d < 50*ms })
	if len(held) == 0 {
		return 0, 0
	}
	slices.Sort(held)
	return float64(len(held)) / float64(len(took)), held[len(held)/2]
}
