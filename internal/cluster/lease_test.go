package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/launch"
)

func TestNames(t *testing.T) {
	f := func(name, run string, lease bool) {
		t.Helper()
		if got, l := runOf(name); got != run || l != lease {
			t.Errorf("%s is of run %q (lease: %v), want %q (%v)", name, got, l, run, lease)
		}
	}
	const run = "20261129-101500-0abc"
	f("kbench-20261129-101500-0abc-1", run, false)
	f("kbench-20261129-101500-0abc-10000-2", run, false)
	f("kbench-20261129-101500-0abc-lease", run, true)
	for _, name := range []string{
		"", "orders", "kbench-", "kbench-orders", "kbench-prod-important", "kbench-20261129-101500-0abc", "kbench-20261129-101500-0abc-",
		"kbench-20261129-101500-0ABC-1", "kbench-20261129-101500-0abc-x", "kbench-20261129-101500-0abc-1-2-3", "kbench-20261129-101500-0abc-lease-1",
		"Kbench-20261129-101500-0abc-1", "x-kbench-20261129-101500-0abc-1", "kbench-20261129-101500-0abc-1\n", "kbench-20261129-101500-0abc-1234567",
	} {
		f(name, "", false)
	}
	id := NewRunID()
	if !IsRunID(id) || IsRunID("orders") || IsRunID(id+"x") {
		t.Errorf("%s is no name of a run, or others are", id)
	}
	f(Name(id, 7), id, false)
	f(leaseName(id), id, true)
	if names(id, leaseName(id)) || names(id, Name(run, 1)) || !names(id, Name(id, 1)+"-2") {
		t.Error("a run gives names of another run or its lease")
	}
}

// Whatever a record says, a lease names nothing but what its run may have made.
func TestDecodeLease(t *testing.T) {
	l := newLease(testRun, LeaseEvery)
	l.Topics, l.Groups = []Made{{Name(testRun, 1), "id"}, {Name: Name(testRun, 1) + "-2"}}, []string{Name(testRun, 1)}
	text := func(change func(l *Lease)) string {
		c := l
		c.Topics, c.Groups = slices.Clone(l.Topics), slices.Clone(l.Groups)
		change(&c)
		b, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	got, err := decodeLease(testRun, []byte(text(func(*Lease) {})))
	if diff := cmp.Diff(l, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	f := func(value, want string) {
		t.Helper()
		got, err := decodeLease(testRun, []byte(value))
		if err == nil || !strings.Contains(err.Error(), want) || len(got.what()) > 0 {
			t.Errorf("%v, %v; want an error that says %q", got, err, want)
		}
	}
	f("", "no lease")
	f("an order", "no lease")
	f("{}", "format 0")
	f(text(func(l *Lease) { l.Format = 2 }), "format 2 and this kbench knows 1: use a newer one")
	f(text(func(l *Lease) { l.Run = "20261129-101500-ffff" }), `of run "20261129-101500-ffff"`)
	f(text(func(l *Lease) { l.State = "lost" }), `state "lost"`)
	f(text(func(l *Lease) { l.Topics[1].Name = "orders" }), `it names topic "orders"`)
	f(text(func(l *Lease) { l.Topics[1].Name = leaseName(testRun) }), "it names topic")
	f(text(func(l *Lease) { l.Groups[0] = "kbench-20261129-101500-ffff-1" }), "it names group")
}

func TestPatience(t *testing.T) {
	f := func(every int64, want time.Duration) {
		t.Helper()
		if got := (&Leftover{Lease: Lease{EveryMS: every}}).patience(); got != want {
			t.Errorf("one that writes every %d ms is given %s, want %s", every, got, want)
		}
	}
	f(LeaseEvery.Milliseconds(), 10*time.Second)
	f(-1, leastWatch)
	f(1<<62, mostWatch)
	f(3_600_000, mostWatch)
}

// attached attaches to a cluster as another kbench would.
func attached(t *testing.T, a Access) *Cluster {
	t.Helper()
	c, err := Start(deadline(t), Options{Kind: Attached, Brokers: a.Seeds}, launch.Local{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(deadline(t)); err != nil {
			t.Error(err)
		}
	})
	return c
}

// soon is how often runs renew their lease that are to be found dead before long.
const soon = 50 * time.Millisecond

// holding is a run that has made a topic and a group of each name, with commits.
func holding(t *testing.T, a Access, run string, every time.Duration) *Cluster {
	t.Helper()
	c, ctx := attached(t, a), deadline(t)
	if err := c.TakeLease(ctx, run, every); err != nil {
		t.Fatal(err)
	}
	name := Name(run, 1)
	if err := c.ClaimGroup(ctx, name); err != nil {
		t.Fatal(err)
	}
	if _, err := c.CreateTopic(ctx, name, 2, 1); err != nil {
		t.Fatal(err)
	}
	commit(t, a, name)
	return c
}

// commit writes to a topic and commits for a group of the same name.
func commit(t *testing.T, a Access, name string) {
	t.Helper()
	produce(t, a, name, 1, 3)
	cl, err := connect(a)
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	offsets := kadm.Offsets{}
	offsets.AddOffset(name, 0, 2, -1)
	if err := kadm.NewClient(cl).CommitAllOffsets(deadline(t), name, offsets); err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v; want an error that says %q", err, want)
	}
}

// A run makes nothing without a lease, and alters and deletes nothing that it did
// not make, also where it is called as its own would be.
func TestLeaseIsOfWhatTheRunMade(t *testing.T) {
	owner := start(t, Options{Kind: Embedded, Nodes: 1})
	ctx := deadline(t)
	theirs := Name(testRun, 1)
	if _, err := owner.CreateTopic(ctx, theirs, 2, 1); err != nil {
		t.Fatal(err)
	}
	commit(t, owner.Access(), theirs)

	c := attached(t, owner.Access())
	_, err := c.CreateTopic(ctx, Name(testRun, 2), 1, 1)
	wantError(t, err, "without a lease")
	wantError(t, c.ClaimGroup(ctx, Name(testRun, 2)), "without a lease")
	wantError(t, c.DeleteTopic(ctx, theirs), "without a lease")
	wantError(t, c.TakeLease(ctx, "orders", time.Second), "not called so")
	if err := c.TakeLease(ctx, testRun, time.Second); err != nil {
		t.Fatal(err)
	}
	wantError(t, attached(t, owner.Access()).TakeLease(ctx, testRun, time.Second), "it is there already, and this run did not make it")

	_, err = c.CreateTopic(ctx, theirs, 2, 1)
	wantError(t, err, "create topic "+theirs+": it is there already, and this run did not make it")
	wantError(t, c.ClaimGroup(ctx, theirs), "make group "+theirs+": it is there already")
	_, err = c.CreateTopic(ctx, "kbench-orders", 2, 1)
	wantError(t, err, "calls nothing so")
	wantError(t, c.ClaimGroup(ctx, "kbench-orders"), "calls nothing so")
	for _, name := range []string{theirs, "kbench-orders"} {
		wantError(t, c.DeleteTopic(ctx, name), "this run did not make it")
		wantError(t, c.DeleteGroup(ctx, name), "this run did not make it")
		wantError(t, c.AddPartitions(ctx, name, 5), "this run did not make it")
		wantError(t, c.ConfigureGroup(ctx, name, time.Second, 10*time.Second), "this run did not make it")
	}
	if left := c.holder.lease.what(); len(left) > 0 {
		t.Errorf("the lease names %q", left)
	}
	if err := c.EndLease(ctx, false); err != nil {
		t.Error(err)
	}
	ends, err := owner.EndOffsets(ctx, theirs)
	committed, cerr := owner.Committed(ctx, theirs, theirs)
	if len(ends) != 2 || len(committed[theirs]) != 1 {
		t.Errorf("another's topic ends at %v and is committed to %v; %v, %v", ends, committed, err, cerr)
	}
}

// TestSurvey: what a dead run left is told from what lives, is kept, is another's or
// cannot be read; it alone is removed, also in several attempts.
func TestSurvey(t *testing.T) {
	owner := start(t, Options{Kind: Embedded, Nodes: 1})
	ctx, a := deadline(t), owner.Access()
	run := func(n int) string { return fmt.Sprintf("20261129-101500-000%x", n) }
	const alive, dead, kept, ended, member, recreated, garbage, empty = 1, 2, 3, 4, 5, 6, 7, 8
	for _, name := range []string{"kbench-orders", "kbench-prod-important"} {
		if _, err := owner.CreateTopic(ctx, name, 1, 1); err != nil {
			t.Fatal(err)
		}
		commit(t, a, name)
	}
	living := holding(t, a, run(alive), time.Second)
	holding(t, a, run(dead), soon).holder.close()
	k := holding(t, a, run(kept), soon)
	if err := k.EndLease(ctx, true); err != nil {
		t.Error(err)
	}
	wantError(t, holding(t, a, run(ended), soon).EndLease(ctx, false), "left on the cluster, for kbench clean --run "+run(ended)+" to remove: topic "+Name(run(ended), 1))
	holding(t, a, run(member), soon).holder.close()
	stay := join(t, a, Name(run(member), 1))
	holding(t, a, run(recreated), soon).holder.close()
	for _, n := range []int{garbage, empty} {
		if _, err := owner.CreateTopic(ctx, leaseName(run(n)), 1, 1); err != nil {
			t.Fatal(err)
		}
	}
	produce(t, a, leaseName(run(garbage)), 1, 1)
	if err := owner.DeleteTopic(ctx, Name(run(recreated), 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := owner.CreateTopic(ctx, Name(run(recreated), 1), 1, 1); err != nil {
		t.Fatal(err)
	}

	c := attached(t, a)
	left, others, err := c.Survey(ctx, "")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"topic kbench-orders", "topic kbench-prod-important", "group kbench-orders", "group kbench-prod-important"}; !slices.Equal(others, want) {
		t.Errorf("no lease names %q, want %q", others, want)
	}
	by := map[string]*Leftover{}
	for _, l := range left {
		by[l.Run] = l
	}
	f := func(n int, alone string, keep bool, topics, groups int) {
		t.Helper()
		l := by[run(n)]
		if l == nil || !strings.HasPrefix(l.Alone, alone) || alone == "" && l.Alone != "" || l.Keep != keep || len(l.Topics) != topics || len(l.Groups) != groups {
			t.Errorf("run %s: %+v; want %d topics, %d groups, left alone as %q, keep %v", run(n), l, topics, groups, alone, keep)
		}
	}
	f(alive, "it is alive", false, 1, 1)
	f(dead, "", false, 1, 1)
	f(kept, "it was to be kept", true, 1, 1)
	f(ended, "", false, 1, 1)
	f(member, "group "+Name(run(member), 1)+" has a member", false, 1, 1)
	f(recreated, "", false, 0, 1)
	f(garbage, "its lease cannot be read: its record is no lease", false, 0, 0)
	f(empty, "its lease cannot be read: it is empty", false, 0, 0)
	if l := by[run(recreated)]; !slices.Equal(l.Foreign, []string{Name(run(recreated), 1)}) {
		t.Errorf("a topic that was made anew is not seen as another's: %+v", l)
	}
	if one, others, err := c.Survey(ctx, run(kept)); err != nil || len(one) != 1 || one[0].Run != run(kept) || len(others) > 0 {
		t.Errorf("the survey of one run gives %+v and %q, %v", one, others, err)
	}

	// A clean that was killed has left the topic and the lease.
	name := Name(run(dead), 1)
	if err := owner.DeleteGroup(ctx, name); err != nil {
		t.Error(err)
	}
	removed := func(n int, want ...string) {
		t.Helper()
		var told []string
		if err := c.Remove(ctx, by[run(n)], func(what string) { told = append(told, what) }); err != nil {
			t.Error(err)
		}
		if !slices.Equal(told, want) {
			t.Errorf("of run %d were removed %q, want %q", n, told, want)
		}
	}
	of := func(n int) (group, topic, lease string) {
		return "group " + Name(run(n), 1), "topic " + Name(run(n), 1), "topic " + leaseName(run(n))
	}
	group, topic, lease := of(dead)
	removed(dead, group, topic, lease)
	group, topic, lease = of(ended)
	removed(ended, group, topic, lease)
	group, topic, lease = of(kept)
	removed(kept, group, topic, lease)
	group, _, lease = of(recreated)
	removed(recreated, group, lease)
	for _, n := range []int{alive, member, garbage, empty} {
		wantError(t, c.Remove(ctx, by[run(n)], func(what string) { t.Errorf("removed %s", what) }), by[run(n)].Alone)
	}
	// What was taken for dead and has come back is asked once more.
	back := *by[run(alive)]
	back.Alone = ""
	wantError(t, c.Remove(ctx, &back, func(what string) { t.Errorf("removed %s", what) }), "it is alive after all")
	stay.Close()

	end(t, living, run(alive))
	topics, groups, err := owner.Alike(ctx)
	wantTopics := []string{Name(run(member), 1), leaseName(run(member)), Name(run(recreated), 1), leaseName(run(garbage)), leaseName(run(empty)), "kbench-orders", "kbench-prod-important"}
	wantGroups := []string{Name(run(member), 1), "kbench-orders", "kbench-prod-important"}
	if !slices.Equal(topics, wantTopics) || !slices.Equal(groups, wantGroups) || err != nil {
		t.Errorf("there are topics %q and groups %q (%v), want %q and %q", topics, groups, err, wantTopics, wantGroups)
	}
}

// end ends a run that holding began.
func end(t *testing.T, c *Cluster, run string) {
	t.Helper()
	ctx, name := deadline(t), Name(run, 1)
	if err := errors.Join(c.DeleteGroup(ctx, name), c.DeleteTopic(ctx, name), c.EndLease(ctx, false)); err != nil {
		t.Error(err)
	}
}

// join has a member in a group, which reads the topic of the same name.
func join(t *testing.T, a Access, name string) *kgo.Client {
	t.Helper()
	cl, err := connect(a, kgo.ConsumerGroup(name), kgo.ConsumeTopics(name), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	if f := cl.PollFetches(deadline(t)); f.Err() != nil || f.Empty() {
		t.Fatalf("the member has read nothing: %v", f.Err())
	}
	return cl
}

// A run whose supervisor is suspended while its producers go on lives.
func TestSignsOfLife(t *testing.T) {
	owner := start(t, Options{Kind: Embedded, Nodes: 1})
	holding(t, owner.Access(), testRun, soon).holder.close()
	c, name := attached(t, owner.Access()), Name(testRun, 1)
	l := &Leftover{Lease: Lease{Run: testRun, State: Held}, Topics: []string{name}}
	var err error
	if l.sign, err = c.signOf(deadline(t), l); err != nil || c.lives(deadline(t), l) {
		t.Errorf("a dead run has signs of life: %s, %v", l.sign, err)
	}
	produce(t, owner.Access(), name, 1, 1)
	if !c.lives(deadline(t), l) {
		t.Error("a topic that grows is no sign of life")
	}
}

// A run hears that its lease is gone, and still may delete what it made.
func TestLeaseLost(t *testing.T) {
	owner := start(t, Options{Kind: Embedded, Nodes: 1})
	c, ctx := holding(t, owner.Access(), testRun, soon), deadline(t)
	if err := owner.DeleteTopic(ctx, leaseName(testRun)); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-c.LeaseLost():
		wantError(t, err, "the lease of this run on the cluster is lost")
	case <-ctx.Done():
		t.Fatal("nobody says that the lease is gone")
	}
	end(t, c, testRun)
	if topics, groups, err := owner.Alike(ctx); err != nil || len(topics)+len(groups) > 0 {
		t.Errorf("left: %q %q, %v", topics, groups, err)
	}
}

// What may not be removed is named, and the lease stays until it can be.
func TestRemovalRefused(t *testing.T) {
	const mechanism, password = "PLAIN", "p"
	allow := func(kind kmsg.ACLResourceType, ops ...kmsg.ACLOperation) (acls []kfake.ACL) {
		for _, op := range ops {
			acls = append(acls, kfake.ACL{Resource: kind, Name: Prefix, Pattern: kmsg.ACLResourcePatternTypePrefixed, Operation: op, Allow: true})
		}
		return acls
	}
	few := append(allow(kmsg.ACLResourceTypeTopic, kmsg.ACLOperationRead, kmsg.ACLOperationDescribe), allow(kmsg.ACLResourceTypeGroup, kmsg.ACLOperationDescribe)...)
	few = append(few, kfake.ACL{
		Resource: kmsg.ACLResourceTypeTopic, Name: leaseName(testRun), Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: kmsg.ACLOperationDelete, Allow: true,
	})
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.EnableSASL(), kfake.EnableACLs(), kfake.Superuser(mechanism, "owner", password),
		kfake.User(mechanism, "guest", password, few...))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	as := func(user string) Access {
		return Access{Seeds: k.ListenAddrs(), SASL: &drivers.SASL{Mechanism: mechanism, User: user, Password: password}}
	}
	open := func(user string) *Cluster {
		c, err := View(t.Context(), as(user))
		if err != nil {
			t.Fatal(err)
		}
		c.info.Kind, c.info.Nodes = Attached, 1
		return c
	}
	owner, guest, ctx := open("owner"), open("guest"), deadline(t)
	defer owner.Stop(ctx)
	defer guest.Stop(ctx)
	wantError(t, guest.TakeLease(ctx, testRun, time.Second), leaseName(testRun)+": TOPIC_AUTHORIZATION_FAILED")
	if err := owner.TakeLease(ctx, testRun, soon); err != nil {
		t.Fatal(err)
	}
	name := Name(testRun, 1)
	if _, err := owner.CreateTopic(ctx, name, 1, 1); err != nil {
		t.Fatal(err)
	}
	if err := owner.ClaimGroup(ctx, name); err != nil {
		t.Fatal(err)
	}
	commit(t, as("owner"), name)
	owner.holder.close()

	remove := func(c *Cluster) (told []string, err error) {
		left, _, err := c.Survey(ctx, "")
		if err != nil || len(left) != 1 || left[0].Alone != "" {
			t.Fatalf("the survey gives %+v, %v", left, err)
		}
		err = c.Remove(ctx, left[0], func(what string) { told = append(told, what) })
		return told, err
	}
	told, err := remove(guest)
	wantError(t, err, "topic "+name+": TOPIC_AUTHORIZATION_FAILED")
	wantError(t, err, "group "+name+": GROUP_AUTHORIZATION_FAILED")
	if len(told) > 0 {
		t.Errorf("a guest has removed %q", told)
	}
	if told, err := remove(owner); err != nil || len(told) != 3 {
		t.Errorf("the owner has removed %q, %v", told, err)
	}
	owner.holder = nil // closed already
}
