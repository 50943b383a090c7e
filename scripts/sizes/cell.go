package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kbench/kbench/workloads"
)

// cell is one size of group and one client.
type cell struct {
	Members int
	Client  string
	Failed  string // why there are no more figures

	Harness, Bare  member
	Trial          outcome
	BareDelivering time.Duration // from the first process until all partitions delivered, as looked at once a second
}

// member is what one member costs, a mean over those of its side.
type member struct {
	PSS, RSS   int64   // bytes; of shared pages PSS counts its share
	CPU        float64 // ns per second
	Threads    float64
	Goroutines float64
	GCs        float64 // per second
	Records    float64 // per second
}

// outcome is what became of the trial.
type outcome struct {
	Stable     time.Duration // from the creation of the topic until the group is stable and the producer runs
	Delivering int           // partitions that delivered in the quiet stretch
	After      int           // and after the last act
	Lost       int64
	Duplicates int64
	Acked      int64
	Acts       []settled
	Disk       int64 // what the members' files take, for each
}

// settled is how long the group took after an act until the coordinator showed
// it stable.
type settled struct {
	Kind string
	Took time.Duration // 0: it was not seen
}

func (c cell) partitions() int { return 2 * c.Members }

func (c cell) ok() bool {
	return c.Failed == "" && c.Trial.Lost == 0 && c.Trial.Delivering == c.partitions() && c.Trial.After == c.partitions()
}

// settle is left before the quiet stretch, for the heap to be what it stays.
const settle = 5 * time.Second

// session is generous: a hundred processes on two cores may be late with a beat.
const (
	session   = 15 * time.Second
	heartbeat = 3 * time.Second
)

// document is the workload of a cell.
func (c cell) document(o options) string {
	return fmt.Sprintf(`name: sizes-%d
about: What does a member cost in a group of %d?
sample: true
topic:   {partitions: %d, replication: 1}
records: {size: 256, entropy: 0.5}
produce: {by: reference, rate: %g/s}
consume: {members: %d, fetch: {wait: 250ms}, commit: {mode: marked, every: 1s}, handler: {lanes: member, revoke: wait}}
group:   {protocol: classic, assignors: [range], session: %s, heartbeat: %s, rebalance: 30s}
needs:   [produce.acks, group.assignors, group.session, group.heartbeat, group.rebalance]
phases:  {warmup: %s, drain: 60s}
churn:
  - {cycle: [join, leave, crash], when: stable, phase: random, restore: false}
`, c.Members, c.Members, c.partitions(), o.rate*float64(c.partitions()), c.Members, session, heartbeat, settle+o.window)
}

// measure runs both sides of a cell.
func (o options) measure(ctx context.Context, c *cell) error {
	dir := filepath.Join(o.out, fmt.Sprintf("%d-%s", c.Members, c.Client))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return err
	}
	file := filepath.Join(dir, "workload.yaml")
	text := c.document(o)
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		return err
	}
	doc, err := workloads.Parse(file, []byte(text), workloads.Options{})
	if err != nil {
		return err
	}
	o.say("%d members, %s: under kbench", c.Members, c.Client)
	if err := o.harness(ctx, c, dir, file); err != nil {
		return fmt.Errorf("under kbench: %w", err)
	}
	o.say("%d members, %s: bare", c.Members, c.Client)
	if err := o.bare(ctx, c, dir, doc.Spec); err != nil {
		return fmt.Errorf("bare: %w", err)
	}
	return nil
}
