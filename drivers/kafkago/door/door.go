// Package door leads connections through a dialer that does not know of them: those of a
// client that dials by itself, but asks a resolver to which host. It is told a host of this
// process alone, where a door stands: each connection that comes to it is opened anew by
// the dialer, and led through. Hosts of that kind are those of the loopback interface, so
// the broker must be on it.
package door

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
)

// Loopback is where the broker must be.
const Loopback = "127.0.0.1"

// DialFunc opens a connection.
type DialFunc func(ctx context.Context, network, addr string) (net.Conn, error)

// Door stands on a host of its own, at the ports of the broker's nodes.
type Door struct {
	host      string
	dial      DialFunc
	listeners []net.Listener

	ctx    context.Context
	cancel context.CancelFunc
	open   sync.WaitGroup
}

// Open puts up a door to some addresses, through a dialer.
func Open(addrs []string, dial DialFunc) (d *Door, err error) {
	for _, addr := range addrs {
		if host, _, err := net.SplitHostPort(addr); err != nil || host != Loopback {
			return nil, fmt.Errorf("%s: the broker must be on %s", addr, Loopback)
		}
	}
	// Other processes have hosts of their own, by their ids; a host that is taken all the
	// same has a neighbour.
	pid := os.Getpid()
	for try := range 16 {
		d = &Door{host: fmt.Sprintf("127.%d.%d.%d", 64+try, pid>>8&255, 1+pid&127), dial: dial}
		d.ctx, d.cancel = context.WithCancel(context.Background())
		if err = d.listen(addrs); err == nil {
			return d, nil
		}
		d.Close()
	}
	return nil, err
}

func (d *Door) listen(addrs []string) error {
	for _, addr := range addrs {
		_, port, _ := net.SplitHostPort(addr) // Open has looked
		l, err := net.Listen("tcp", net.JoinHostPort(d.host, port))
		if err != nil {
			return err
		}
		d.listeners = append(d.listeners, l)
		d.open.Go(func() { d.serve(l, addr) })
	}
	return nil
}

// LookupHost sends to the door what goes to the broker.
func (d *Door) LookupHost(_ context.Context, host string) ([]string, error) {
	if host != Loopback {
		return nil, fmt.Errorf("%s: the broker must be on %s", host, Loopback)
	}
	return []string{d.host}, nil
}

// Dial is the dialer, for who asked the resolver and dials by it: that need not go
// through the door.
func (d *Door) Dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if host, port, err := net.SplitHostPort(addr); err == nil && host == d.host {
		addr = net.JoinHostPort(Loopback, port)
	}
	return d.dial(ctx, network, addr)
}

func (d *Door) serve(l net.Listener, addr string) {
	for {
		in, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			d.open.Go(func() { d.lead(in, addr) })
		}
	}
}

// lead copies both ways until either side ends, or the door is closed.
func (d *Door) lead(in net.Conn, addr string) {
	defer in.Close()
	out, err := d.dial(d.ctx, "tcp", addr)
	if err != nil {
		return // the client sees a connection that ended
	}
	defer out.Close()
	defer context.AfterFunc(d.ctx, func() { shut(in, out) })()
	var ways sync.WaitGroup
	copied := func(to, from net.Conn) {
		_, _ = io.Copy(to, from) // how a side ended is nothing to the other
		shut(in, out)
	}
	ways.Go(func() { copied(out, in) })
	ways.Go(func() { copied(in, out) })
	ways.Wait()
}

func shut(conns ...net.Conn) {
	for _, c := range conns {
		_ = c.Close() // it may be closed already
	}
}

// Close takes the door away, with all that is led through it.
func (d *Door) Close() {
	d.cancel()
	for _, l := range d.listeners {
		_ = l.Close() // nobody comes any more either way
	}
	d.open.Wait()
}
