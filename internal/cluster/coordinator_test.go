package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// acted is a coordinator and a group that does what it is told.
type acted struct {
	*coordinator
	mu        sync.Mutex
	began     time.Time
	preparing bool
	ids, told []string // told: who was thrown out and when
}

func newActed() *acted {
	s := &acted{began: time.Now()}
	s.coordinator = &coordinator{shortest: time.Second, longest: time.Minute, group: s, groups: map[string]*rounds{}}
	return s
}

func (s *acted) describe(string) (bool, []string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.preparing, slices.Clone(s.ids), nil
}

// prepare says whether the group is in a rebalance.
func (s *acted) prepare(is bool) {
	s.mu.Lock()
	s.preparing = is
	s.mu.Unlock()
}

func (s *acted) leave(_ string, members []string) {
	s.mu.Lock()
	s.ids = slices.DeleteFunc(s.ids, func(id string) bool { return slices.Contains(members, id) })
	s.told = append(s.told, fmt.Sprintf("%s at %s", strings.Join(members, ","), time.Since(s.began)))
	s.mu.Unlock()
	r := kmsg.NewPtrLeaveGroupRequest()
	r.Group = "g"
	for _, id := range members {
		r.Members = append(r.Members, kmsg.LeaveGroupRequestMember{MemberID: id})
	}
	s.request(r)
}

// join is the second JoinGroup of a member, with which it has its id.
func (s *acted) join(id string) *kmsg.JoinGroupRequest {
	r := kmsg.NewPtrJoinGroupRequest()
	r.Version, r.Group, r.MemberID, r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 5, "g", id, 4_000, 10_000
	s.mu.Lock()
	if !slices.Contains(s.ids, id) {
		s.ids = append(s.ids, id)
	}
	s.mu.Unlock()
	s.request(r)
	synctest.Wait()
	return r
}

// refused is the JoinGroup of one that is no member.
func (s *acted) refused(id string) {
	r := kmsg.NewPtrJoinGroupRequest()
	r.Version, r.Group, r.MemberID, r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 5, "g", id, 4_000, 10_000
	s.request(r)
	synctest.Wait()
}

func (s *acted) sync(id string, generation int32) {
	r := kmsg.NewPtrSyncGroupRequest()
	r.Group, r.MemberID, r.Generation = "g", id, generation
	s.request(r)
	synctest.Wait()
}

func (s *acted) beat(id string, generation int32) {
	r := kmsg.NewPtrHeartbeatRequest()
	r.Group, r.MemberID, r.Generation = "g", id, generation
	s.request(r)
}

// TestClocksOfAGroup: when a member is thrown out, and when it is not. Sessions are
// of 4 s and a rebalance of 10 s.
func TestClocksOfAGroup(t *testing.T) {
	f := func(what, want string, play func(*acted)) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			s := newActed()
			play(s)
			synctest.Wait()
			if got := strings.Join(s.told, "; "); got != want {
				t.Errorf("%s: %q, want %q", what, got, want)
			}
			s.close()
		})
	}
	f("a session ends after the last beat", "a at 7s", func(s *acted) {
		s.join("a")
		s.sync("a", 1)
		time.Sleep(3 * time.Second)
		s.beat("a", 1)
		time.Sleep(time.Minute)
	})
	f("a beat of another generation renews nothing", "a at 4s", func(s *acted) {
		s.join("a")
		s.sync("a", 1)
		time.Sleep(3 * time.Second)
		s.beat("a", 0)
		time.Sleep(time.Minute)
	})
	f("it stands still while the member waits, and begins with the answer", "b at 13s", func(s *acted) {
		s.prepare(true)
		s.join("a")
		s.join("b")
		time.Sleep(9 * time.Second)
		s.prepare(false)
		s.sync("a", 1) // b is dead and comes for nothing
		for range 5 {
			time.Sleep(3 * time.Second)
			s.beat("a", 1)
		}
	})
	f("who joined without an id has one too", "x at 4s", func(s *acted) {
		r := kmsg.NewPtrJoinGroupRequest()
		r.Version, r.Group, r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = 1, "g", 4_000, 10_000
		s.mu.Lock()
		s.ids = []string{"x"} // the simulation has named it
		s.mu.Unlock()
		s.request(r)
		s.join("a")
		s.sync("a", 1)
		for range 5 {
			time.Sleep(3 * time.Second)
			s.beat("a", 1)
		}
	})
	f("a rebalance ends when it was to end, whoever joins meanwhile", "a at 11s", func(s *acted) {
		s.join("a")
		s.sync("a", 1)
		time.Sleep(time.Second)
		s.prepare(true)
		for _, id := range []string{"b", "c", "d", "e", "f"} { // a beats and joins not
			s.join(id)
			time.Sleep(2 * time.Second)
			s.beat("a", 1)
		}
		time.Sleep(time.Second)
		s.prepare(false)
		for _, id := range []string{"b", "c", "d", "e", "f"} {
			s.sync(id, 2)
		}
	})
	f("one that is no member and leaves starts no rebalance", "", func(s *acted) {
		s.join("a")
		s.sync("a", 1)
		r := kmsg.NewPtrLeaveGroupRequest()
		r.Group, r.MemberID = "g", "gone"
		s.request(r)
		for range 3 {
			time.Sleep(3 * time.Second)
			s.beat("a", 1)
		}
		s.prepare(true)
		s.join("b") // a has until 19 s to join again
		time.Sleep(3 * time.Second)
		s.beat("a", 1)
		s.join("a")
		s.prepare(false)
		s.sync("b", 2)
		s.sync("a", 2)
	})
	f("a join that is refused has no clock", "", func(s *acted) {
		s.join("a")
		s.sync("a", 1)
		s.refused("gone")
		for range 3 {
			time.Sleep(3 * time.Second)
			s.beat("a", 1)
		}
		s.prepare(true)
		s.join("b") // a has until 19 s to join again
		time.Sleep(3 * time.Second)
		s.beat("a", 1)
		s.join("a")
		s.prepare(false)
		s.sync("b", 2)
		s.sync("a", 2)
		for range 3 { // the sessions of both go on; that of one that is no member did not begin
			time.Sleep(3 * time.Second)
			s.beat("a", 2)
			s.beat("b", 2)
		}
	})
	f("who was answered at once and comes no more has a session", "b at 6s", func(s *acted) {
		s.join("a")
		s.join("b")
		s.sync("a", 1)
		s.sync("b", 1)
		time.Sleep(2 * time.Second)
		s.beat("a", 1)
		s.join("b") // in a stable group, with nothing new
		for range 3 {
			time.Sleep(2 * time.Second)
			s.beat("a", 1)
		}
	})
	f("in a rebalance a member of the one before may sync, and who has joined it waits", "a,b at 10s", func(s *acted) {
		s.prepare(true)
		s.join("a")
		s.prepare(false)
		s.join("b")
		s.prepare(true)
		s.join("c")
		s.sync("b", 1)
		for range 4 {
			s.beat("a", 1)
			s.beat("b", 1)
			time.Sleep(3 * time.Second)
		}
	})
	f("a rebalance that has ended throws nobody out", "", func(s *acted) {
		s.join("a")
		s.join("b")
		s.sync("a", 1)
		s.sync("b", 1)
		s.prepare(true)
		for range 9 {
			time.Sleep(2 * time.Second)
			s.beat("a", 1)
			s.beat("b", 1)
		}
	})
}

// TestFarSession: the simulation is told of the longest session, and still refuses
// what it would have refused.
func TestFarSession(t *testing.T) {
	s := newActed()
	defer s.close()
	for asked, want := range map[int32]int32{4_000: 60_000, 1_000: 60_000, 60_000: 60_000, 999: 999, 60_001: 60_001} {
		r := kmsg.NewPtrJoinGroupRequest()
		r.Version, r.Group, r.MemberID, r.SessionTimeoutMillis = 5, "g", "m", asked
		if s.request(r); r.SessionTimeoutMillis != want {
			t.Errorf("a session of %d ms became %d, want %d", asked, r.SessionTimeoutMillis, want)
		}
	}
}

// member is a client that speaks for one member.
type testMember struct {
	t  *testing.T
	cl *kgo.Client
	id string
}

func newTestMember(t *testing.T, c *Cluster) *testMember {
	t.Helper()
	cl, err := connect(c.Access())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &testMember{t: t, cl: cl}
}

// join joins a group and returns what it is told, or an error.
func (m *testMember) join(session, rebalance time.Duration) (*kmsg.JoinGroupResponse, error) {
	r := kmsg.NewPtrJoinGroupRequest()
	r.Group, r.ProtocolType = "storm", "consumer"
	r.SessionTimeoutMillis, r.RebalanceTimeoutMillis = int32(session.Milliseconds()), int32(rebalance.Milliseconds())
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name = "range"
	r.Protocols = []kmsg.JoinGroupRequestProtocol{p}
	for {
		r.MemberID = m.id
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		resp, err := r.RequestWith(ctx, m.cl)
		cancel()
		if err != nil {
			return nil, err
		}
		m.id = resp.MemberID
		if resp.ErrorCode != kerr.MemberIDRequired.Code {
			return resp, kerr.ErrorForCode(resp.ErrorCode)
		}
	}
}

// sync gives every member of a generation nothing to read.
func (m *testMember) sync(generation int32) error {
	r := kmsg.NewPtrSyncGroupRequest()
	r.Group, r.MemberID, r.Generation = "storm", m.id, generation
	a := kmsg.NewSyncGroupRequestGroupAssignment()
	a.MemberID = m.id
	r.GroupAssignment = append(r.GroupAssignment, a)
	resp, err := r.RequestWith(deadline(m.t), m.cl)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}

// TestAGroupIsNotHeld: members that join one after the other, each within the
// rebalance timeout of the one before, get their answer all the same, and those
// that wait longer than their session are not dropped.
func TestAGroupIsNotHeld(t *testing.T) {
	c := start(t, Options{Kind: Embedded, Nodes: 1})
	const session, rebalance = 2 * time.Second, 5 * time.Second
	slow := newTestMember(t, c)
	joined, err := slow.join(time.Minute, rebalance) // it is in the group, and joins no more
	if err == nil {
		err = slow.sync(joined.Generation)
	}
	if err != nil {
		t.Fatal(err)
	}
	answers := make(chan error)
	asked := 0
	for first := true; first; {
		if asked == 20 {
			t.Fatalf("%d members have joined within %s of each other, and none has an answer", asked, rebalance/2)
		}
		asked++
		m := newTestMember(t, c)
		go func() {
			_, err := m.join(session, rebalance)
			answers <- err
		}()
		select {
		case err := <-answers:
			if err != nil {
				t.Fatal(err)
			}
			first = false
		case <-time.After(rebalance / 2): // longer than a session
		}
	}
	for range asked - 1 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
}
