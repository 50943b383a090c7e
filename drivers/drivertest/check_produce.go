package drivertest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/kbench/kbench/drivers"
)

func produceChecks() []Check {
	return []Check{{
		Name:  "acks",
		About: "every record is acked once, in order within its partition, with its offset, and no more is written",
		Run:   checkAcks,
	}, {
		Name:  "durable",
		About: "an ack means that the broker has the record",
		Run:   checkDurable,
	}, {
		Name:  "send-cancel",
		About: "a Send whose context has ended returns, and its records are acked all the same",
		Run:   checkSendCancel,
	}, {
		Name:  "send-blocked",
		About: "a Send that waits for a broker which answers nothing returns when its context ends, and what it took is acked",
		Run:   checkSendBlocked,
	}, {
		Name:  "producer-close",
		About: "a producer can be closed twice, and takes nothing afterwards",
		Run:   checkProducerClose,
	}}
}

func checkAcks(ctx context.Context, e *Env) error {
	const n = 150
	tps := slices.Concat(parts(e.topic("a", 3), 3), parts(e.topic("b", 2), 2))
	s := e.settings(tps[0].Topic, tps[3].Topic)
	snd := e.sends(ctx, s, e.env(), tps, n)
	e.must(snd.close(ctx))
	var errs []error
	for _, tp := range tps {
		if end := e.broker.End(tp.Topic, tp.Partition); end != n {
			errs = append(errs, fmt.Errorf("%v holds %d records after %d were acked", tp, end, n))
		}
	}
	return errors.Join(errs...)
}

func checkDurable(ctx context.Context, e *Env) error {
	tps := parts(e.topic("t", 2), 2)
	snd := e.newSender(ctx, e.settings(tps[0].Topic), e.env(), func(m *drivers.Msg, err error) {
		if err != nil {
			e.complain("record %d of partition %d: ack: %v", m.Seq, m.Partition, err)
			return
		}
		if end := e.broker.End(m.Topic, m.Partition); end <= int64(m.Seq) {
			e.complain("record %d of partition %d was acked when the broker had %d records", m.Seq, m.Partition, end)
		}
	})
	return snd.send(ctx, tps, 100)
}

func checkSendCancel(ctx context.Context, e *Env) error {
	tps := parts(e.topic("t", 1), 1)
	either := func(*drivers.Msg, error) {} // it was sent before, or it was not: both are fine
	snd := e.newSender(ctx, e.settings(tps[0].Topic), e.env(), either)
	e.must(at("before the cancellation", snd.send(ctx, tps, 1)))
	m := <-snd.free
	snd.prepare(m, tps[0])
	ended, cancel := context.WithCancel(ctx)
	cancel()
	returned := make(chan error, 1)
	go func() { returned <- snd.p.Send(ended, []*drivers.Msg{m}) }()
	select {
	case err := <-returned:
		if err != nil {
			// Then no record of the call is acked, and the producer is at an end.
			quiet(ctx, 100*time.Millisecond)
			if snd.outstanding() == 0 {
				return fmt.Errorf("send failed with %w, but its record was acked", err)
			}
			return nil
		}
	case <-time.After(closeLimit):
		return errors.New("send hangs on a context that has ended")
	}
	return snd.drain(ctx)
}

func checkProducerClose(ctx context.Context, e *Env) error {
	tps := parts(e.topic("t", 1), 1)
	snd := e.newSender(ctx, e.settings(tps[0].Topic), e.env(), func(*drivers.Msg, error) {})
	e.must(snd.send(ctx, tps, 5))
	for range 2 {
		e.must(snd.close(ctx))
	}
	snd.mu.Lock()
	snd.closed = false // what is refused below may be acked with an error
	snd.mu.Unlock()
	m := <-snd.free
	snd.prepare(m, tps[0])
	err := bounded(ctx, closeLimit, "Send after Close", func(ctx context.Context) error {
		return snd.p.Send(ctx, []*drivers.Msg{m})
	})
	if err == nil && snd.outstanding() > 0 {
		// Send may refuse as a whole or record by record, but not be silent.
		return snd.drain(ctx)
	}
	if end := e.broker.End(tps[0].Topic, 0); end != 5 {
		return fmt.Errorf("the partition holds %d records: the 5 sent before Close were wanted", end)
	}
	return nil
}
