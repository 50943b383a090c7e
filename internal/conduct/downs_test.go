package conduct

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/churn"
)

// TestTurns: what an act has, or will come to, no other act can have until it is whole again.
func TestTurns(t *testing.T) {
	var d downs
	f := func(away bool, taken int32, free bool, nodes ...int32) {
		t.Helper()
		if node, is := d.take(nodes, away); is != free || node != taken {
			t.Errorf("%v: node %d, free: %v; want %d, %v", nodes, node, is, taken, free)
		}
	}
	f(true, 0, true, 0, 1) // one after the other
	d.set(0, 0)
	f(true, 1, false, 1)
	f(false, 0, false, 0)
	f(true, 1, false, 2, 1)
	f(true, 0, true, 2)
	d.set(0, record.Now())
	f(false, 0, true, 0)
	f(true, 0, true, 0)
	f(true, 1, false, 1)
}

// said is a node that answers, or the error that asking it makes.
type said struct{ error }

func (s said) AskMetadata(context.Context, int32) error { return s.error }

// after is a node that answers so many times more.
type after struct{ left int }

func (a *after) AskMetadata(context.Context, int32) error {
	if a.left--; a.left < 0 {
		return context.DeadlineExceeded
	}
	return nil
}

// TestGone: an order that was carried out and changed nothing is not believed.
func TestGone(t *testing.T) {
	if err := gone(t.Context(), said{}, 1, 20*time.Millisecond); err == nil || !strings.Contains(err.Error(), "answers all the same") {
		t.Errorf("it answers: %v", err)
	}
	if err := gone(t.Context(), said{errors.New("connection refused")}, 1, time.Second); err != nil {
		t.Errorf("it does not: %v", err)
	}
	if err := gone(t.Context(), &after{3}, 1, time.Minute); err != nil {
		t.Errorf("it had no processor to be stopped on: %v", err)
	}
}

// TestNotInjected: where it is not known whether a node answers otherwise, no other trial has
// that broker.
func TestNotInjected(t *testing.T) {
	l := &timeline{trial: &trial{run: &runner{}, cluster: &cluster.Cluster{}}}
	f := &results.NodeFault{}
	err := l.answerOtherwise(t.Context(), &churn.Act{Fault: workloads.AnswerNode}, 1, f, func(*int64) {})
	if err == nil || !l.run.brokerDied.Load() {
		t.Errorf("%v, and the broker is kept", err)
	}
}

// TestDowns: a node that an act has ended answers nobody, for however long that is, and for
// a while after it is back who asked it still counts those seconds. Another one hangs.
func TestDowns(t *testing.T) {
	var d downs
	f := func(node int32, within time.Duration, want bool) {
		t.Helper()
		if got := d.lately(node, within); got != want {
			t.Errorf("node %d within %s: %v", node, within, got)
		}
	}
	f(1, time.Hour, false)
	d.set(1, 0)
	f(1, 0, true)
	f(2, time.Hour, false)
	if !d.any() {
		t.Error("none is down")
	}
	d.set(1, record.Now())
	f(1, time.Hour, true)
	f(1, 0, false)
	if d.any() {
		t.Error("one is down that is back")
	}
}

// TestPickLeader: the node that coordinates is taken where no other leads anything.
func TestPickLeader(t *testing.T) {
	for _, c := range []struct {
		leaders           map[int32]int32
		coordinator, want int32
	}{
		{map[int32]int32{0: 1, 1: 2, 2: 3}, 1, 2},
		{map[int32]int32{0: 1, 1: 2, 2: 3}, 3, 1},
		{map[int32]int32{0: -1, 1: 2, 2: 3}, 2, 3},
		{map[int32]int32{0: 1, 1: 1}, 1, 1},
		{map[int32]int32{0: 2, 1: 1}, -1, 2},
	} {
		if got, err := pickLeader(c.leaders, c.coordinator); got != c.want || err != nil {
			t.Errorf("%v, node %d coordinates: node %d, %v, want %d", c.leaders, c.coordinator, got, err, c.want)
		}
	}
	if got, err := pickLeader(map[int32]int32{0: -1}, 1); err == nil {
		t.Errorf("nobody leads: node %d", got)
	}
}
