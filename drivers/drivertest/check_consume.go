package drivertest

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"

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
	e.need(s, drivers.KeyLanes)
	// Half lies there before the member comes, half is sent while it reads.
	snd := e.sends(ctx, s, e.env(), tps, n/2)
	m := e.join(ctx, s, e.env(), memberOptions{work: func(topicPart, int64) { runtime.Gosched() }})
	e.must(snd.send(ctx, tps, n/2))
	e.must(m.tally.await(ctx, n*len(tps)))
	e.must(m.close(ctx))
	if again := m.tally.repeated(); again > 0 {
		return fmt.Errorf("%d records were delivered again to the only member", again)
	}
	return nil
}

func checkLanesApart(ctx context.Context, e *Env) error {
	// Few enough that no client's bound on what waits in a lane is reached.
	const n, partitions = 5, 3
	tps, s := e.alone(partitions)
	if !e.exact(s, drivers.KeyLanes) {
		return &skipped{why: "lanes are not exact"}
	}
	e.fill(ctx, s, tps, n)
	held := make(chan struct{})
	release := sync.OnceFunc(func() { close(held) })
	defer release()
	m := e.join(ctx, s, e.env(), memberOptions{work: func(tp topicPart, _ int64) {
		if tp.Partition == 0 {
			<-held
		}
	}})
	e.must(at("while partition 0 was held", m.tally.await(ctx, n*(partitions-1))))
	release()
	return m.tally.await(ctx, n*partitions)
}

func checkStartLatest(ctx context.Context, e *Env) error {
	const old, recent = 20, 30
	tps, s := e.alone(1)
	s.Consume.Start = "latest"
	e.need(s, drivers.KeyStart)
	snd := e.sends(ctx, s, e.env(), tps, old)
	m := e.join(ctx, s, e.env(), memberOptions{})
	// When the member has found the end cannot be seen from outside, so records
	// are sent until one arrives.
	e.readSomething(ctx, snd, tps, m)
	first, _ := m.firstOf(tps[0])
	if first < old {
		return fmt.Errorf("offset %d was delivered: it was there before the member came", first)
	}
	e.must(snd.send(ctx, tps, recent))
	return m.tally.await(ctx, int(snd.sent[tps[0]])-int(first))
}

func checkSubscribe(ctx context.Context, e *Env) error {
	const n = 20
	before, after := parts(e.topic("before", 2), 2), parts(e.topic("after", 2), 2)
	s := e.settings(before[0].Topic)
	e.need(s, drivers.KeySubscribe)
	e.fill(ctx, s, before, n)
	e.fill(ctx, s, after, n)
	m := e.joinAndRead(ctx, s, e.env(), n*len(before), memberOptions{rewind: true})
	sub, ok := m.consumer().(drivers.Subscriber)
	if !ok {
		return fmt.Errorf("the plan has %s, but the consumer is no drivers.Subscriber", drivers.KeySubscribe)
	}
	e.must(at("subscribe", sub.Subscribe(ctx, []string{after[0].Topic})))
	return at("after the change of topics", m.tally.await(ctx, n*(len(before)+len(after))))
}
