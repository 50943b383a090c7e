package worker

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
)

// TestCanary: a worker writes down how late the machine was, without holes from
// its start to its end.
func TestCanary(t *testing.T) {
	job := testJob(t)
	c := talk(t, job)
	c.hear(Ready)
	began := record.Now()
	for range 3000 { // until it has written once, which it does after a second
		time.Sleep(20 * time.Millisecond)
		if len(canaries(t, job.Dir)) > 0 {
			break
		}
	}
	ended := record.Now()
	c.say(Command{Do: Close})
	c.hear(Done)
	if err := c.end(); err != nil {
		t.Fatal(err)
	}
	events := canaries(t, job.Dir)
	if len(events) < 2 {
		t.Fatalf("%d canaries in %s", len(events), time.Duration(ended-began))
	}
	if events[0].From > began || events[len(events)-1].T < ended {
		t.Errorf("canaries from %d to %d do not cover %d to %d", events[0].From, events[len(events)-1].T, began, ended)
	}
	for i, e := range events {
		if e.Worst < 0 || e.Worst > e.T-e.From {
			t.Errorf("late by %d within %d", e.Worst, e.T-e.From)
		}
		if i > 0 && e.From != events[i-1].T {
			t.Errorf("a hole from %d to %d", events[i-1].T, e.From)
		}
	}
}

// Canaries of a large group sleep longer, and never too long to see what would make
// an event noisy.
func TestCanaryNap(t *testing.T) {
	for members, want := range map[int]time.Duration{0: 5, 3: 5, 10: 5, 20: 10, 30: 15, 100: 25, 1000: 25} {
		if got := napIn(members); got != want*time.Millisecond {
			t.Errorf("%d members: %s, want %d ms", members, got, want)
		}
	}
}

// BenchmarkCanary shows what a canary costs: cpu-ns/s is CPU time per second.
func BenchmarkCanary(b *testing.B) {
	events, err := record.CreateEvents(filepath.Join(b.TempDir(), results.EventsFile))
	if err != nil {
		b.Fatal(err)
	}
	defer events.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	before, from := record.SampleRuntime(), record.Now()
	Canary(ctx, 0, from, events.Write)
	after, to := record.SampleRuntime(), record.Now()
	cpu := after.CPUUser + after.CPUSys - before.CPUUser - before.CPUSys
	b.ReportMetric(float64(cpu)/(float64(to-from)/1e9), "cpu-ns/s")
	b.ReportMetric(0, "ns/op")
}

func canaries(t *testing.T, dir string) []record.Event {
	t.Helper()
	var out []record.Event
	err := record.ReadEvents(filepath.Join(dir, results.EventsFile), func(e record.Event) error {
		if e.K == record.EvCanary {
			out = append(out, e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
