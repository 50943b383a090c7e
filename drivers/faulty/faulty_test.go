package faulty_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/drivertest"
	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/drivers/sarama"
)

// caughtBy names the checks that must each catch a fault by themselves.
func caughtBy() map[faulty.Kind][]string {
	return map[faulty.Kind][]string{
		faulty.Drop:       {"deliver-partition", "deliver-member"},
		faulty.Duplicate:  {"deliver-partition", "deliver-member"},
		faulty.Reorder:    {"deliver-partition", "deliver-member"},
		faulty.Corrupt:    {"deliver-partition", "deliver-member"},
		faulty.Swallow:    {"acks", "durable"},
		faulty.AckTwice:   {"acks"},
		faulty.EarlyAck:   {"durable"},
		faulty.Zombie:     {"leave"},
		faulty.Regress:    {"commit-sync", "resume"},
		faulty.Overcommit: {"commit-sync", "commit-marked", "resume"},
		faulty.Stuck:      {"deliver-partition", "deliver-member"},
		faulty.Hang:       {"consumer-close", "producer-close"},
		faulty.Lie:        {"wire-matched", "wire-leader"},
	}
}

// TestEveryFaultIsCaught breaks every driver in every way.
func TestEveryFaultIsCaught(t *testing.T) {
	makers := []func() drivers.Driver{loopback.New, franzgo.New, sarama.New, kafkago.New}
	for _, make := range makers {
		for _, f := range faulty.Faults() {
			t.Run(fmt.Sprintf("%s/%s", make().Name(), f.Kind), func(t *testing.T) {
				t.Parallel()
				d := faulty.Wrap(make(), f)
				if b, ok := d.(drivers.Brokerless); ok && b.Brokerless() && f.Kind == faulty.Lie {
					t.Skip("without a wire there is nothing to lie about")
				}
				want := caughtBy()[f.Kind]
				failures, err := drivertest.Verify(d, drivertest.Only(want...), drivertest.Within(limit(f)))
				if err != nil {
					t.Fatal(err)
				}
				for _, check := range want {
					i := slices.IndexFunc(failures, func(f drivertest.Failure) bool { return f.Check == check })
					if i < 0 {
						t.Errorf("check %s passes a driver with the fault %s", check, f.Kind)
						continue
					}
					t.Logf("%s: %.200s", check, strings.ReplaceAll(failures[i].Err.Error(), "\n", "; "))
				}
			})
		}
	}
}

// limit is short for what fails by never coming to an end: to run into it too
// early is the same verdict.
func limit(f faulty.Fault) time.Duration {
	switch f.Kind {
	case faulty.Stuck, faulty.Hang:
		return 4 * time.Second
	default:
		return 30 * time.Second
	}
}

// TestEveryKindHasACheck: no fault is without its check.
func TestEveryKindHasACheck(t *testing.T) {
	for _, f := range faulty.Faults() {
		if len(caughtBy()[f.Kind]) == 0 {
			t.Errorf("nothing is said to catch %s", f.Kind)
		}
	}
}

// TestAWaitingRevokeIsNotFree: a driver that promises revoke free and waits for
// its handlers all the same is caught.
func TestAWaitingRevokeIsNotFree(t *testing.T) {
	checks := []string{"free-partition", "free-member"}
	failures, err := drivertest.Verify(waiting{franzgo.New()}, drivertest.Only(checks...), drivertest.Within(4*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if len(failures) != len(checks) {
		t.Errorf("of the checks %v these fail: %v", checks, failures)
	}
}

// waiting is a driver whose plan is asked for revoke free, and whose client is
// started to wait.
type waiting struct{ drivers.Driver }

func (w waiting) Consumer(s drivers.Settings, env drivers.Env, h drivers.Handler) (drivers.Consumer, error) {
	s.Consume.Revoke = drivers.RevokeWait
	return w.Driver.Consumer(s, env, h)
}

// TestALossIsNoRevoke: a driver that tells of a loss as if partitions were given
// back in good order is caught.
func TestALossIsNoRevoke(t *testing.T) {
	failures, err := drivertest.Verify(polite{franzgo.New()}, drivertest.Only("lost"))
	if err != nil {
		t.Fatal(err)
	}
	if len(failures) != 1 {
		t.Error("the check lost passes a driver that tells of a revoke")
	}
}

// polite is a driver that says revoked for lost.
type polite struct{ drivers.Driver }

func (p polite) Consumer(s drivers.Settings, env drivers.Env, h drivers.Handler) (drivers.Consumer, error) {
	return p.Driver.Consumer(s, env, politeHandler{h})
}

type politeHandler struct{ drivers.Handler }

func (h politeHandler) Event(e drivers.Event) {
	if e.Kind == drivers.Lost {
		e.Kind = drivers.Revoked
	}
	h.Handler.Event(e)
}

// TestADeafSendIsCaught: a driver whose Send goes on to wait when its context ends.
func TestADeafSendIsCaught(t *testing.T) {
	d := deaf{faulty.Wrap(franzgo.New(), faulty.Fault{Kind: faulty.Block, Nth: 100})}
	failures, err := drivertest.Verify(d, drivertest.Only("send-blocked"), drivertest.Within(4*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	if len(failures) != 1 {
		t.Error("the check passes it")
	}
}

// deaf is a driver that does not hear of the end of a context of Send until it is
// closed.
type deaf struct{ drivers.Driver }

func (d deaf) Producer(s drivers.Settings, env drivers.Env, ack func(*drivers.Msg, error)) (drivers.Producer, error) {
	p, err := d.Driver.Producer(s, env, ack)
	ctx, cancel := context.WithCancel(context.Background())
	return deafProducer{p, ctx, cancel}, err
}

type deafProducer struct {
	drivers.Producer
	open  context.Context
	close context.CancelFunc
}

func (p deafProducer) Send(_ context.Context, msgs []*drivers.Msg) error {
	return p.Producer.Send(p.open, msgs)
}

func (p deafProducer) Close(ctx context.Context) error {
	p.close()
	return p.Producer.Close(ctx)
}

// TestBlockIsNoError: what a client does not take it says.
func TestBlockIsNoError(t *testing.T) {
	d := faulty.Wrap(franzgo.New(), faulty.Fault{Kind: faulty.Block, Nth: 100})
	failures, err := drivertest.Verify(d, drivertest.Only("send-blocked"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Error(f)
	}
}

// TestStallIsNoError: a late record, whatever the process did meanwhile, is a figure, not a fault.
func TestStallIsNoError(t *testing.T) {
	for _, kind := range []faulty.Kind{faulty.Stall, faulty.Burn, faulty.Litter} {
		d := faulty.Wrap(loopback.New(), faulty.Fault{Kind: kind, Nth: 3, For: 50 * time.Millisecond})
		failures, err := drivertest.Verify(d, drivertest.Only("deliver-partition", "deliver-member", "handover-partition", "resume"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range failures {
			t.Errorf("%s: %s", kind, f)
		}
	}
}
