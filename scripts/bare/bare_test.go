package bare

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestJobsThatAreNone(t *testing.T) {
	f := func(want, line string) {
		t.Helper()
		if err := run(strings.NewReader(line), new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want it to say %q", line, err, want)
		}
	}
	f("read the job", "")
	f("read the job", "{\n")
	f(`no bare loop for consume with "librdkafka"`, `{"Direction":"consume","Client":"librdkafka","Partitions":1,"MarkEvery":1}`+"\n")
	f("0 partitions", `{"Direction":"produce","Client":"sarama"}`+"\n")
	f("marked every 0 records", `{"Direction":"consume","Client":"sarama","Partitions":1}`+"\n")
}

// meterOf is a meter outside of any process.
func meterOf(t *testing.T, j Job) *meter {
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	return &meter{ctx: ctx, cancel: cancel, job: j, parts: make([]count, max(j.Partitions, 1))}
}

func TestFail(t *testing.T) {
	broke := errors.New("it broke")
	m := meterOf(t, Job{})
	if m.fail(broke); context.Cause(m.ctx) != broke {
		t.Error("a failed record did not end the loop")
	}
	m = meterOf(t, Job{Lasting: true})
	if m.fail(broke); m.over() {
		t.Error("an error that passes ended the loop")
	}
}

// A rate is kept, and the end of the loop ends the wait for it.
func TestRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := meterOf(t, Job{Rate: 100})
		m.job.Settings.Produce.Window = 1000
		w := newWindow(m, m.job)
		began := time.Now()
		for sent := int64(0); sent < 50; sent++ {
			if !w.room(sent, 1) {
				t.Fatal("no room")
			}
		}
		if took := time.Since(began); took < 500*time.Millisecond || took > 510*time.Millisecond {
			t.Errorf("50 records at 100/s took %s", took)
		}
		m.cancel(nil)
		if w.room(1000, 1) {
			t.Error("room after the end")
		}
	})
}

// Reports say which partitions got on; those of a lasting loop begin with it.
func TestReport(t *testing.T) {
	f := func(lasting bool, want ...int) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			m := meterOf(t, Job{Partitions: 3, Lasting: lasting})
			var out bytes.Buffer
			stop, done := make(chan struct{}), make(chan struct{})
			go func() { m.report(&out, stop); close(done) }()
			time.Sleep(1500 * time.Millisecond)
			m.parts[0].Add(2)
			m.parts[2].Add(3)
			time.Sleep(1800 * time.Millisecond)
			close(stop)
			<-done
			var got []int
			for dec := json.NewDecoder(&out); ; {
				var r Report
				if dec.Decode(&r) != nil {
					break
				}
				if (r.First == 0) != lasting || r.Partitions > 0 && r.Records != 5 {
					t.Errorf("a report of %d records since %d", r.Records, r.First)
				}
				got = append(got, r.Partitions)
			}
			if !slices.Equal(got, want) {
				t.Errorf("reports of %v partitions, want %v", got, want)
			}
		})
	}
	f(true, 0, 2, 0) // after 1 s, 2 s, 3 s
	f(false, 2, 0)   // at the first record, 1 s after it
}
