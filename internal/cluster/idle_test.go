package cluster

import (
	"io"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestIdle: a connection on which nothing comes is closed by the broker, one that is used
// is not, and neither is without the property.
func TestIdle(t *testing.T) {
	c := start(t, Options{Kind: Embedded, Nodes: 1, Props: map[string]string{maxIdle: "300"}})
	if want := "embedded (simulated broker), 1 node, connections.max.idle.ms=300"; c.Info().Title != want {
		t.Errorf("it is called %q, want %q", c.Info().Title, want)
	}
	for range 50 {
		if idles(t, c.Access().Seeds[0]) {
			return
		}
	}
	t.Skip("the machine was so slow that no connection could be used often enough")
}

// idles has one connection that is used and one that is not, and sees the broker close
// the other. It is false where the machine let the used one be idle for as long.
func idles(t *testing.T, addr string) bool {
	t.Helper()
	const allowed = 300 * time.Millisecond
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	began := time.Now()
	idle, used := dial(), dial()
	closed := make(chan time.Duration, 1)
	go func() {
		_, _ = io.Copy(io.Discard, idle) // it ends when the broker closes it
		closed <- time.Since(began)
	}()
	request := kmsg.NewRequestFormatter().AppendRequest(nil, kmsg.NewPtrApiVersionsRequest(), 1)
	answer := make([]byte, 1<<16)
	for last := began; ; { // the broker has read no request before it was written
		now := time.Now()
		_, err := used.Write(request)
		if err == nil {
			_, err = used.Read(answer)
		}
		if ago := time.Since(last); err != nil && ago < allowed {
			t.Fatalf("one that was used %s ago: %v", ago, err)
		}
		if err != nil {
			return false
		}
		last = now
		select {
		case after := <-closed:
			if after < allowed {
				t.Errorf("it was closed after %s", after)
			}
			return true
		case <-time.After(20 * time.Millisecond):
		}
	}
}
