package link

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// conn is a connection with a link below it. Two goroutines carry what is in its
// lanes on, each with the delay that the law gives it:
//
//	client -> Write -> out -> send    -> the connection below
//	client <- Read  <- in  <- receive <-
type conn struct {
	net.Conn // below
	link     *Link
	id       int
	node     string
	lot      float64 // which share of connections it belongs to

	out, in *lane
	rd, wd  deadline
	writing sync.Mutex   // one Write after the other, each as a whole
	used    atomic.Int64 // when there was traffic
	idle    *time.Timer  // under link.mu
	ended   sync.Once
}

// law is what holds for the connection on a way at the moment; nil for nothing.
func (c *conn) law(w way) *Law {
	s := c.link.state.Load()
	if !s.law.on(w) || !s.hits(c) {
		return nil
	}
	return &s.law
}

// send carries what the client wrote to the connection below, and closes that once
// all of it is there.
func (c *conn) send() {
	defer c.link.left(c)
	defer c.Conn.Close()
	for {
		if err := c.out.ready(nil); err != nil {
			return
		}
		b := c.out.pieces[0].b
		c.out.take(len(b))
		c.out.mu.Unlock()
		if _, err := c.Conn.Write(b); err != nil {
			c.out.drop(err)
			return
		}
	}
}

// receive carries what comes from the connection below to the client.
func (c *conn) receive() {
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Conn.Read(buf)
		if n > 0 {
			c.use()
			if _, err := c.in.put(buf[:n], nil); err != nil {
				// Nobody wants it. What the client sent is still on its way, and the node
				// may take it only if it can answer.
				_, _ = io.Copy(io.Discard, c.Conn)
				return
			}
		}
		if err != nil {
			c.in.finish(err, err)
			return
		}
	}
}

// use notes that there is traffic.
func (c *conn) use() { c.used.Store(c.link.opts.Now()) }

// Write takes p, and waits where the lane is full.
func (c *conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.use()
	n, err := c.out.put(p, c.wd.passed())
	return n, c.as("write", err)
}

// Read returns what has come, as far as it may be there by now.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := c.in.ready(c.rd.passed()); err != nil {
		return 0, c.as("read", err)
	}
	defer c.in.mu.Unlock()
	n := copy(p, c.in.pieces[0].b)
	c.in.take(n)
	return n, nil
}

// as is an error as a connection of package net would have it.
func (c *conn) as(op string, err error) error {
	var own *net.OpError
	if err == nil || errors.Is(err, io.EOF) || errors.As(err, &own) {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}

func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.rd.set(t)
	return nil
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.wd.set(t)
	return nil
}

// Close closes the connection for its client. What was written goes on its way, as
// with a socket.
func (c *conn) Close() error {
	c.end(func() {})
	c.in.drop(net.ErrClosed)
	c.out.finish(net.ErrClosed, io.EOF)
	return nil
}

// end ends the connection; false where it had ended already.
func (c *conn) end(how func()) (did bool) {
	c.ended.Do(func() {
		did = true
		how()
	})
	return did
}

// reset breaks the connection for both ends: what is under way is lost.
func (c *conn) reset() bool {
	return c.end(func() {
		c.in.drop(os.NewSyscallError("read", syscall.ECONNRESET))
		c.out.drop(os.NewSyscallError("write", syscall.ECONNRESET))
		below := c.Conn
		if secure, is := below.(*tls.Conn); is {
			below = secure.NetConn()
		}
		if tcp, is := below.(*net.TCPConn); is {
			_ = tcp.SetLinger(0) // else it would say goodbye
		}
		_ = below.Close()
	})
}

// hangUp closes the connection for both ends: what is under way arrives.
func (c *conn) hangUp() bool {
	return c.end(func() {
		c.in.finish(io.EOF, io.EOF)
		c.out.finish(os.NewSyscallError("write", syscall.EPIPE), io.EOF)
	})
}

// abandon lets go of the connection when its link is closed.
func (c *conn) abandon() {
	c.end(func() {})
	c.in.drop(net.ErrClosed)
	c.out.drop(net.ErrClosed)
	_ = c.Conn.Close()
}
