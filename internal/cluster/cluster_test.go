package cluster

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/leak"
)

// The first argument makes this test binary a `kbench broker`, or a supervisor that
// starts one of the kind in the second.
const (
	brokerArg     = "act-as-broker"
	supervisorArg = "act-as-supervisor"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == brokerArg {
		os.Exit(actAsBroker())
	}
	if len(os.Args) > 2 && os.Args[1] == supervisorArg {
		os.Exit(actAsSupervisor(os.Args[2]))
	}
	leak.Main(m)
}

func actAsBroker() int {
	ctx, cancel := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer cancel()
	if err := Serve(ctx, Options{Log: os.Stderr}, os.Stdin, os.Stdout, true); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// actAsSupervisor starts a cluster of two nodes, prints the process ids of the
// nodes and then does nothing until it is killed.
func actAsSupervisor(kind string) int {
	c, err := Start(context.Background(), Options{Kind: kind, Nodes: 2, Log: os.Stderr}, launch.Local{}, self())
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Println(c.proc.PID(), c.pids[0], c.pids[1])
	time.Sleep(time.Hour)
	return 0
}

func self() []string { return []string{os.Args[0], brokerArg} }

// start starts a cluster that is stopped, without complaint, when the test ends.
func start(t *testing.T, o Options) *Cluster {
	t.Helper()
	ctx := deadline(t)
	o.Log = os.Stderr
	o.Progress = func(s string) { t.Log(s) }
	began := time.Now()
	c, err := Start(ctx, o, launch.Local{}, self())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s: ready after %v", c.Info().Title, time.Since(began).Round(10*time.Millisecond))
	t.Cleanup(func() {
		began := time.Now()
		if err := c.Stop(deadline(t)); err != nil {
			t.Error(err)
		}
		t.Logf("stopped after %v", time.Since(began).Round(10*time.Millisecond))
	})
	return c
}

// deadline is a bound that only a defect reaches: Apache Kafka may have to be
// fetched first.
func deadline(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 8*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// eventually asks until the answer is no error, for up to half a minute.
func eventually(t *testing.T, ask func() error) {
	t.Helper()
	err := ask()
	for range 300 {
		if err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
		err = ask()
	}
	t.Error(err)
}

// produce writes records 0..n-1 to each partition, with their number as value.
func produce(t *testing.T, a Access, topic string, partitions, n int) {
	t.Helper()
	cl, err := connect(a, kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var records []*kgo.Record
	for p := range partitions {
		for i := range n {
			records = append(records, &kgo.Record{Topic: topic, Partition: int32(p), Value: fmt.Appendf(nil, "%d", i)})
		}
	}
	if err := cl.ProduceSync(deadline(t), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
}
