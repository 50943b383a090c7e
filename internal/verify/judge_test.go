package verify

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/faulty"
	"github.com/kbench/kbench/drivers/franzgo"
	"github.com/kbench/kbench/drivers/kafkago"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/drivers/sarama"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/window"
)

const ms = int64(time.Millisecond)

// good is what a whole client leaves behind: 150 records in each of four
// partitions, of which 21 are a seventh one.
func good() Evidence {
	e := Evidence{
		State: results.StateComplete, Sent: 600, FirstAck: 1000, FirstProduce: 900,
		Counts: map[string]int64{}, Ends: map[int32]int64{}, Committed: map[int32]int64{}, Worst: map[int32]window.Record{},
	}
	for p := range int32(4) {
		e.Ends[p], e.Committed[p] = 150, 150
	}
	return e
}

func failed(why string) Evidence { return Evidence{State: results.StateFailed, Error: why} }

func with(edit func(*Evidence)) Evidence {
	e := good()
	edit(&e)
	return e
}

func counts1(metric string, n int64) Evidence {
	return with(func(e *Evidence) { e.Counts[metric] = n })
}

// stopped is a trial with a stop of 100 ms and a gap.
func stopped(gap, canary int64) Evidence {
	return with(func(e *Evidence) {
		e.Stops = []Stop{{Partition: 0, From: 1000 * ms, To: 1100 * ms, Length: 100 * ms}}
		e.Worst[0] = window.Record{Due: 999 * ms, At: 999*ms + gap}
		e.Canary = []Canary{{From: 0, To: 900 * ms, Worst: 500 * ms}, {From: 900 * ms, To: 1900 * ms, Worst: canary}}
	})
}

// TestJudges: each judge is content with its own known answer, and with nothing
// that differs from it.
func TestJudges(t *testing.T) {
	f := func(j judge, e Evidence, wrong ...string) {
		t.Helper()
		v := j(e)
		got := v.wrong
		if v.injected == "" || v.reported == "" {
			t.Errorf("injected %q, reported %q: a column would be empty", v.injected, v.reported)
		}
		if len(got) != len(wrong) {
			t.Errorf("%d things are wrong, want %d: %q", len(got), len(wrong), got)
			return
		}
		for i, w := range wrong {
			if !strings.Contains(got[i], w) {
				t.Errorf("%q does not say %q", got[i], w)
			}
		}
	}

	drop := count(faulty.Drop, results.AuditLost, hits)
	f(drop, counts1(results.AuditLost, 84))
	f(drop, counts1(results.AuditLost, 83), "audit.lost is 83, not 84")
	f(drop, good(), "audit.lost is 0, not 84")
	f(drop, counts1(results.AuditDuplicate, 84), "audit.duplicate is 84 where nothing of the kind was injected", "audit.lost is 0")
	f(drop, with(func(e *Evidence) { clear(e.Ends) }), "nothing was tested")
	f(drop, failed("broker: gone"), "the trial is failed: broker: gone", "nothing was tested")

	f(earlyAck, with(func(e *Evidence) { e.FirstAck = 800 }))
	f(earlyAck, good(), "are not seen")
	f(earlyAck, with(func(e *Evidence) { e.FirstAck = 0 }), "are not seen")

	behind, ahead := commits(-1), commits(1)
	shifted := func(by int64) Evidence {
		return with(func(e *Evidence) {
			for p := range e.Committed {
				e.Committed[p] += by
			}
		})
	}
	f(behind, shifted(-1))
	f(ahead, shifted(1))
	f(behind, shifted(1), "partition 0: the last commit is 151 and the end 150", "partition 1", "partition 2", "partition 3")
	f(ahead, with(func(e *Evidence) { clear(e.Ends) }), "no end offset is known")
	f(ahead, with(func(e *Evidence) {
		for p := range int32(3) {
			e.Committed[p]++
		}
	}), "partition 3")

	lied := func(keys ...string) Evidence {
		return with(func(e *Evidence) { e.Lies = keys })
	}
	f(lie, lied(drivers.KeyAcks, drivers.KeyFetchWait))
	f(lie, lied(drivers.KeyAcks), drivers.KeyFetchWait+" is not called a lie")
	f(lie, good(), drivers.KeyAcks+" is not called a lie", drivers.KeyFetchWait+" is not called a lie")
	f(lie, failed("broker: gone"), "the trial is failed", drivers.KeyAcks, drivers.KeyFetchWait)
	f(hangFound, failed("worker producer-0 (pid 1) was not produced within 3s"))
	f(hangFound, good(), "not failed")
	f(hangFound, failed("broker: gone"), `"worker "`, `"within"`)

	f(stuckFound, with(func(e *Evidence) { e.Counts[results.AuditStuck], e.Counts[results.AuditUndelivered] = 1, 500 }))
	f(stuckFound, counts1(results.AuditUndelivered, 500), "audit.stuck is 0")
	told, untold := zombieFound(true), zombieFound(false)
	back := with(func(e *Evidence) { e.Counts[results.AuditZombie], e.Counts[results.AuditCommitRegression] = 1, 1 })
	f(told, back, "audit.commit_regression is 1")
	f(untold, back)
	f(untold, counts1(results.AuditCommitRegression, 1), "audit.zombie is 0, not 1")
	f(told, with(func(e *Evidence) { e.Counts[results.AuditZombie], e.Counts[results.AuditDuplicate] = 1, 2 }))
	f(told, counts1(results.AuditDuplicate, 2), "audit.zombie is 0, not 1")
	f(told, counts1(results.AuditZombie, 2), "audit.zombie is 2, not 1")
	f(rewindFound, counts1(results.AuditCommitRegression, 4))
	f(rewindFound, good(), "audit.commit_regression is 0")

	f(quiet, good())
	f(quiet, counts1(results.AuditLost, 1), "audit.lost is 1")
	f(quiet, shifted(-1), "partition 0", "partition 1", "partition 2", "partition 3")
	f(quiet, with(func(e *Evidence) { e.FirstAck = 800 }), "the first ack came")
	f(quiet, with(func(e *Evidence) { e.Sent = 0 }), "nothing was tested")
	f(quiet, failed("x"), "the trial is failed: x")

	exact, real := gap(exactTolerance), gap(realTolerance)
	f(exact, stopped(100*ms, 0))
	f(exact, stopped(107*ms, 0))
	f(exact, stopped(107*ms+1, 0), "the gap must be 0s to 7ms longer")
	f(exact, stopped(107*ms+1, 80*ms), "the machine itself was late by up to 80ms")
	f(exact, stopped(100*ms-1, 0), "the gap must be")
	f(real, stopped(125*ms, 0))
	f(real, stopped(125*ms+1, 0), "0s to 25ms")
	f(real, stopped(185*ms, 80*ms))
	f(real, stopped(185*ms+1, 80*ms), "0s to 85ms")
	f(real, good(), "the injector wrote down 0 stops")
	f(real, with(func(e *Evidence) {
		*e = stopped(100*ms, 0)
		e.Stops[0].To--
	}), "by the worker's clock the stop took 100ms")
	f(real, with(func(e *Evidence) { e.Stops = []Stop{{Partition: 3}} }), "partition 3 has no record")
}

// TestCounts: what is a finding and what is not.
func TestCounts(t *testing.T) {
	got := counts([]results.Row{
		{Metric: results.AuditLost, Value: 3},
		{Metric: results.AuditDuplicate, Value: 0},
		{Metric: results.AuditDuplicate, Class: "crash", Value: 9},
		{Metric: results.AuditLost, Event: "join#1", Value: 9},
		{Metric: results.AuditLate, Value: 9},
		{Metric: results.PauseGap, Value: 9},
	})
	if len(got) != 1 || got[results.AuditLost] != 3 {
		t.Errorf("got %v", got)
	}
}

// TestCases: every fault is there once, every stop over every driver, a process
// stopped below and beyond the session and a quiet run for every client; all of it
// is expected to end in less than the three minutes that the help says; and a worker finds each by a name of its own that no
// client has.
func TestCases(t *testing.T) {
	table := []drivers.Driver{franzgo.New(), sarama.New(), kafkago.New(), loopback.New()}
	cases, err := Cases(table)
	if err != nil {
		t.Fatal(err)
	}
	times := map[string]int{}
	for _, c := range cases {
		times[c.Name]++
	}
	for _, f := range append(faulty.Faults(), faulty.Fault{Kind: faulty.Rewind}) {
		if times[string(f.Kind)] != 1 {
			t.Errorf("%s is there %d times", f.Kind, times[string(f.Kind)])
		}
	}
	for name, want := range map[string]int{"stop 100ms": 4, "stop 1s": 4, "stop 8s": 4, "pause 2s": 3, "evict 8s": 3, "node": 1, "node moved": 1, "quiet": 3, "blame client": 2, "blame machine": 2, "blame burn": 2, "blame litter": 2, "blame reference": 1, "blame broker": 1, "blame supervisor": 1} {
		if times[name] != want {
			t.Errorf("%s is there %d times, want %d", name, times[name], want)
		}
	}
	if d := Estimate(cases); d > 3*time.Minute {
		t.Errorf("it takes about %s", d)
	}
	if i := slices.IndexFunc(cases, func(c Case) bool { return c.Name == string(faulty.Zombie) }); i < 0 || !tellsRevokes(cases[i].Driver) {
		t.Error("the zombie is a client that does not tell when it gives up a partition")
	}
	if silent, err := Cases([]drivers.Driver{kafkago.New()}); err != nil || !slices.ContainsFunc(silent, func(c Case) bool { return c.Name == string(faulty.Zombie) }) {
		t.Errorf("with silent clients alone there is no zombie: %v", err)
	}
	if !tellsRevokes(table[0]) || !tellsRevokes(table[1]) || tellsRevokes(table[2]) {
		t.Error("franz-go and sarama tell of revokes, kafka-go does not")
	}
	var names []string
	for _, d := range append(Drivers(table), table...) {
		names = append(names, d.Name())
	}
	slices.Sort(names)
	if len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("two drivers share a name: %q", names)
	}
	for _, c := range cases {
		if !slices.Contains(names, c.Driver.Name()) {
			t.Errorf("no worker knows %s", c.Driver.Name())
		}
	}
	if _, err := Cases([]drivers.Driver{loopback.New()}); err == nil {
		t.Error("a table without a client has cases")
	}
}
