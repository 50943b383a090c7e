package drivertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/leak"
)

func troubleChecks() []Check {
	return []Check{{
		Name:  "unknown-topic",
		About: "a record for a topic that does not exist is acked with an error",
		Run:   checkUnknownTopic,
	}, {
		Name:  "unreachable-producer",
		About: "a producer that reaches no broker says so, and can be closed",
		Run:   checkUnreachableProducer,
	}, {
		Name:  "unreachable-consumer",
		About: "a consumer that reaches no broker says so, and can be closed",
		Run:   checkUnreachableConsumer,
	}, {
		Name:  "sasl",
		About: "each SASL mechanism of the plan lets the right password in, and says so when it is wrong",
		Run:   checkSASL,
	}}
}

func leakChecks() []Check {
	return []Check{{
		Name:  "leaks",
		About: "a producer and a consumer leave no goroutine behind when they are closed",
		Alone: true,
		Run:   checkLeaks,
	}}
}

func checkUnknownTopic(ctx context.Context, e *Env) error {
	e.needBroker()
	s := e.settings(e.topicName("missing"))
	var got atomic.Pointer[error]
	snd := e.newSender(ctx, s, e.env(), func(_ *drivers.Msg, err error) { got.Store(&err) })
	e.must(snd.send(ctx, parts(s.Topics[0], 1), 1))
	if *got.Load() == nil {
		return errors.New("the ack has no error")
	}
	return nil
}

// nowhere is an environment whose cluster has an address at which nothing listens.
func (e *Env) nowhere() drivers.Env {
	e.needBroker()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	e.must(at("find a free port", err))
	defer l.Close()
	env := e.env()
	env.Seeds = []string{l.Addr().String()}
	return env
}

func checkUnreachableProducer(ctx context.Context, e *Env) error {
	snd, err := e.refused(ctx, e.nowhere(), e.topicName("t"), "without a broker")
	if snd == nil {
		return err
	}
	return errors.Join(err, bounded(ctx, closeLimit, "Producer.Close", func(ctx context.Context) error {
		_ = snd.p.Close(ctx) // it may say that it could not do it in good order
		return nil
	}))
}

// refused sends a record that the cluster cannot be given, and waits until the
// client says so. The producer is nil where it said so at once.
func (e *Env) refused(ctx context.Context, env drivers.Env, topic, how string) (*sender, error) {
	before := e.logged()
	var acked, failed atomic.Bool
	snd, err := e.startSender(ctx, e.settings(topic), env, func(_ *drivers.Msg, err error) {
		acked.Store(err == nil)
		failed.Store(err != nil)
	})
	if err != nil {
		return nil, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	m := <-snd.free
	snd.prepare(m, parts(topic, 1)[0])
	go func() {
		if err := snd.p.Send(ctx, []*drivers.Msg{m}); err != nil {
			failed.Store(true)
		}
	}()
	err = until(ctx, func() bool { return acked.Load() || failed.Load() || e.logged() > before }, func() string {
		return "an error from Send, an ack with an error, or a warning in the log " + how
	})
	if acked.Load() {
		return snd, fmt.Errorf("a record was acked %s", how)
	}
	return snd, err
}

func checkUnreachableConsumer(ctx context.Context, e *Env) error {
	env := e.nowhere()
	m := &member{e: e, s: e.settings(e.topicName("t")), tally: newTally(), lanes: make(map[topicPart]*lane), first: make(map[topicPart]int64)}
	c, err := e.drv.Consumer(m.s, env, m)
	if err != nil {
		return nil // it said so at once
	}
	err = until(ctx, func() bool { return m.failed() || e.logged() > 0 }, func() string {
		return "an error from Consumer, a Failed event, or a warning in the log"
	})
	return errors.Join(err, bounded(ctx, closeLimit, "Consumer.Close", func(ctx context.Context) error {
		_ = c.Close(ctx) // there is no one to say goodbye to
		return nil
	}))
}

func checkSASL(ctx context.Context, e *Env) error {
	s := e.settings()
	e.needBroker()
	e.need(s, drivers.KeySASL)
	const user, password = "user", "pass word"
	mechanisms := []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}
	opts := []kfake.Opt{kfake.EnableSASL()}
	for _, mechanism := range mechanisms {
		opts = append(opts, kfake.Superuser(mechanism, user, password))
	}
	guarded, err := newFake(opts...)
	e.must(err)
	e.atEnd(func() error { guarded.Close(); return nil })
	for _, mechanism := range mechanisms {
		e.at = mechanism
		e.authenticate(ctx, guarded, drivers.SASL{Mechanism: mechanism, User: user, Password: password})
	}
	e.at = ""
	env := e.env()
	env.Seeds, env.SASL = guarded.Seeds(), &drivers.SASL{Mechanism: "PLAIN", User: user, Password: "wrong"}
	_, err = e.refused(ctx, env, e.topicName("PLAIN"), "with a wrong password")
	return err
}

// authenticate produces and consumes as a user.
func (e *Env) authenticate(ctx context.Context, b broker, sasl drivers.SASL) {
	topic := e.topicName(sasl.Mechanism)
	b.CreateTopic(topic, 1)
	s := e.settings(topic)
	s.GroupID += sasl.Mechanism
	env := e.env()
	env.Seeds, env.SASL = b.Seeds(), &sasl
	e.sends(ctx, s, env, parts(topic, 1), 3)
	e.must(e.joinAndRead(ctx, s, env, 3, memberOptions{}).close(ctx))
}

// checkLeaks compares the goroutines before and after the life of a producer and
// of a consumer. The broker's own, one for each connection, end with it, which
// leak.Find waits for.
func checkLeaks(ctx context.Context, e *Env) error {
	tps, s := e.alone(2)
	before := goleak.IgnoreCurrent()
	m := e.reads(ctx, s, tps, 20, memberOptions{})
	e.must(m.close(ctx))
	return at("goroutines remain after Close", leak.Find(before))
}
