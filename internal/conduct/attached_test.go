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
		o := c.options(t)
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
		if want := []string{last.Group, last.Topic, c.lease(o)}; !slices.Equal(during, want) {
			t.Errorf("in the third trial the cluster had %q, want %q and nothing of the trials before", during, want)
		}
		if left := c.leftovers(t); len(left) > 0 {
			t.Errorf("left on the cluster: %q", left)
		}
		c.wantUntouched(t, before)

		// With Keep all stays, until it is cleaned up.
		o = c.options(t)
		o.Keep = true
		got, err = run(t, ctx, o)
		if err != nil {
			t.Error(err)
		}
		var want []string
		for _, tr := range got.trials {
			want = append(want, tr.Group, tr.Topic)
		}
		want = append(want, c.lease(o))
		slices.Sort(want)
		if left := c.leftovers(t); !slices.Equal(left, want) {
			t.Errorf("kept on the cluster: %q, want %q", left, want)
		}
		clean(t, c.Access(), o.ID)
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
	o := c.options(t)
	o.Trials = trials([]workloads.Spec{long("cut")}, "franz-go")
	o.Progress = &hook{workload: "cut", measuring: func() {
		if len(c.leftovers(t)) != 3 {
			t.Errorf("a trial under way has %q, want a topic, a group and a lease", c.leftovers(t))
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

// A trial whose topic or group is there already fails, and touches neither.
func TestAttachedTaken(t *testing.T) {
	onEmbedded(t)
	for _, what := range []string{"topic", "group"} {
		c, ctx := owned(t, cluster.Embedded), bounded(t)
		o := c.options(t)
		o.Trials = trials([]workloads.Spec{short("taken")}, "franz-go")
		name := cluster.Name(o.ID, 1)
		if what == "topic" {
			if _, err := c.CreateTopic(ctx, name, 2, 1); err != nil {
				t.Fatal(err)
			}
		} else {
			commit(t, c.Access(), name)
		}
		before := c.leftovers(t)
		got, err := run(t, ctx, o)
		if err == nil {
			t.Errorf("the run has taken the %s of another", what)
		}
		got.wantStates(t, "failed")
		if why := got.trials[0].Error; !strings.Contains(why, what+" "+name+": it is there already, and this run did not make it") {
			t.Errorf("the trial failed with %q", why)
		}
		if notes := strings.Join(got.trials[0].Notes, "\n"); strings.Contains(notes, "was not deleted") {
			t.Errorf("what the run did not make is said to be left by it: %s", notes)
		}
		if left := c.leftovers(t); !slices.Equal(left, before) {
			t.Errorf("the cluster had %q and has %q", before, left)
		}
	}
}

// A run whose lease is gone ends: what it makes would be nobody's.
func TestAttachedLeaseLost(t *testing.T) {
	onEmbedded(t)
	c := owned(t, cluster.Embedded)
	o := c.options(t)
	o.Trials = trials([]workloads.Spec{long("lost")}, "franz-go", "sarama")
	o.Progress = &hook{workload: "lost", measuring: func() {
		if err := c.DeleteTopic(bounded(t), c.lease(o)); err != nil {
			t.Error(err)
		}
	}}
	got, err := run(t, bounded(t), o)
	if err == nil || !strings.Contains(err.Error(), "the lease of this run on the cluster is lost") {
		t.Errorf("the run ended with %v", err)
	}
	if len(got.trials) != 1 || got.trials[0].State != "failed" {
		t.Errorf("there are %d trials, want the one that failed", len(got.trials))
	}
	if left := c.leftovers(t); len(left) > 0 {
		t.Errorf("left on the cluster: %q", left)
	}
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
func (c own) options(t *testing.T) conduct.Options {
	o := options("attached", t.TempDir(), trials([]workloads.Spec{short("attached")}, clients[:]...))
	o.ID = cluster.NewRunID()
	o.Broker = cluster.Options{Kind: cluster.Attached, Brokers: c.Access().Seeds}
	return o
}

// lease is the topic of the run's lease.
func (own) lease(o conduct.Options) string { return cluster.Prefix + o.ID + "-lease" }

// leftovers are the topics and groups that kbench made, sorted.
func (c own) leftovers(t *testing.T) []string {
	t.Helper()
	topics, groups, err := c.Alike(bounded(t))
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

// clean does what `kbench clean` does for one run.
func clean(t *testing.T, a cluster.Access, id string) {
	t.Helper()
	ctx := bounded(t)
	c, err := cluster.Start(ctx, cluster.Options{Kind: cluster.Attached, Brokers: a.Seeds}, launch.Local{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Stop(ctx)
	left, _, err := c.Survey(ctx, id)
	if err != nil || len(left) != 1 || !left[0].Keep {
		t.Fatalf("the survey gives %+v, %v; want one run that was kept", left, err)
	}
	if err := c.Remove(ctx, left[0], func(string) {}); err != nil {
		t.Error(err)
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
	commit(t, a, theirs)
}

// commit makes a group that has read some of the owner's topic.
func commit(t *testing.T, a cluster.Access, group string) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(a.Seeds...))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	offsets := kadm.Offsets{}
	offsets.AddOffset(theirs, 0, 3, -1)
	if err := kadm.NewClient(cl).CommitAllOffsets(bounded(t), group, offsets); err != nil {
		t.Fatal(err)
	}
}
