package cluster

import (
	"fmt"
	"net"
	"strconv"
	"time"
)

// maxIdle is the property by which a broker closes connections on which nothing came or
// went for so long. The simulation knows it not, and its listener sees to it.
const maxIdle = "connections.max.idle.ms"

// idleListener is a listener whose connections end when they are idle for too long.
type idleListener struct {
	net.Listener
	idle time.Duration
}

// listenFunc is how a node listens.
type listenFunc func(network, address string) (net.Listener, error)

// listenIdle listens as the property says; without it connections may be idle for ever.
func listenIdle(props map[string]string) (listenFunc, error) {
	value, given := props[maxIdle]
	if !given {
		return net.Listen, nil
	}
	ms, err := strconv.Atoi(value)
	if err != nil || ms < 1 {
		return nil, fmt.Errorf("property %s=%s: write milliseconds, 1 or more", maxIdle, value)
	}
	return func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		if err != nil {
			return nil, err
		}
		return idleListener{l, time.Duration(ms) * time.Millisecond}, nil
	}, nil
}

func (l idleListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return idleConn{c, l.idle}, nil
}

// idleConn fails its reads when nothing came or went for so long, upon which the
// simulation closes it.
type idleConn struct {
	net.Conn
	idle time.Duration
}

func (c idleConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c idleConn) Write(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.idle)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
