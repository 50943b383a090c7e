package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Injection is what a node of the simulated broker does with requests of a kind: it
// answers them with an error, or later.
type Injection struct {
	ID      int           `json:"id"`      // of several at once
	Request string        `json:"request"` // by its name in the protocol of Kafka
	Error   string        `json:"error,omitempty"`
	Delay   time.Duration `json:"delay,omitempty"`
}

// Inject has a node do so until Heal.
func (c *Cluster) Inject(ctx context.Context, node int32, in Injection) error {
	_, err := c.order(ctx, order{Node: node, Do: inject, Injection: &in})
	return err
}

// Heal ends an injection, and returns how many requests had it.
func (c *Cluster) Heal(ctx context.Context, node int32, in Injection) (hits int64, err error) {
	said, err := c.order(ctx, order{Node: node, Do: heal, Injection: &in})
	return said.Hits, err
}

// injections are those of a simulated cluster. The zero value has none.
type injections struct {
	mu  sync.Mutex
	all map[int]*injection
}

// injection is one under way, or over.
type injection struct {
	key    int16
	node   int32
	faults *kfake.FaultHandle // of an error; nil: requests are delayed
	length time.Duration      // by so much
	late   atomic.Int64       // those that were
	over   chan struct{}
	ended  bool
}

// add begins one.
func (all *injections) add(c *kfake.Cluster, node int32, in *Injection) error {
	if in == nil {
		return errors.New("it is not said what")
	}
	key, known := keyOf(in.Request)
	if !known {
		return fmt.Errorf("there is no request %s", in.Request)
	}
	one := &injection{key: int16(key), node: node, length: in.Delay, over: make(chan struct{})}
	if in.Error != "" {
		code, known := errorOf(in.Error)
		if !known {
			return fmt.Errorf("there is no error %s", in.Error)
		}
		one.faults = c.Fault(kfake.Fault{Keys: []kmsg.Key{key}, Nodes: []int32{node}, Err: code, Count: -1})
	} else {
		c.ControlKey(one.key, func(kmsg.Request) (kmsg.Response, error, bool) {
			select {
			case <-one.over:
				c.DropControl()
			default:
				if c.CurrentNode() == node {
					one.delay(c)
				}
			}
			return nil, nil, false // and then it is handled as any other
		})
	}
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.all == nil {
		all.all = map[int]*injection{}
	}
	all.all[in.ID] = one
	return nil
}

// delay holds a request up.
func (i *injection) delay(c *kfake.Cluster) {
	i.late.Add(1)
	c.SleepControl(func() {
		t := time.NewTimer(i.length)
		defer t.Stop()
		select {
		case <-t.C:
		case <-i.over:
		}
	})
}

// end ends one.
func (all *injections) end(in *Injection) error {
	all.mu.Lock()
	defer all.mu.Unlock()
	if in == nil || all.all[in.ID] == nil || all.all[in.ID].ended {
		return errors.New("nothing of the kind is injected")
	}
	one := all.all[in.ID]
	one.ended = true
	close(one.over)
	if one.faults != nil {
		one.faults.Remove()
	}
	return nil
}

// endAll ends what nobody has ended, so that nothing waits for it any more.
func (all *injections) endAll() {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, one := range all.all {
		if !one.ended {
			one.ended = true
			close(one.over)
		}
	}
}

// hits is how many requests the injection of an order has had.
func (e *embedded) hits(o order) int64 {
	e.injections.mu.Lock()
	defer e.injections.mu.Unlock()
	if o.Injection == nil || e.injections.all[o.Injection.ID] == nil {
		return 0
	}
	one := e.injections.all[o.Injection.ID]
	if one.faults != nil {
		return int64(one.faults.Hits())
	}
	return one.late.Load()
}

// refuses says whether a node answers requests of a kind with an error.
func (all *injections) refuses(key int16, node int32) bool {
	return all.under(func(one *injection) bool { return one.key == key && one.node == node && one.faults != nil }) != nil
}

// hold holds a request up that a node answers later, for who answers it in place of the
// simulation: what is injected comes behind that.
func (all *injections) hold(c *kfake.Cluster, key int16, node int32) {
	if late := all.under(func(one *injection) bool { return one.key == key && one.node == node && one.faults == nil }); late != nil {
		late.delay(c)
	}
}

// under is one under way that is such; nil: none is.
func (all *injections) under(such func(*injection) bool) *injection {
	all.mu.Lock()
	defer all.mu.Unlock()
	for _, one := range all.all {
		if !one.ended && such(one) {
			return one
		}
	}
	return nil
}

// keyOf is the key of a request by its name.
func keyOf(name string) (kmsg.Key, bool) {
	for key := range int16(kmsg.MaxKey) + 1 {
		if kmsg.NameForKey(key) == name {
			return kmsg.Key(key), true
		}
	}
	return 0, false
}

// errorOf is an error by its name. One has another since the client library named it.
func errorOf(name string) (*kerr.Error, bool) {
	if name == "NOT_LEADER_OR_FOLLOWER" {
		return kerr.NotLeaderForPartition, true
	}
	const none = 300 // there is no code so high
	for code := int16(-1); code < none; code++ {
		if e := kerr.TypedErrorForCode(code); e != nil && e.Message == name {
			return e, true
		}
	}
	return nil, false
}
