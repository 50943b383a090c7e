package cli_test

import (
	"context"
	"sync"
	"time"

	"github.com/kbench/kbench/drivers"
)

// paced is a driver without a broker whose calls of Send begin a fixed time after each
// other, so that its speed is known whatever the machine does: what a machine that stood
// still has held up is made up for.
type paced struct {
	drivers.Driver
	name string
	send time.Duration
}

func (p paced) Name() string     { return p.name }
func (p paced) Brokerless() bool { return true }

func (p paced) Producer(s drivers.Settings, env drivers.Env, acked func(*drivers.Msg, error)) (drivers.Producer, error) {
	inner, err := p.Driver.Producer(s, env, acked)
	return &pacedProducer{Producer: inner, send: p.send}, err
}

type pacedProducer struct {
	drivers.Producer
	send time.Duration

	mu   sync.Mutex
	free time.Time // when the next call may go on
}

// mostBehind is what is made up for: not a time in which nobody sent anything.
const mostBehind = 5 * time.Second

func (p *pacedProducer) Send(ctx context.Context, msgs []*drivers.Msg) error {
	p.mu.Lock()
	if now := time.Now(); now.Sub(p.free) > mostBehind {
		p.free = now
	}
	p.free = p.free.Add(p.send)
	until := p.free
	p.mu.Unlock()
	time.Sleep(time.Until(until))
	return p.Producer.Send(ctx, msgs)
}
