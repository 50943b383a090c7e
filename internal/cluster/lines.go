package cluster

import (
	"context"
	"crypto/tls"
	"net"
	"sync"
	"time"
)

// dialTimeout is how long a node has to take a connection.
const dialTimeout = 5 * time.Second

// lines are the open connections of a client. A request whose context ends while its
// connection is being made waits on for as long as the node is silent; hanging up ends
// that, and the client makes new connections for what it is asked next.
type lines struct {
	tls *tls.Config

	mu   sync.Mutex
	open map[*line]struct{}
}

type line struct {
	net.Conn
	of *lines
}

// dial makes a connection, with TLS where that is wanted.
func (l *lines) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	d := &net.Dialer{Timeout: dialTimeout}
	conn, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	c := &line{conn, l}
	l.mu.Lock()
	if l.open == nil {
		l.open = map[*line]struct{}{}
	}
	l.open[c] = struct{}{}
	l.mu.Unlock()
	if l.tls == nil {
		return c, nil
	}
	conf := l.tls.Clone()
	if conf.ServerName == "" {
		if conf.ServerName, _, err = net.SplitHostPort(addr); err != nil {
			conf.ServerName = addr
		}
	}
	secure := tls.Client(c, conf)
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return secure, nil
}

// Close implements net.Conn.
func (c *line) Close() error {
	c.of.mu.Lock()
	delete(c.of.open, c)
	c.of.mu.Unlock()
	return c.Conn.Close()
}

// hangUp ends all connections.
func (l *lines) hangUp() {
	l.mu.Lock()
	var all []*line
	for c := range l.open {
		all = append(all, c)
	}
	l.mu.Unlock()
	for _, c := range all {
		_ = c.Close()
	}
}

// HangUp ends what waits for an answer of the cluster. What is asked afterwards is asked
// over new connections.
func (c *Cluster) HangUp() { c.internal.lines.hangUp() }
