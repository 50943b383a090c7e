package worker

import (
	"context"
	"io"
	"math"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/drivers/loopback"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/workloads"
)

// BenchmarkLoopback is the harness's own cost: a driver without a broker, and
// per record everything that is recorded at a fixed rate (every=1: sequence,
// clock, checksum, histogram, span) or at rate max (every=64). records/s/core
// counts the CPU of the whole process, both ends included.
func BenchmarkLoopback(b *testing.B) {
	for _, members := range []int{0, 1} {
		for _, every := range []int{1, 64} {
			b.Run(name(members, every), func(b *testing.B) { benchLoopback(b, members, every) })
		}
	}
}

func name(members, every int) string {
	ends := "produce"
	if members > 0 {
		ends = "both"
	}
	if every == 1 {
		return ends + "/every=1"
	}
	return ends + "/every=64"
}

func benchLoopback(b *testing.B, members, every int) {
	spec := workloads.Default()
	spec.Records.Size = workloads.Size{Fixed: 100}
	spec.Produce.Rate = workloads.Rate{Max: true}
	spec.Produce.Chunk = 64
	spec.Consume.Members = members
	d := loopback.New()
	w := &worker{driver: d, report: &reporter{out: io.Discard}, job: Job{
		Name: "both-0", Role: results.RoleBoth, Client: d.Name(), Dir: filepath.Join(b.TempDir(), "w"), Spec: spec, RunTag: 1, Topic: "t",
		Interval: time.Second, Every: every,
		Settings: drivers.Settings{
			Topics: []string{"t"}, GroupID: "g", RecordBytes: 100,
			Produce: drivers.ProduceSettings{Window: spec.Produce.Window, Chunk: 64},
			Consume: drivers.ConsumeSettings{Start: "earliest", CommitMode: drivers.CommitMarked, CommitEvery: time.Second, Lanes: drivers.LanesMember, Revoke: drivers.RevokeWait},
		},
	}}
	var err error
	if w.s, err = openSession(context.Background(), w.job, w.report); err != nil {
		b.Fatal(err)
	}
	if err := w.start(nil); err != nil {
		b.Fatal(err)
	}
	// The first records grow maps and rings.
	if err := w.gen.closed(b.Context(), 100_000); err != nil {
		b.Fatal(err)
	}
	w.s.boundaries(record.Now(), math.MaxInt64)
	b.ReportAllocs()
	b.ResetTimer()
	cpu := processCPU()
	if err := w.gen.closed(b.Context(), 100_000+int64(b.N)); err != nil {
		b.Fatal(err)
	}
	if !w.gen.drain(b.Context(), 10*time.Second) {
		b.Fatal("not drained")
	}
	for members > 0 {
		if n, _ := w.progress(); n >= 100_000+int64(b.N) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	b.StopTimer()
	b.ReportMetric(float64(b.N)/(processCPU()-cpu).Seconds(), "records/s/core")
	if err := w.stop(closeTimeout); err != nil {
		b.Fatal(err)
	}
	if err := w.s.close(); err != nil {
		b.Fatal(err)
	}
}

func processCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for this process
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
