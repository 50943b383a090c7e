package drivertest

import (
	"context"
	"fmt"
	"runtime"
	"slices"

	"github.com/kbench/kbench/drivers"
)

func consumeChecks() []Check {
	return []Check{{
		Name:  "deliver-partition",
		About: "with a lane per partition every record is delivered once, in order, as it was sent",
		Run:   func(ctx context.Context, e *Env) error { return checkDeliver(ctx, e, drivers.LanesPartition) },
	}, {
		Name:  "deliver-member",
		About: "with one lane per member every record is delivered once, in order, one at a time",
		Run:   func(ctx context.Context, e *Env) error { return checkDeliver(ctx, e, drivers.LanesMember) },
	}, {
		Name:  "lanes-apart",
		About: "with a lane per partition a handler that blocks holds up its partition alone",
		Run:   checkLanesApart,
	}, {
		Name:  "start-latest",
		About: "a group without an offset that starts at the end is given what comes later, and nothing older",
		Run:   checkStartLatest,
	}, {
		Name:  "subscribe",
		About: "the topics of a running member can be changed",
		Run:   checkSubscribe,
	}}
}

func checkDeliver(ctx context.Context, e *Env, lanes string) error {
	const n = 100
	tps := slices.Concat(parts(e.topic("a", 3), 3), parts(e.topic("b", 2), 2))
	s := e.settings(tps[0].Topic, tps[3].Topic)
	s.Consume.Lanes = lanes
	if err := e.need(s, drivers.KeyLanes); err != nil {
		return err
	}
	// Half lies there before the member comes, half is sent while it reads.
	snd, err := e.sends(ctx, s, e.env(), tps, n/2)
	if err != nil {
		return err
	}
	m, err := e.join(ctx, s, e.env(), memberOptions{work: func(topicPart, int64) { runtime.Gosched() }})
	if err != nil {
		return err
	}
	if err := snd.send(ctx, tps, n/2); err != nil {
		return err
	}
	if err := m.tally.await(ctx, n*len(tps)); err != nil {
		return err
	}
	if err := m.close(ctx); err != nil {
		return err
	}
	if again := m.tally.repeated(); again > 0 {
		return fmt.Errorf("%d records were delivered again to the only member", again)
	}
	return nil
}

func checkLanesApart(ctx context.Context, e *Env) error {
	// Few enough that no client's bound on what waits in a lane is reached.
	const n, partitions = 5, 3
	tps := parts(e.topic("t", partitions), partitions)
	s := e.settings(tps[0].Topic)
	if !e.exact(s, drivers.KeyLanes) {
		return &skipped{why: "lanes are not exact"}
	}
	if err := e.fill(ctx, s, tps, n); err != nil {
		return err
	}
	release := make(chan struct{})
	m, err := e.join(ctx, s, e.env(), memberOptions{work: func(tp topicPart, _ int64) {
		if tp.Partition == 0 {
			<-release
		}
	}})
	if err != nil {
		close(release)
		return err
	}
	err = m.tally.await(ctx, n*(partitions-1))
	close(release)
	if err != nil {
		return fmt.Errorf("while partition 0 was held: %w", err)
	}
	return m.tally.await(ctx, n*partitions)
}

func checkStartLatest(ctx context.Context, e *Env) error {
	const old, recent = 20, 30
	tps := parts(e.topic("t", 1), 1)
	s := e.settings(tps[0].Topic)
	s.Consume.Start = "latest"
	if err := e.need(s, drivers.KeyStart); err != nil {
		return err
	}
	snd, err := e.sends(ctx, s, e.env(), tps, old)
	if err != nil {
		return err
	}
	m, err := e.join(ctx, s, e.env(), memberOptions{})
	if err != nil {
		return err
	}
	// When the member has found the end cannot be seen from outside, so records
	// are sent until one arrives.
	if err := e.readSomething(ctx, snd, tps, m); err != nil {
		return err
	}
	first, _ := m.firstOf(tps[0])
	if first < old {
		return fmt.Errorf("offset %d was delivered: it was there before the member came", first)
	}
	if err := snd.send(ctx, tps, recent); err != nil {
		return err
	}
	return m.tally.await(ctx, int(snd.sent[tps[0]])-int(first))
}

func checkSubscribe(ctx context.Context, e *Env) error {
	const n = 20
	before, after := parts(e.topic("before", 2), 2), parts(e.topic("after", 2), 2)
	s := e.settings(before[0].Topic)
	if err := e.need(s, drivers.KeySubscribe); err != nil {
		return err
	}
	if err := e.fill(ctx, s, before, n); err != nil {
		return err
	}
	if err := e.fill(ctx, s, after, n); err != nil {
		return err
	}
	m, err := e.joinAndRead(ctx, s, e.env(), n*len(before), memberOptions{rewind: true})
	if err != nil {
		return err
	}
	sub, ok := m.consumer().(drivers.Subscriber)
	if !ok {
		return fmt.Errorf("the plan has %s, but the consumer is no drivers.Subscriber", drivers.KeySubscribe)
	}
	if err := sub.Subscribe(ctx, []string{after[0].Topic}); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	if err := m.tally.await(ctx, n*(len(before)+len(after))); err != nil {
		return fmt.Errorf("after the change of topics: %w", err)
	}
	return nil
}
