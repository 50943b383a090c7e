package conduct_test

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// sight is a state of the group as the simulated broker had it. It came after
// the look at before had begun, and was there when the look that ended at at had.
type sight struct {
	before, at int64
	info       *kfake.GroupInfo
}

func (s sight) has(member string) bool {
	return slices.ContainsFunc(s.info.Members, func(m kfake.GroupMember) bool { return m.MemberID == member })
}

func (s sight) owned(topic string) map[string][]int32 {
	out := map[string][]int32{}
	for _, m := range s.info.Members {
		out[m.MemberID] = slices.Sorted(slices.Values(m.Assignment[topic]))
	}
	return out
}

// look watches a group from inside the broker until it is stopped, and tells how
// long the broker was out of sight at most: so late its timers may have been, too.
func look(c *kfake.Cluster, group string) (stop func() (sights []sight, longest time.Duration)) {
	var sights []sight
	var longest int64
	var done sync.WaitGroup
	end := make(chan struct{})
	done.Go(func() {
		last, before := "", record.Now()
		for {
			began := record.Now()
			longest = max(longest, began-before)
			info := c.GroupInfo(group)
			if info == nil {
				info = &kfake.GroupInfo{State: "none"}
			}
			text := fmt.Sprint(info.State, info.Epoch)
			for _, m := range info.Members {
				text += fmt.Sprint(" ", m.MemberID, m.Assignment)
			}
			if text != last {
				sights = append(sights, sight{before, record.Now(), info})
			}
			last, before = text, began
			select {
			case <-end:
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	return func() ([]sight, time.Duration) {
		close(end)
		done.Wait()
		return sights, time.Duration(longest)
	}
}

// TestWitnessEmbedded: the simulated broker lives in this process and is asked
// for its group every 2 ms. In the end a member is stopped until well after its
// session, is dropped, goes on and joins anew.
func TestWitnessEmbedded(t *testing.T) {
	onEmbedded(t)
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	spec := coming(t, "come-and-go", "classic", "range")
	spec.Consume.Members++ // else nobody is left to take over
	spec.Churn = append(spec.Churn, workloads.ChurnEntry{Do: "stall", When: "stable", Times: 1, Target: "oldest", For: spec.Group.Session + 4*time.Second})
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, "sarama"))
	o.ID, o.Broker = cluster.NewRunID(), cluster.Options{Kind: cluster.Attached, Brokers: c.ListenAddrs()}
	stop := look(c, cluster.Name(o.ID, 1))
	got, err := run(t, bounded(t), o)
	sights, unseen := stop()
	if err != nil {
		t.Error(err)
	}
	got.wantStates(t, "complete")
	trial := got.trials[0]
	w := tapOf(t, got, trial)
	w.answered = max(w.answered, unseen)

	wantFormed(t, trial.Topic, w, sights)
	wantChanges(t, w, sights)
}

// wantFormed checks that broker and taps have the same generations with the same
// assignment, in an order that can be.
func wantFormed(t *testing.T, topic string, w *tap, sights []sight) {
	t.Helper()
	gens, stable, noted := w.generations(), map[int32]bool{}, int64(w.noted())
	for i, s := range sights {
		if s.at > w.measured.To {
			break
		}
		g, n := gens[s.info.Epoch], s.info.Epoch
		if g == nil {
			continue // nobody was told of it
		}
		if first := i == 0 || sights[i-1].info.Epoch != n; first {
			if s.before > g.joined {
				t.Errorf("generation %d: a response of it was read %s before the broker had it", n, time.Duration(s.before-g.joined))
			}
			if s.at+noted < g.joinAsked {
				t.Errorf("generation %d: the broker had it %s before the last member asked to join it", n, time.Duration(g.joinAsked-s.at))
			}
		}
		if s.info.State != "Stable" || stable[n] {
			continue
		}
		stable[n] = true
		if s.at+noted < g.syncAsked {
			t.Errorf("generation %d: it was stable %s before its leader had assigned", n, time.Duration(g.syncAsked-s.at))
		}
		if diff := gocmp.Diff(s.owned(topic), g.members); diff != "" {
			t.Errorf("generation %d, from the broker to the taps:\n%s", n, diff)
		}
	}
	// A join, a leave, two evictions and the return of one, and nothing else.
	if n := w.in(); len(n) != 5 {
		t.Errorf("generations %d in the measured part, want five", n)
	}
	for _, n := range w.in() {
		if !stable[n] {
			t.Errorf("generation %d: the broker never had it stable", n)
		}
	}
}

// wantChanges checks the moments at which a member came and went: never before the
// tap's, and an eviction not much later.
func wantChanges(t *testing.T, w *tap, sights []sight) {
	t.Helper()
	noted := int64(w.noted())
	comes, goes := w.member(w.victim("join")), w.member(w.victim("leave"))
	came := change(sights, comes, true)
	if came == nil || came.at+noted < w.asked(w.victim("join")) || w.events["join"].T0 > came.at+noted {
		t.Errorf("the member that joined: in the group from %+v, t0 %d", came, w.events["join"].T0)
	}
	left := change(sights, goes, false)
	if left == nil || left.at+noted < w.events["leave"].T0 {
		t.Errorf("the member that left: gone from %+v, t0 %d", left, w.events["leave"].T0)
	}
	for _, kind := range []string{"crash", "stall"} {
		e, dropped := w.events[kind], change(sights, w.member(w.victim(kind)), false)
		if dropped == nil || e.T0 == 0 {
			t.Errorf("%s: the member was dropped: %t, t0 %d", kind, dropped != nil, e.T0)
			continue
		}
		t.Logf("%s: dropped %s to %s after t0; the machine was late by %s, the broker by %s", kind, time.Duration(dropped.before-e.T0), time.Duration(dropped.at-e.T0), w.woken, w.answered)
		if dropped.at+noted < cmp.Or(e.T0Low, e.T0) {
			t.Errorf("%s: the member was dropped %s before its session can have been over by the taps", kind, time.Duration(cmp.Or(e.T0Low, e.T0)-dropped.at))
		}
		// kfake drops nobody while it waits for members to join anew: a session
		// that ends meanwhile is over when the group has formed.
		if d := time.Duration(dropped.before - e.T0); d > w.lateEviction() && !forming(sights, e.T0) {
			t.Errorf("%s: the member was dropped %s after its session was over by the taps; the group was\n%s", kind, d, states(sights, e.T0))
		}
	}
}

// forming says that the group was not stable at some time from then until a second
// later.
func forming(sights []sight, then int64) bool {
	for i, s := range sights {
		until := int64(math.MaxInt64)
		if i+1 < len(sights) {
			until = sights[i+1].before
		}
		if s.info.State != "Stable" && s.before < then+int64(time.Second) && until > then {
			return true
		}
	}
	return false
}

// states tells the states of the group around a moment, for who has to find out why.
func states(sights []sight, then int64) string {
	var out strings.Builder
	for _, s := range sights {
		fmt.Fprintf(&out, "%s: %s, generation %d, %d members\n", time.Duration(s.before-then), s.info.State, s.info.Epoch, len(s.info.Members))
	}
	return out.String()
}

// change is the first state of the group in which a member is, or is not any
// more.
func change(sights []sight, member string, in bool) *sight {
	was := false
	for i := range sights {
		has := sights[i].has(member)
		if in && has || !in && was && !has {
			return &sights[i]
		}
		was = has
	}
	return nil
}
