package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// This file is what is done to single nodes of the simulated broker. They are all in one
// process and never end, so it is done at their doors: a node that is gone takes no
// connections and has none, one that stands still keeps them and lets nothing through,
// neither in nor out. What Apache Kafka's controller would do after a while is done at
// once: others lead and coordinate in the place of one that is gone.

// door is what lies between a node and its clients. The simulation sees a listener that
// goes on for ever.
type door struct {
	listen func() (net.Listener, error) // again, at the same address
	addr   net.Addr

	mu    sync.Mutex
	inner net.Listener  // nil while the node is gone
	shut  bool          // for good
	still chan struct{} // closed when it goes on; nil: it does not stand still
	back  chan struct{} // closed when a node that is gone is there again, or never will be
	conns map[*doorConn]struct{}
}

// doorConn is a connection through a door.
type doorConn struct {
	net.Conn
	of *door
}

// behindDoors has every node listen behind a door of its own.
func (e *embedded) behindDoors(listen listenFunc) listenFunc {
	return func(network, address string) (net.Listener, error) {
		l, err := listen(network, address)
		if err != nil {
			return nil, err
		}
		d := &door{inner: l, addr: l.Addr(), conns: map[*doorConn]struct{}{}}
		d.listen = func() (net.Listener, error) { return listen(network, d.addr.String()) }
		e.doors = append(e.doors, d)
		return d, nil
	}
}

// Addr implements net.Listener.
func (d *door) Addr() net.Addr { return d.addr }

// Accept implements net.Listener. While the node is gone it waits.
func (d *door) Accept() (net.Conn, error) {
	for {
		d.mu.Lock()
		inner, back, shut := d.inner, d.back, d.shut
		d.mu.Unlock()
		if shut {
			return nil, net.ErrClosed
		}
		if inner == nil {
			<-back
			continue
		}
		c, err := inner.Accept()
		if err == nil {
			if conn, ok := d.admit(c); ok {
				return conn, nil
			}
			continue
		}
		if !errors.Is(err, net.ErrClosed) {
			return nil, err
		}
	}
}

// admit takes a connection in, unless the node is gone by now.
func (d *door) admit(c net.Conn) (net.Conn, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inner == nil {
		_ = c.Close()
		return nil, false
	}
	conn := &doorConn{c, d}
	d.conns[conn] = struct{}{}
	return conn, true
}

// Close implements net.Listener.
func (d *door) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		return net.ErrClosed
	}
	d.shut = true
	d.goOn()
	if d.back != nil {
		close(d.back)
		d.back = nil
	}
	if d.inner == nil {
		return nil
	}
	return d.inner.Close()
}

// goOn lets through what was held; d.mu is held.
func (d *door) goOn() {
	if d.still != nil {
		close(d.still)
		d.still = nil
	}
}

// pass waits while the node stands still.
func (d *door) pass() {
	d.mu.Lock()
	still := d.still
	d.mu.Unlock()
	if still != nil {
		<-still
	}
}

// Read implements net.Conn: what comes while the node stands still is read when it goes on.
func (c *doorConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.of.pass()
	return n, err
}

// Write implements net.Conn.
func (c *doorConn) Write(b []byte) (int, error) {
	c.of.pass()
	return c.Conn.Write(b)
}

// Close implements net.Conn.
func (c *doorConn) Close() error {
	c.of.mu.Lock()
	delete(c.of.conns, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// leave ends the node's connections and takes no more. One that stood still is gone all
// the same.
func (d *door) leave() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inner == nil || d.shut {
		return errors.New("it is gone already")
	}
	err := d.inner.Close()
	d.inner, d.back = nil, make(chan struct{})
	d.goOn()
	for c := range d.conns {
		if tcp, ok := c.Conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // the kernel resets what a killed process had
		}
		_ = c.Conn.Close()
	}
	clear(d.conns)
	return err
}

// enter has the node listen again where it did.
func (d *door) enter() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.inner != nil || d.shut {
		return errors.New("it is running")
	}
	l, err := d.listen()
	if err != nil {
		return err
	}
	d.inner = l
	close(d.back)
	d.back = nil
	return nil
}

// stand has the node stand still, or go on.
func (d *door) stand(still bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.inner == nil || d.shut:
		return errors.New("it is gone")
	case !still:
		d.goOn()
	case d.still == nil:
		d.still = make(chan struct{})
	}
	return nil
}

// answers says whether the node is there and does not stand still.
func (d *door) answers() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inner != nil && d.still == nil
}

// gone says whether the node takes no connections.
func (d *door) gone() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inner == nil
}

func (e *embedded) pids() []int { return slices.Repeat([]int{os.Getpid()}, len(e.doors)) }

func (e *embedded) obey(o order) error {
	id, do := o.Node, o.Do
	if id < 0 || int(id) >= len(e.doors) {
		return fmt.Errorf("there is no node %d; they are numbered from 0 to %d", id, len(e.doors)-1)
	}
	d := e.doors[id]
	switch do {
	case Terminate: // in good order: what it leads is another's before it goes
		return errors.Join(e.handOver(id), d.leave())
	case Kill:
		return errors.Join(d.leave(), e.handOver(id))
	case StartNode:
		return d.enter()
	case Stop:
		return d.stand(true)
	case Continue:
		return d.stand(false)
	case moveLeaders:
		return e.lead(id)
	case inject:
		return e.injections.add(e.cluster, id, o.Injection)
	case heal:
		return e.injections.end(o.Injection)
	case moveCoordinator:
		return e.coordinate(id)
	default:
		return fmt.Errorf("the simulated broker cannot %s", do)
	}
}

// handOver gives what a node leads and coordinates to those that are there. Where it is
// the last one everything waits for it.
func (e *embedded) handOver(id int32) error {
	if len(e.heirs(id)) == 0 {
		return nil
	}
	return errors.Join(e.coordinate(id), e.lead(id))
}

// mostHashes is how often coordinators are dealt out anew until the one that matters is
// where it should be: with three nodes each time with a chance of a third at the least.
const mostHashes = 200

// coordinate has another node than this one coordinate the group of the trial. The
// simulation deals out all groups anew.
func (e *embedded) coordinate(id int32) error {
	group, heirs := e.coordinator.newest(), e.heirs(id)
	if len(heirs) == 0 {
		return fmt.Errorf("there is no other node than %d", id)
	}
	for range mostHashes {
		if slices.Contains(heirs, e.cluster.CoordinatorFor(group)) {
			return nil
		}
		e.cluster.RehashCoordinators()
	}
	return fmt.Errorf("group %s was not given to another node", group)
}

// heirs are the nodes that are there beside one.
func (e *embedded) heirs(id int32) (out []int32) {
	for i, d := range e.doors {
		if int32(i) != id && !d.gone() {
			out = append(out, int32(i))
		}
	}
	return out
}

// lead gives what a node leads to the others in turn.
func (e *embedded) lead(id int32) error {
	heirs := e.heirs(id)
	if len(heirs) == 0 {
		return fmt.Errorf("there is no other node than %d", id)
	}
	topics, err := e.topics()
	if err != nil {
		return err
	}
	turn := 0
	for _, t := range topics {
		for _, p := range t.Partitions {
			if p.Leader != id {
				continue
			}
			if err := e.cluster.MoveTopicPartition(deref(t.Topic), p.Partition, heirs[turn%len(heirs)]); err != nil {
				return err
			}
			e.epochs.moved(e.cluster, deref(t.Topic), p.Partition)
			turn++
		}
	}
	return nil
}

// topics are all of them, as a node tells that answers: of several acts at once another
// may have one stand still.
func (e *embedded) topics() ([]kmsg.MetadataResponseTopic, error) {
	at := slices.IndexFunc(e.doors, (*door).answers)
	if at < 0 {
		return nil, errors.New("no node answers, so that nobody tells what leads what")
	}
	ctx, cancel := context.WithTimeout(context.Background(), opsLimit)
	defer cancel()
	resp, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, e.admin.raw.SeedBrokers()[at])
	if err != nil {
		return nil, err
	}
	for _, t := range resp.Topics {
		if err := kerr.ErrorForCode(t.ErrorCode); err != nil {
			return nil, err
		}
	}
	return resp.Topics, nil
}
