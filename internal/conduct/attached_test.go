package conduct_test

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/workloads"
)

// theirs is a topic of the cluster's owner, with a group that reads it.
const theirs = "orders"

// TestAttached: on a cluster of the user's own a run makes topics and groups that
// bear its name, removes them, and touches nothing else.
func TestAttached(t *testing.T) {
	brokers(t, func(t *testing.T, kind string) {
		ctx := bounded(t)
		c := owned(t, kind)
		before := c.state(t)

		var during []string
		o := c.options(t, "removed")
		o.Progress = &hook{workload: "attached", measuring: func() { during = c.leftovers(t) }}
		got, err := run(t, ctx, o)
		if err != nil {
			t.Error(err)
		}
		got.wantStates(t, "complete", "complete", "complete")
		if kind := got.dir.Run().Broker.Kind; kind != cluster.Attached {
			t.Errorf("the run was on a broker of kind %q", kind)
		}
		for _, tr := range got.trials {
			got.wantFigures(t, tr.Ref.N)
			for _, name := range []string{tr.Topic, tr.Group} {
				if !strings.HasPrefix(name, cluster.Prefix+o.ID) {
					t.Errorf("%s: %q is not named after the run", tr.Ref.Arm, name)
				}
			}
		}
		// Topic and group have the same name. The last trial was seen.
		last := got.trials[2]
		if want := []string{last.Group, last.Topic}; !slices.Equal(during, want) {
			t.Errorf("in the third trial the cluster had %q, want %q and nothing of the trials before", during, want)
		}
		if left := c.leftovers(t); len(left) > 0 {
			t.Errorf("left on the cluster: %q", left)
		}
		c.wantUntouched(t, before)

		// With Keep all stays, until it is cleaned up.
		o = c.options(t, "kept")
		o.Keep = true
		got, err = run(t, ctx, o)
		if err != nil {
			t.Error(err)
		}
		var want []string
		for _, tr := range got.trials {
			want = append(want, tr.Group, tr.Topic)
		}
		slices.Sort(want)
		if left := c.leftovers(t); !slices.Equal(left, want) {
			t.Errorf("kept on the cluster: %q, want %q", left, want)
		}
		clean(t, c.Cluster)
		if left := c.leftovers(t); len(left) > 0 {
			t.Errorf("left after cleaning up: %q", left)
		}
		c.wantUntouched(t, before)
	})
}

// An interrupted run cleans up after itself too.
func TestAttachedInterrupted(t *testing.T) {
	onEmbedded(t)
	c := owned(t, cluster.Embedded)
	before := c.state(t)
	ctx, cancel := context.WithCancel(bounded(t))
	defer cancel()
	o := c.options(t, "interrupted")
	o.Trials = trials([]workloads.Spec{long("cut")}, "franz-go")
	o.Progress = &hook{workload: "cut", measuring: func() {
		if len(c.leftovers(t)) != 2 {
			t.Errorf("a trial under way has %q, want a topic and a group", c.leftovers(t))
		}
		cancel()
	}}
	got, err := run(t, ctx, o)
	if !isInterrupted(err) {
		t.Errorf("the run ended with %v", err)
	}
	got.wantStates(t, "interrupted")
	if left := c.leftovers(t); len(left) > 0 {
		t.Errorf("left on the cluster: %q", left)
	}
	c.wantUntouched(t, before)
}

// own is a cluster as its owner sees it.
type own struct{ *cluster.Cluster }

// owned starts a cluster that has a topic with records and a group with commits.
func owned(t *testing.T, kind string) own {
	t.Helper()
	ctx := bounded(t)
	c, err := cluster.Start(ctx, cluster.Options{Kind: kind, Nodes: 1, Log: os.Stderr}, launch.Local{}, []string{os.Args[0], "broker"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(bounded(t)); err != nil {
			t.Error(err)
		}
	})
	if _, err := c.CreateTopic(ctx, theirs, 2, 1); err != nil {
		t.Fatal(err)
	}
	order(t, c.Access())
	return own{c}
}

// options are those of a run attached to the cluster.
func (c own) options(t *testing.T, id string) conduct.Options {
	o := options(id, t.TempDir(), trials([]workloads.Spec{short("attached")}, clients[:]...))
	o.Broker = cluster.Options{Kind: cluster.Attached, Brokers: c.Access().Seeds}
	return o
}

// leftovers are the topics and groups that kbench made, sorted.
func (c own) leftovers(t *testing.T) []string {
	t.Helper()
	topics, groups, err := c.Leftovers(bounded(t))
	if err != nil {
		t.Error(err)
	}
	all := append(topics, groups...)
	slices.Sort(all)
	return all
}

// ownState is what must not change of what was there.
type ownState struct{ ends, committed map[int32]int64 }

func (c own) state(t *testing.T) ownState {
	t.Helper()
	ends, err := c.EndOffsets(bounded(t), theirs)
	if err != nil {
		t.Fatal(err)
	}
	committed, err := c.Committed(bounded(t), theirs, theirs)
	if err != nil {
		t.Fatal(err)
	}
	if len(committed[theirs]) == 0 || len(ends) != 2 {
		t.Fatalf("the owner's topic ends at %v and is committed to %v", ends, committed)
	}
	return ownState{ends, committed[theirs]}
}

func (c own) wantUntouched(t *testing.T, before ownState) {
	t.Helper()
	if now := c.state(t); !maps.Equal(now.ends, before.ends) || !maps.Equal(now.committed, before.committed) {
		t.Errorf("topic and group of the owner were %v and are %v", before, now)
	}
}

// clean does what `kbench clean` does.
func clean(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	ctx := bounded(t)
	topics, groups, err := c.Leftovers(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		if err := c.DeleteGroup(ctx, g); err != nil {
			t.Error(err)
		}
	}
	for _, name := range topics {
		if err := c.DeleteTopic(ctx, name); err != nil {
			t.Error(err)
		}
	}
}

// order writes to the owner's topic and commits for the owner's group.
func order(t *testing.T, a cluster.Access) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(a.Seeds...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var records []*kgo.Record
	for i := range 10 {
		records = append(records, &kgo.Record{Topic: theirs, Partition: int32(i % 2), Value: []byte("an order")})
	}
	if err := cl.ProduceSync(bounded(t), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	offsets := kadm.Offsets{}
	offsets.AddOffset(theirs, 0, 3, -1)
	if err := kadm.NewClient(cl).CommitAllOffsets(bounded(t), theirs, offsets); err != nil {
		t.Fatal(err)
	}
}
