package cli_test

import (
	"context"
	"time"

	"github.com/kbench/kbench/drivers"
)

// paced is a driver without a broker whose Send takes a fixed time, so that its
// speed is known whatever the machine does.
type paced struct {
	drivers.Driver
	name string
	send time.Duration
}

func (p paced) Name() string     { return p.name }
func (p paced) Brokerless() bool { return true }

func (p paced) Producer(s drivers.Settings, env drivers.Env, acked func(*drivers.Msg, error)) (drivers.Producer, error) {
	inner, err := p.Driver.Producer(s, env, acked)
	return pacedProducer{inner, p.send}, err
}

type pacedProducer struct {
	drivers.Producer
	send time.Duration
}

func (p pacedProducer) Send(ctx context.Context, msgs []*drivers.Msg) error {
	time.Sleep(p.send)
	return p.Producer.Send(ctx, msgs)
}
