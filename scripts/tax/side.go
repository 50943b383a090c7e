package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/record"
	"github.com/kbench/kbench/scripts/bare"
	"github.com/kbench/kbench/scripts/sides"
	"github.com/kbench/kbench/workloads"
)

// side is one half of a pair.
type side string

const (
	bareSide   side = "bare"
	kbenchSide side = "kbench"
)

// sample is one window: what a process did in its measured part, and what went on
// around it.
type sample struct {
	figures
	BrokerCores float64 `json:"broker_cores"`
	Idle        float64 `json:"machine_idle"`
	CanaryNs    int64   `json:"canary_ns"` // a fixed piece of CPU work just before
}

// place is where the windows of a block run: a cluster with a topic.
type place struct {
	cluster *cluster.Cluster
	topic   string
	ends    map[int32]int64 // of a filled topic
	total   int64           // records in it; 0: it is produced to
	warmup  time.Duration
	window  time.Duration
	groups  int // made so far; each window reads as a group of its own
}

// markEvery is how many records pass between two marks of the bare side where they
// come one by one.
const markEvery = 256

// slack is what a process runs longer than warm-up and window: points come once a
// second, so each end of the measured part may be up to a second late.
const slack = 2200 * time.Millisecond

func (p *place) length() time.Duration { return p.warmup + p.window + slack }

const (
	readyLimit   = 30 * time.Second
	silenceLimit = 30 * time.Second
)

// measure runs one window in a fresh process. Where profile names a directory the
// window is profiled into it.
func (p *place) measure(ctx context.Context, c cell, s side, profile string) (sample, error) {
	dir, err := os.MkdirTemp("", "kbench-tax-")
	if err != nil {
		return sample{}, fmt.Errorf("directory of a window: %w", err)
	}
	defer os.RemoveAll(dir)
	p.groups++
	group := fmt.Sprintf("%s-%d", p.topic, p.groups)
	out := sample{CanaryNs: int64(launch.Here{}.Canary())}
	o := observe(p.cluster.PIDs())
	var t track
	if s == bareSide {
		t, err = p.runBare(ctx, c, dir, group, profile)
	} else {
		t, err = p.runWorker(ctx, c, dir, group, profile)
	}
	o.stop()
	if err == nil {
		out.figures, err = t.cut(p.warmup, p.window, p.total)
	}
	if err != nil {
		return out, fmt.Errorf("%s, %s: %w", c, s, err)
	}
	out.BrokerCores, out.Idle = o.between(out.From, out.To)
	return out, nil
}

func (p *place) runBare(ctx context.Context, c cell, dir, group, profile string) (t track, err error) {
	spec := c.spec(int(p.total))
	job := bare.Job{
		Client: c.Client, Direction: c.Direction, Settings: c.settings(&spec, p.topic, group), Seeds: p.cluster.Access().Seeds,
		Topic: p.topic, Partitions: partitions, Size: c.Size, Length: p.length(), Total: p.total, MarkEvery: markEvery,
	}
	if profile != "" {
		job.Profile = filepath.Join(profile, profileName(c, bareSide))
	}
	child, err := sides.Start[bare.Report](ctx, errorsIn(dir), "bare", job)
	if err != nil {
		return t, err
	}
	defer func() { err = errors.Join(err, child.End()) }()
	for {
		m, err := child.Next(ctx, silenceLimit)
		if err != nil {
			if len(t.Points) > 0 && child.OK() {
				return t, nil
			}
			return t, err
		}
		t.First = m.First
		t.Points = append(t.Points, m)
	}
}

// errorsIn is where a process writes its errors.
func errorsIn(dir string) string { return filepath.Join(dir, "stderr.txt") }

// profileName is the file of a profile.
func profileName(c cell, s side) string {
	return fmt.Sprintf("%s-%s-%d-%s.pb.gz", c.Direction, c.Client, c.Size, s)
}

// runTag stands in every record, so that a worker knows the records as its own.
const runTag = 0x7a78

// job is what a worker of any role is given.
func (p *place) job(c cell, role results.Role, spec workloads.Spec, dir, group string) worker.Job {
	return worker.Job{
		Name: "tax", Role: role, Client: c.Client, Dir: filepath.Join(dir, "worker"), Settings: c.settings(&spec, p.topic, group),
		Spec: spec, Seed: 1, RunTag: runTag, Topic: p.topic, Access: p.cluster.Access(), Interval: time.Second, Every: 64,
	}
}

func (p *place) runWorker(ctx context.Context, c cell, dir, group, profile string) (track, error) {
	role, kind, drive := results.RoleProducer, record.Acked, p.driveProducer
	if c.Direction == bare.Consume {
		role, kind, drive = results.RoleConsumer, record.Delivered, p.driveConsumer
	}
	job := p.job(c, role, c.spec(int(p.total)), dir, group)
	job.Ends = p.ends
	if profile != "" {
		job.Profiles = []profiles.Kind{profiles.CPU}
	}
	child, err := sides.Start[worker.Report](ctx, errorsIn(dir), "worker", job)
	if err != nil {
		return track{}, err
	}
	if err := errors.Join(drive(ctx, child), child.End()); err != nil {
		return track{}, err
	}
	if profile != "" {
		if err := keepProfile(job.Dir, filepath.Join(profile, profileName(c, kbenchSide))); err != nil {
			return track{}, err
		}
	}
	return readTrack(job.Dir, kind)
}

// await returns the first report for which yes holds.
func await(ctx context.Context, w *sides.Child[worker.Report], limit time.Duration, yes func(worker.Report) bool) (worker.Report, error) {
	deadline := time.Now().Add(limit)
	for {
		m, err := w.Next(ctx, min(silenceLimit, time.Until(deadline)))
		switch {
		case err != nil:
			return m, err
		case m.Say == worker.Failed:
			return m, errors.New(m.Error + w.Tail())
		case yes(m):
			return m, nil
		}
	}
}

func says(what string) func(worker.Report) bool {
	return func(m worker.Report) bool { return m.Say == what }
}

// driveProducer takes a producer through warm-up and window, to its last ack.
func (p *place) driveProducer(ctx context.Context, w *sides.Child[worker.Report]) error {
	if _, err := await(ctx, w, readyLimit, says(worker.Ready)); err != nil {
		return err
	}
	begin := worker.Command{Do: worker.Begin, Warmup: record.Now() + int64(50*time.Millisecond)}
	begin.Measure = begin.Warmup + int64(p.warmup)
	begin.End = begin.Warmup + int64(p.length())
	if err := launch.Send(w.Process, begin); err != nil {
		return fmt.Errorf("tell the worker to begin: %w", err)
	}
	m, err := await(ctx, w, p.length()+time.Minute, says(worker.Produced))
	if err != nil {
		return err
	}
	if m.Error != "" || m.Failed > 0 {
		return fmt.Errorf("%d records failed: %s", m.Failed, m.Error)
	}
	return closeWorker(ctx, w)
}

func closeWorker(ctx context.Context, w *sides.Child[worker.Report]) error {
	if err := launch.Send(w.Process, worker.Command{Do: worker.Close}); err != nil {
		return fmt.Errorf("tell the worker to close: %w", err)
	}
	_, err := await(ctx, w, time.Minute, says(worker.Done))
	return err
}

// driveConsumer lets a member read for long enough, or to near the end of the
// topic. Its files are valid however it ends, so it is not waited for to drain.
func (p *place) driveConsumer(ctx context.Context, w *sides.Child[worker.Report]) error {
	if _, err := await(ctx, w, readyLimit, func(m worker.Report) bool { return m.Say == worker.Alive && m.Delivered > 0 }); err != nil {
		return err
	}
	end := time.Now().Add(p.length())
	_, err := await(ctx, w, p.length()+silenceLimit, func(m worker.Report) bool {
		return time.Now().After(end) || m.Say == worker.PhaseMsg && m.Phase == "drain"
	})
	return err
}

// keepProfile makes the CPU profile of a worker, and moves it out of its directory.
func keepProfile(dir, to string) error {
	if err := profiles.Finish(filepath.Join(dir, results.ProfilesDir), profiles.Window{}, nil); err != nil {
		return fmt.Errorf("keep the profile: %w", err)
	}
	data, err := os.ReadFile(filepath.Join(dir, results.ProfilesDir, profiles.CPU.FileName()))
	if err != nil {
		return fmt.Errorf("keep the profile: %w", err)
	}
	if err := os.WriteFile(to, data, 0o644); err != nil {
		return fmt.Errorf("keep the profile: %w", err)
	}
	return nil
}
