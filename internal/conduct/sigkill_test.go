package conduct_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

const (
	sigkillSeed     = 20
	sigkillAtOnce   = 8
	sigkillRecords  = 60_000 // more than a consumer reads before it is killed
	sigkillTopic    = "sigkill"
	sigkillWithin   = 400 * time.Millisecond // of the first commit that the broker has
	sigkillConsumer = 30                     // unless KBENCH_SIGKILL says how many
)

// TestSigkillTellsNoLies kills consumers at a random instant while they commit
// about every millisecond. Whatever a killed member had committed, its spans must
// show as delivered: else the audit would call records lost that were handled.
func TestSigkillTellsNoLies(t *testing.T) {
	onEmbedded(t)
	n := sigkillConsumer
	if s := os.Getenv("KBENCH_SIGKILL"); s != "" {
		var err error
		if n, err = strconv.Atoi(s); err != nil {
			t.Fatalf("KBENCH_SIGKILL: %v", err)
		}
	}
	// franz-go mostly: it is the one with both modes that commit as often as
	// they are told to.
	turns := [...]string{"franz-go", "sarama", "franz-go", "kafka-go"}
	began := time.Now()
	lost := int64(0)
	for client, v := range startSigkill(t).kill(t, 0, n, turns[:]) {
		t.Logf("%s: %d consumers killed, %d records committed, %d delivered and not committed", client, v.consumers, v.committed, v.unread)
		if v.committed == 0 {
			t.Errorf("%s committed nothing, so nothing was shown", client)
		}
		if v.lost > 0 {
			t.Errorf("%s: %d committed records are in no span", client, v.lost)
		}
		lost += v.lost
	}
	t.Logf("%d consumers in %s: %d false losses", n, time.Since(began).Round(time.Second), lost)
}

// TestSigkillFindsALie is the same with a client that commits one record more
// than was handled: what the test above never sees, it would see.
func TestSigkillFindsALie(t *testing.T) {
	onEmbedded(t)
	const liar = "franz-go+overcommit"
	k := startSigkill(t)
	// A kill shows the lie only where it comes between a commit and its record.
	var committed int64
	for killed := 0; killed < 20*sigkillAtOnce; killed += sigkillAtOnce {
		v := k.kill(t, killed, sigkillAtOnce, []string{liar})[liar]
		if v.lost > 0 {
			return
		}
		committed += v.committed
	}
	t.Errorf("%d records committed by a client that commits too much, and none is missing", committed)
}

// kill kills n consumers, numbered from first on, of the clients in turn, and
// adds up the verdicts of each client.
func (k *sigkill) kill(t *testing.T, first, n int, turns []string) map[string]verdict {
	t.Helper()
	var mu sync.Mutex
	sums := map[string]verdict{}
	var g sync.WaitGroup
	free := make(chan struct{}, sigkillAtOnce)
	for i := first; i < first+n; i++ {
		free <- struct{}{}
		g.Go(func() {
			defer func() { <-free }()
			client := turns[i%len(turns)]
			v, err := k.victim(bounded(t), i, client)
			if err != nil {
				t.Errorf("consumer %d (%s): %v", i, client, err)
			}
			mu.Lock()
			defer mu.Unlock()
			s := sums[client]
			sums[client] = verdict{s.consumers + 1, s.committed + v.committed, s.lost + v.lost, s.unread + v.unread}
		})
	}
	g.Wait()
	return sums
}

// sigkill is a broker with a filled topic.
type sigkill struct {
	cluster *cluster.Cluster
	dir     string
	spec    workloads.Spec
}

func startSigkill(t *testing.T) *sigkill {
	t.Helper()
	c, err := cluster.Start(bounded(t), cluster.Options{Kind: cluster.Embedded, Log: os.Stderr}, launch.Local{}, []string{os.Args[0], "broker"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(bounded(t)); err != nil {
			t.Error(err)
		}
	})
	k := &sigkill{cluster: c, dir: t.TempDir(), spec: short("sigkill")}
	k.spec.Consume.Backlog = sigkillRecords
	k.spec.Produce.Batch.Records = 10
	if _, err := c.CreateTopic(bounded(t), sigkillTopic, k.spec.Topic.Partitions, 1); err != nil {
		t.Fatal(err)
	}
	w, err := k.start("filler", results.RoleFiller, clients[0], k.spec)
	if err == nil {
		// It ends by itself then: a word to it could find nobody.
		err = w.await(bounded(t), worker.Produced)
		_ = w.Stdin().Close()
		w.Wait()
	}
	if err != nil {
		t.Fatalf("fill the topic: %v", err)
	}
	return k
}

// started is a worker that speaks to this test instead of a supervisor.
type started struct {
	launch.Process
	said chan worker.Report
}

func (k *sigkill) start(name string, role results.Role, client string, spec workloads.Spec) (*started, error) {
	job := worker.Job{
		Name: name, Role: role, Client: client, Dir: filepath.Join(k.dir, name), Settings: arm.Settings(&spec, drivers.Matched),
		Spec: spec, RunTag: sigkillSeed, Topic: sigkillTopic, Access: k.cluster.Access(), Interval: time.Second, Every: 64,
	}
	job.Settings.Topics, job.Settings.GroupID, job.Settings.ClientID = []string{sigkillTopic}, name, name
	p, err := launch.Local{}.Start(context.Background(), launch.Spec{Path: os.Args[0], Args: []string{"worker"}, Stderr: os.Stderr})
	if err != nil {
		return nil, err
	}
	w := &started{p, make(chan worker.Report, 1024)}
	go func() {
		defer close(w.said)
		for lines := bufio.NewScanner(p.Stdout()); lines.Scan(); {
			var r worker.Report
			if json.Unmarshal(lines.Bytes(), &r) == nil {
				w.said <- r
			}
		}
	}()
	return w, json.NewEncoder(p.Stdin()).Encode(job)
}

// await waits until the worker says something.
func (w *started) await(ctx context.Context, say string) error {
	for {
		select {
		case r, ok := <-w.said:
			switch {
			case !ok:
				return fmt.Errorf("the worker %s before it was %s", w.Wait(), say)
			case r.Say == worker.Failed:
				return fmt.Errorf("the worker failed: %s", r.Error)
			case r.Say == say:
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("the worker was never %s: %w", say, ctx.Err())
		}
	}
}

// verdict is what is known of consumers after their death.
type verdict struct {
	consumers int
	committed int64 // records below the committed offsets
	lost      int64 // of those, in no span
	unread    int64 // in a span and not committed
}

func (k *sigkill) committed(ctx context.Context, group string) (map[int32]int64, error) {
	committed, err := k.cluster.Committed(ctx, group, sigkillTopic)
	return committed[sigkillTopic], err
}

// victim starts a consumer in a group of its own, kills it and holds what it had
// committed against its spans.
func (k *sigkill) victim(ctx context.Context, i int, client string) (v verdict, err error) {
	name := fmt.Sprintf("victim-%d", i)
	random := rand.New(rand.NewPCG(sigkillSeed, uint64(i)))
	w, err := k.start(name, results.RoleConsumer, client, k.consumer(client, random))
	defer func() {
		if w != nil {
			_ = w.Signal(context.Background(), syscall.SIGKILL)
			w.Wait()
			for range w.said {
			}
			_ = w.Stdin().Close()
		}
	}()
	if err == nil {
		err = w.await(ctx, worker.Ready)
	}
	if err != nil {
		return v, err
	}
	var committed map[int32]int64
	for len(committed) == 0 {
		if committed, err = k.committed(ctx, name); err != nil {
			return v, err
		}
		select {
		case <-w.Done():
			return v, fmt.Errorf("it %s by itself", w.Wait())
		case <-ctx.Done():
			return v, fmt.Errorf("it committed nothing: %w", ctx.Err())
		case <-time.After(5 * time.Millisecond):
		}
	}
	time.Sleep(time.Duration(random.Int64N(int64(sigkillWithin))))
	if err := w.Signal(ctx, syscall.SIGKILL); err != nil {
		return v, err
	}
	w.Wait()
	// A last commit may have left the process before its death and be on its
	// way; it is in when the answer does not change any more.
	for settled := 0; settled < 3; {
		time.Sleep(20 * time.Millisecond)
		now, err := k.committed(ctx, name)
		if err != nil {
			return v, err
		}
		if settled++; sum(now) != sum(committed) {
			settled = 0
		}
		committed = now
	}
	dir := filepath.Join(k.dir, name)
	var delivered int64
	delivered, v.lost, err = covered(filepath.Join(dir, results.DeliveryFile), committed)
	v.committed = sum(committed)
	v.unread = delivered - (v.committed - v.lost)
	if err != nil || v.lost > 0 {
		return v, err
	}
	return v, os.RemoveAll(dir)
}

// consumer makes a member commit as often as it can: after each record, or on an
// interval of a millisecond where the client has one.
func (k *sigkill) consumer(client string, random *rand.Rand) workloads.Spec {
	s := k.spec
	s.Consume.Backlog = 0
	// One small batch of each partition at a time: a member goes round, and a
	// kill finds every partition but one just after its last commit.
	s.Consume.Fetch.MaxPartition = 1 << 10
	s.Consume.Handler.Time = 50 * time.Microsecond
	s.Consume.Handler.Lanes = [...]string{drivers.LanesMember, drivers.LanesPartition}[random.IntN(2)]
	s.Consume.Commit.Mark = workloads.Mark{Every: time.Millisecond, Records: 1}
	s.Consume.Commit.Every = time.Millisecond
	s.Consume.Commit.Mode, s.Consume.Commit.Records = "sync", 1+random.IntN(4)
	if client == "franz-go" && random.IntN(2) == 0 {
		s.Consume.Commit.Mode = "marked"
	}
	return s
}

func sum(offsets map[int32]int64) (n int64) {
	for _, o := range offsets {
		n += o
	}
	return n
}
