package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/worker"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/scripts/bare"
	"github.com/kbench/kbench/scripts/sides"
)

// options are the flags.
type options struct {
	pairs          int
	window, warmup time.Duration
	clients        []string
	sizes          []int
	directions     []string
	broker         string
	nodes          int
	fill           int // 0: enough for the fastest client
	seed           uint64
	profile        string // directory; empty: no profiles
	progress       io.Writer
}

// pair is one window of each side, one right after the other.
type pair struct {
	Bare   sample `json:"bare"`
	Kbench sample `json:"kbench"`
}

// measured is a cell with its pairs.
type measured struct {
	cell
	Broker  string   `json:"broker"`
	Pairs   []pair   `json:"pairs"`
	Dropped []string `json:"dropped,omitempty"` // why, for each pair with a window too short

	// capacity is how many cores the broker can use: one where it is a single
	// goroutine.
	capacity float64
}

// keep takes a pair, or notes why it is not one. Any other error is returned.
func (m *measured) keep(got pair, err error) error {
	switch {
	case errors.As(err, new(shortWindow)):
		m.Dropped = append(m.Dropped, err.Error())
	case err != nil:
		return err
	default:
		m.Pairs = append(m.Pairs, got)
	}
	return nil
}

// bench measures all cells. What was measured before an error is returned with it.
func bench(ctx context.Context, o options) (out []measured, err error) {
	rng := rand.New(rand.NewPCG(o.seed, 0))
	for _, direction := range o.directions {
		kind := cluster.Options{Kind: cluster.Embedded, Nodes: o.nodes, Blackhole: true}
		if direction == bare.Consume {
			kind = cluster.Options{Kind: o.broker, Nodes: o.nodes}
			if o.broker == cluster.Kafka {
				// An empty group would otherwise wait for more members, 3 s each time.
				kind.Props = map[string]string{"group.initial.rebalance.delay.ms": "0"}
			}
		}
		cells, err := o.onCluster(ctx, kind, direction, rng)
		out = append(out, cells...)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// onCluster measures the cells of a direction on a cluster of their own.
func (o options) onCluster(ctx context.Context, kind cluster.Options, direction string, rng *rand.Rand) (out []measured, err error) {
	kind.Progress = func(s string) { o.say("broker: %s", s) }
	o.say("starting broker %s", kind.Kind)
	c, stop, err := sides.Broker(ctx, kind)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	for _, size := range o.sizes {
		p := &place{cluster: c, topic: fmt.Sprintf("%s%s-%d", cluster.Prefix+"tax-", direction, size), warmup: o.warmup, window: o.window}
		block, err := o.block(ctx, p, direction, size, rng)
		out = append(out, block...)
		if err != nil {
			return out, err
		}
	}
	return out, nil
}

// block measures all clients at one direction and size, pair by pair in a random
// order, so that whatever drifts drifts for all.
func (o options) block(ctx context.Context, p *place, direction string, size int, rng *rand.Rand) ([]measured, error) {
	if _, err := p.cluster.CreateTopic(ctx, p.topic, partitions, 1); err != nil {
		return nil, err
	}
	if direction == bare.Consume {
		if err := o.fillTopic(ctx, p, size); err != nil {
			return nil, fmt.Errorf("fill topic %s: %w", p.topic, err)
		}
	}
	capacity := float64(runtime.NumCPU())
	if p.cluster.Info().Kind == cluster.Embedded {
		capacity = 1 // one goroutine serves the whole simulated cluster
	}
	var cells []measured
	for _, client := range o.clients {
		cells = append(cells, measured{cell: cell{direction, client, size}, Broker: p.cluster.Info().Title, capacity: capacity})
	}
	for n := range o.pairs {
		for _, i := range rng.Perm(len(cells)) {
			o.say("%s: pair %d of %d", cells[i].cell, n+1, o.pairs)
			got, err := p.pair(ctx, cells[i].cell, rng.IntN(2) == 0, "")
			if err := cells[i].keep(got, err); err != nil {
				return cells, err
			}
			if err != nil {
				o.say("pair dropped: %v", err)
			}
		}
	}
	if o.profile != "" {
		for i := range cells {
			o.say("%s: profiles", cells[i].cell)
			_, err := p.pair(ctx, cells[i].cell, true, o.profile)
			if errors.As(err, new(shortWindow)) {
				o.say("profiles are missing: %v", err)
			} else if err != nil {
				return cells, err
			}
		}
	}
	return cells, p.cluster.DeleteTopic(ctx, p.topic)
}

func (p *place) pair(ctx context.Context, c cell, bareFirst bool, profile string) (got pair, err error) {
	order := []side{kbenchSide, bareSide}
	if bareFirst {
		order = []side{bareSide, kbenchSide}
	}
	for _, s := range order {
		w, err := p.measure(ctx, c, s, profile)
		if err != nil {
			return got, err
		}
		if s == bareSide {
			got.Bare = w
		} else {
			got.Kbench = w
		}
	}
	return got, nil
}

// fillTopic puts records into the topic that every window then reads from the
// beginning. kbench's own filler does it, so that each record has its header.
func (o options) fillTopic(ctx context.Context, p *place, size int) error {
	n := o.fill
	if n == 0 {
		n = fill(size, p.length())
	}
	// A record has some 20 bytes around it, and a broker its indexes.
	need := int64(n) * int64(size+24) * 11 / 10
	if room, err := freeSpace(p.cluster.Info().Kind); err != nil {
		return err
	} else if room < need {
		return fmt.Errorf("%d records of %d B need %d MB, of which %d MB are free: lower --fill or --window", n, size, need>>20, room>>20)
	}
	o.say("filling %s with %d records (%d MB)", p.topic, n, need>>20)
	dir, err := os.MkdirTemp("", "kbench-tax-")
	if err != nil {
		return fmt.Errorf("directory of the filler: %w", err)
	}
	defer os.RemoveAll(dir)
	c := cell{bare.Consume, bare.FranzGo, size}
	w, err := sides.Start[worker.Report](ctx, errorsIn(dir), "worker", p.job(c, results.RoleFiller, c.spec(n), dir, ""))
	if err != nil {
		return err
	}
	m, err := await(ctx, w, 15*time.Minute, says(worker.Produced))
	if err == nil && (m.Failed > 0 || m.Error != "") {
		err = fmt.Errorf("%d records failed: %s", m.Failed, m.Error)
	}
	if err == nil {
		err = closeWorker(ctx, w)
	}
	if err := errors.Join(err, w.End()); err != nil {
		return err
	}
	if p.ends, err = p.cluster.EndOffsets(ctx, p.topic); err != nil {
		return err
	}
	for _, end := range p.ends {
		p.total += end
	}
	if p.total != int64(n) {
		return fmt.Errorf("%d records were sent and %d are there", n, p.total)
	}
	return nil
}

// freeSpace is what a topic may take: memory where the broker is simulated, disk
// else.
func freeSpace(kind string) (int64, error) {
	if kind == cluster.Embedded {
		var info unix.Sysinfo_t
		if err := unix.Sysinfo(&info); err != nil {
			return 0, fmt.Errorf("free memory: %w", err)
		}
		return int64(info.Freeram+info.Bufferram) * int64(info.Unit), nil
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(os.TempDir(), &fs); err != nil {
		return 0, fmt.Errorf("free space in %s: %w", os.TempDir(), err)
	}
	return int64(fs.Bavail) * fs.Bsize, nil
}

func (o options) say(format string, args ...any) {
	fmt.Fprintf(o.progress, "tax: "+format+"\n", args...)
}
