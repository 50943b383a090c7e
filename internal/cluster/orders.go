package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/kbench/kbench/internal/launch"
)

// This file is what the supervisor has done to single nodes: an order goes to the
// process that holds them, as a line on its input, and it answers when it has been
// carried out. What is wanted so is no death.

// Order is what is done to a node.
type Order string

// The orders. After Kill or Terminate a node can be started, after Stop continued.
const (
	Kill      Order = "kill"      // it is gone at once
	Terminate Order = "terminate" // it hands over what it leads, and ends
	StartNode Order = "start"     // again, in its data directory
	Stop      Order = "stop"      // it stands still, and keeps its connections
	Continue  Order = "continue"

	// Of an embedded cluster alone; others are asked through their admin API.
	moveLeaders     Order = "move-leaders"     // what it leads is another's
	moveCoordinator Order = "move-coordinator" // as is what it coordinates
	inject          Order = "inject"           // it answers requests otherwise
	heal            Order = "heal"             // and as it should again
)

// order is an order as it is sent.
type order struct {
	ID   int   `json:"id"`
	Node int32 `json:"node"`
	Do   Order `json:"do"`

	Injection *Injection `json:"injection,omitempty"`
}

// obeyed says what became of an order.
type obeyed struct {
	ID    int    `json:"id"`
	Error string `json:"error,omitempty"`
	PIDs  []int  `json:"pids,omitempty"` // of all nodes since then
	Hits  int64  `json:"hits,omitempty"` // of what was injected until then
}

// obedient is nodes to which something can be done one by one.
type obedient interface {
	// obey does it, and returns when it is done. It may be called for several nodes at
	// once.
	obey(o order) error

	// pids are the processes of the nodes, as they are now.
	pids() []int
}

var (
	_ obedient = (*kafkaNodes)(nil)
	_ obedient = (*embedded)(nil)
)

// mostOrders is how many orders may wait: there is one for each node, and one more
// while that is being answered.
const mostOrders = 2 * maxNodes

// readOrders reads orders until the input ends. What is none is passed over: the end is
// what must not be missed.
func readOrders(lines *bufio.Reader, to chan<- order) {
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var o order
		if json.Unmarshal(line, &o) == nil && o.Do != "" {
			select {
			case to <- o:
			default: // nobody takes orders: the cluster is starting, or ending
			}
		}
	}
}

// carryOut obeys an order.
func carryOut(n nodes, o order) *obeyed {
	out := &obeyed{ID: o.ID}
	all, obeys := n.(obedient)
	if !obeys {
		out.Error = "nothing can be done to these nodes"
		return out
	}
	if err := all.obey(o); err != nil {
		out.Error = err.Error()
	}
	if counts, is := n.(interface{ hits(order) int64 }); is {
		out.Hits = counts.hits(o)
	}
	out.PIDs = all.pids()
	return out
}

// obeyed hands the answer to an order to who waits for it.
func (p *brokerProcess) obeyed(o obeyed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if answer := p.orders[o.ID]; answer != nil {
		delete(p.orders, o.ID)
		answer <- o
	}
}

// order sends an order and waits for its answer.
func (p *brokerProcess) order(ctx context.Context, o order) (obeyed, error) {
	answer := make(chan obeyed, 1)
	p.mu.Lock()
	p.last++
	o.ID = p.last
	p.orders[o.ID] = answer
	err := launch.Send(p, o)
	p.mu.Unlock()
	if err != nil {
		return obeyed{}, err
	}
	select {
	case said := <-answer:
		if said.Error != "" {
			return said, errors.New(said.Error)
		}
		return said, nil
	case <-p.Done():
		return obeyed{}, fmt.Errorf("the broker process (pid %d) ended: %s", p.PID(), p.Wait())
	case <-ctx.Done():
		return obeyed{}, context.Cause(ctx)
	}
}

// Order has something done to a node of a cluster that kbench has started, and returns
// when it is done.
func (c *Cluster) Order(ctx context.Context, node int32, do Order) error {
	_, err := c.order(ctx, order{Node: node, Do: do})
	return err
}

func (c *Cluster) order(ctx context.Context, o order) (obeyed, error) {
	if c.proc == nil {
		return obeyed{}, fmt.Errorf("%s node %d: the cluster was there before kbench, which does nothing to its nodes", o.Do, o.Node)
	}
	said, err := c.proc.order(ctx, o)
	if err != nil {
		return said, fmt.Errorf("%s node %d: %w", o.Do, o.Node, err)
	}
	c.pidsMu.Lock()
	defer c.pidsMu.Unlock()
	c.pids = said.PIDs
	return said, nil
}
