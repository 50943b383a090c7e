package cluster

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A coordinator keeps the two clocks of the simulation's classic groups that it
// keeps otherwise than Apache Kafka does, so that a group behaves the same when
// acts come closer than its rebalance timeout:
//
//   - The session of a member that waits for the answer to its JoinGroup stands
//     still, and begins when it is answered. The simulation lets it run, drops the
//     member without an answer, and its client waits for nothing; one that dies
//     while it waits has no session at all.
//   - A rebalance ends when the longest rebalance timeout of its members has passed
//     since it began. The simulation begins to count anew with every member that
//     joins, leaves or expires, and holds the group for as long as they come.
//
// It stands outside: it reads the requests of the group on their way in, asks for
// the longest session there is in the name of every member, looks after each join and
// leave what has become of the group, and has members leave when their time is
// up. Groups of KIP-848 have sessions that are right, and are left alone.
type coordinator struct {
	shortest, longest time.Duration // the sessions that the simulation accepts
	// unheard says which requests a node answers with an error, so that they reach no
	// group; nil: none.
	unheard func(key int16, node int32) bool
	group   groupOps

	mu     sync.Mutex
	groups map[string]*rounds
	latest string // the group that a member last asked to be in
	closed bool
}

// groupOps is how the coordinator asks of a group and changes it.
type groupOps interface {
	describe(group string) (preparing bool, members []string, err error)
	leave(group string, members []string)
}

// rounds is one group.
type rounds struct {
	asked      int         // how many requests there were that change it
	generation int32       // the newest that a member spoke of
	since      time.Time   // when the rebalance under way began; zero: there is none
	deadline   *time.Timer // of the rebalance under way
	unnamed    session     // of members that joined without an id, until they are known
	members    map[string]*session
}

// session is the clock of one member.
type session struct {
	length    time.Duration
	rebalance time.Duration // what the member gives a rebalance
	last      time.Time     // when a request last renewed it
	waiting   bool          // for the answer to its JoinGroup: the clock stands still
	timer     *time.Timer
}

// watch has the coordinator read the requests that a cluster gets. They are read in
// the order in which they are handled, before they are.
func (k *coordinator) watch(c *kfake.Cluster) {
	for _, key := range []kmsg.Key{kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.OffsetCommit, kmsg.LeaveGroup, kmsg.DeleteGroups, kmsg.ConsumerGroupHeartbeat} {
		c.ControlKey(int16(key), func(req kmsg.Request) (kmsg.Response, error, bool) {
			if k.unheard == nil || !k.unheard(req.Key(), c.CurrentNode()) {
				k.request(req)
			}
			return nil, nil, false
		})
	}
}

func (k *coordinator) request(req kmsg.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch r := req.(type) {
	case *kmsg.JoinGroupRequest:
		k.latest = r.Group
		k.join(r)
	case *kmsg.ConsumerGroupHeartbeatRequest:
		k.latest = r.Group
	case *kmsg.SyncGroupRequest:
		k.sync(r)
	case *kmsg.HeartbeatRequest:
		k.renew(r.Group, r.MemberID, r.Generation)
	case *kmsg.OffsetCommitRequest:
		k.renew(r.Group, r.MemberID, r.Generation)
	case *kmsg.LeaveGroupRequest:
		k.left(r)
	case *kmsg.DeleteGroupsRequest:
		for _, name := range r.Groups {
			k.forget(name)
		}
	}
}

// newest is the group that a member last asked to be in: that of the trial under way.
func (k *coordinator) newest() string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.latest
}

// of is the group of a name, made where it is new.
func (k *coordinator) of(name string) *rounds {
	g := k.groups[name]
	if g == nil {
		g = &rounds{generation: -1, members: map[string]*session{}}
		k.groups[name] = g
	}
	return g
}

func (k *coordinator) join(r *kmsg.JoinGroupRequest) {
	asked := time.Duration(r.SessionTimeoutMillis) * time.Millisecond
	if asked < k.shortest || asked > k.longest {
		return // it is refused
	}
	if r.MemberID == "" && r.InstanceID == nil && r.Version >= 4 {
		return // it is only told an id, with which it will come back
	}
	r.SessionTimeoutMillis = int32(k.longest.Milliseconds())
	g := k.of(r.Group)
	m := &g.unnamed
	if r.MemberID != "" {
		m = g.member(r.MemberID)
		m.waiting = true
		m.stop()
	}
	m.length, m.rebalance = asked, time.Duration(r.RebalanceTimeoutMillis)*time.Millisecond
	if r.Version == 0 {
		m.rebalance = asked
	}
	k.lookAfter(r.Group, g)
}

// begin starts the clock of a rebalance, unless one is under way.
func (k *coordinator) begin(name string, g *rounds) {
	if !g.since.IsZero() || k.closed {
		return
	}
	longest := g.unnamed.rebalance
	for _, m := range g.members {
		longest = max(longest, m.rebalance)
	}
	since := time.Now()
	g.since, g.deadline = since, time.AfterFunc(longest, func() { k.overdue(name, g, since) })
}

// done ends the clock of a rebalance.
func (g *rounds) done() {
	g.since = time.Time{}
	if g.deadline != nil {
		g.deadline.Stop()
	}
}

func (k *coordinator) sync(r *kmsg.SyncGroupRequest) {
	g := k.of(r.Group)
	look := g.members[r.MemberID] == nil // not all gave their names
	m := g.member(r.MemberID)
	m.waiting = false
	if r.Generation > g.generation {
		g.generation = r.Generation
		g.done()
		look = true // all have their answer, unless there is the next rebalance already
	}
	k.start(r.Group, r.MemberID, m)
	if look {
		k.lookAfter(r.Group, g)
	}
}

// member is the clock of a member, made where it is new.
func (g *rounds) member(id string) *session {
	m := g.members[id]
	if m == nil {
		m = &session{length: g.unnamed.length, rebalance: g.unnamed.rebalance}
		g.members[id] = m
	}
	return m
}

// renew starts a session anew, if the member is one of this generation.
func (k *coordinator) renew(group, id string, generation int32) {
	g := k.groups[group]
	if g == nil || generation != g.generation {
		return
	}
	if m := g.members[id]; m != nil && !m.waiting {
		k.start(group, id, m)
	}
}

// start starts a session from now on.
func (k *coordinator) start(group, id string, m *session) {
	m.last = time.Now()
	if m.length == 0 || k.closed {
		return
	}
	if m.timer == nil {
		m.timer = time.AfterFunc(m.length, func() { k.expired(group, id, m) })
	} else {
		m.timer.Reset(m.length)
	}
}

func (m *session) stop() {
	if m.timer != nil {
		m.timer.Stop()
	}
}

// expired is called when a session may have ended: a timer that has fired cannot be
// called back.
func (k *coordinator) expired(group, id string, m *session) {
	k.mu.Lock()
	g := k.groups[group]
	over := g != nil && g.members[id] == m && !m.waiting && time.Since(m.last) >= m.length
	k.mu.Unlock()
	if over {
		k.group.leave(group, []string{id})
	}
}

func (k *coordinator) left(r *kmsg.LeaveGroupRequest) {
	g := k.groups[r.Group]
	if g == nil {
		return
	}
	ids := []string{r.MemberID} // before version 3
	leaves := false             // who is no member starts no rebalance
	for i := range r.Members {
		ids = append(ids, r.Members[i].MemberID)
		leaves = leaves || r.Members[i].InstanceID != nil // whose id is not known here
	}
	for _, id := range ids {
		if m := g.members[id]; m != nil {
			m.stop()
			delete(g.members, id)
			leaves = true
		}
	}
	if leaves {
		k.lookAfter(r.Group, g)
	}
}

// overdue ends the rebalance that began at since: who has not joined it is no
// member any more. Those that nobody knows yet have joined it just now.
func (k *coordinator) overdue(name string, g *rounds, since time.Time) {
	preparing, ids, err := k.group.describe(name)
	k.mu.Lock()
	if !g.since.Equal(since) {
		k.mu.Unlock()
		return
	}
	g.since = time.Time{} // the next rebalance has a clock of its own, whatever was heard of this one
	if err != nil {
		k.mu.Unlock()
		return
	}
	var out []string
	for _, id := range ids {
		if m := g.members[id]; m != nil && !m.waiting {
			out = append(out, id)
		}
	}
	k.mu.Unlock()
	if preparing && len(out) > 0 {
		k.group.leave(name, out)
	}
}

// lookAfter has a look at the group when the request under way has been handled.
func (k *coordinator) lookAfter(name string, g *rounds) {
	if k.closed {
		return
	}
	g.asked++
	go k.look(name, g, g.asked)
}

// look asks what became of the requests so far: who is no member, its join refused or
// its session over, is forgotten, and a rebalance that is under way has a clock. Where
// none is nobody waits for an answer: each member has a session, those that joined
// without an id too.
func (k *coordinator) look(name string, g *rounds, asked int) {
	preparing, ids, err := k.group.describe(name)
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil || k.groups[name] != g || g.asked != asked { // what was asked meanwhile has a look of its own
		return
	}
	for id, m := range g.members {
		if !slices.Contains(ids, id) {
			m.stop()
			delete(g.members, id)
		}
	}
	if preparing {
		k.begin(name, g)
		return
	}
	g.done()
	for _, id := range ids {
		if m := g.members[id]; m == nil || m.waiting {
			m = g.member(id)
			m.waiting = false
			k.start(name, id, m)
		}
	}
}

// forget drops a group.
func (k *coordinator) forget(name string) {
	g := k.groups[name]
	if g == nil {
		return
	}
	g.done()
	for _, m := range g.members {
		m.stop()
	}
	delete(k.groups, name)
}

func (k *coordinator) close() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	for name := range k.groups {
		k.forget(name)
	}
}

// opsLimit bounds what the coordinator asks of its own process.
const opsLimit = 10 * time.Second

// adminOps are the groupOps of a cluster.
type adminOps struct{ *admin }

func (a adminOps) describe(group string) (preparing bool, members []string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), opsLimit)
	defer cancel()
	all, err := a.DescribeGroups(ctx, group)
	if err == nil && !errors.Is(all[group].Err, kerr.GroupIDNotFound) { // it has no members
		err = all[group].Err
	}
	for _, m := range all[group].Members {
		members = append(members, m.MemberID)
	}
	return all[group].State == "PreparingRebalance", members, err
}

// leave reports nothing: a member that is gone already needs no leave.
func (a adminOps) leave(group string, members []string) {
	ctx, cancel := context.WithTimeout(context.Background(), opsLimit)
	defer cancel()
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = group
	for _, id := range members {
		m := kmsg.NewLeaveGroupRequestMember()
		m.MemberID = id
		req.Members = append(req.Members, m)
	}
	_, _ = req.RequestWith(ctx, a.raw)
}
