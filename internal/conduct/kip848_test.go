package conduct_test

import (
	"slices"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/window"
	"github.com/kbench/kbench/workloads"
)

// TestConsumerGroup: a join, a leave and a crash in a group of KIP-848. Who
// cannot be in one is refused; heartbeat and session are the workload's, although
// no client can ask for them; and the floors of the events leave nobody with less
// than nothing.
func TestConsumerGroup(t *testing.T) {
	brokers(t, func(t *testing.T, kind string) {
		spec := coming(t, "consumer-group", "consumer", "uniform")
		o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{spec}, clients[:]...))
		o.Broker.Kind, o.Broker.Nodes = kind, 1
		got, err := run(t, bounded(t), o)
		if err != nil {
			t.Error(err)
		}
		trial := got.only(t, "franz-go", "group.protocol: consumer: ")
		cleanButForCrash(t, got.evidence(t, trial))
		wantOnWire(t, trial, "coordinator", drivers.KeyHeartbeat, "500")
		wantOnWire(t, trial, "coordinator", drivers.KeySession, "6000")
		for _, member := range []string{"consumer-0", "consumer-1", "consumer-2"} {
			wantOnWire(t, trial, member, drivers.KeyProtocol, "consumer")
			wantOnWire(t, trial, member, drivers.KeyAssignors, "uniform")
			wantOnWire(t, trial, member, drivers.KeyRebalance, "10000")
			wantOnWire(t, trial, member, drivers.KeyStatic, "false")
		}

		w := tapOf(t, got, trial)
		for _, act := range []string{"join", "leave", "crash"} {
			e, ok := w.events[act]
			if !ok || e.Protocol != "consumer" || !e.Rebalanced || e.Rounds < 1 {
				t.Errorf("%s: %+v", act, e)
				continue
			}
			t.Logf("%s on %s: wire %s, floor %s, excess %s", act, kind, time.Duration(e.Wire), time.Duration(e.Floor), time.Duration(e.WireExcess))
			wantNoLessThanNothing(t, act, e, int64(time.Second)*int64(spec.Topic.Partitions)/int64(spec.Produce.Rate.PerSecond), w.woken)
		}
		// Only beats renew a session of this protocol, and the last of them was at
		// most a heartbeat old. Where windows ran into each other t0 is another's.
		if e := w.events["crash"]; len(e.Acts) == 1 {
			if d := time.Duration(e.T0 - e.Acts[0].At); d > spec.Group.Session+w.noted() || d < 3*time.Second {
				t.Errorf("the crash: expired %s after the kill, with a session of %s", d, spec.Group.Session)
			}
		}
	})
}

// only is the trial of the one client that completed its own; all others must have
// been refused with these words.
func (o *outcome) only(t *testing.T, client, refused string) (trial *results.Trial) {
	t.Helper()
	for _, tr := range o.trials {
		if tr.Ref.Client == client {
			trial = tr
			continue
		}
		if tr.State != results.StateRefused {
			t.Errorf("%s: %s", tr.Ref.Client, tr.State)
		}
		wantWords(t, tr.Ref.Refused, refused)
	}
	if trial == nil || trial.State != results.StateComplete {
		t.Fatalf("the trial of %s is %+v", client, trial)
	}
	return trial
}

// wantNoLessThanNothing checks that an event leaves nobody with less than nothing.
// No new owner has a partition before the response that gives it away, and no old
// one after it gave it up, so a record that was due in between is at least so late.
// One was due within an interval. A request is noted after it was written, and where the
// machine is late, by so much later.
func wantNoLessThanNothing(t *testing.T, act string, e window.Event, interval int64, late time.Duration) {
	t.Helper()
	if x := time.Duration(e.WireExcess); x < -time.Millisecond-late {
		t.Errorf("%s: the wire excess is %s", act, x)
	}
	for _, p := range e.Partitions {
		least := -interval - int64(2*time.Millisecond+late)
		if p.Class == window.Orphaned && act == "leave" {
			least -= e.T0 - e.Window.From // it delivers until it has left
		}
		if p.FloorKnown && p.Excess < least {
			t.Errorf("%s: partition %d, %s, has a gap excess of %s", act, p.Partition, p.Class, time.Duration(p.Excess))
		}
	}
}

// wantOnWire checks that a setting was claimed, and was seen, with this value.
func wantOnWire(t *testing.T, trial *results.Trial, worker, key, value string) {
	t.Helper()
	i := slices.IndexFunc(trial.Wire, func(c results.WireCheck) bool { return c.Worker == worker && c.Key == key })
	if i < 0 {
		t.Errorf("%s of %s was not looked at", key, worker)
		return
	}
	if c := trial.Wire[i]; c.Claim != value || c.Seen != value || !c.OK || c.Lie {
		t.Errorf("%s of %s: %+v, want %s", key, worker, c, value)
	}
}
