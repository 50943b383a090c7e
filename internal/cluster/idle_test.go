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
	dial := func() net.Conn {
		t.Helper()
		conn, err := net.Dial("tcp", c.Access().Seeds[0])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return conn
	}
	idle, used := dial(), dial()
	began := time.Now()
	closed := make(chan time.Duration)
	go func() {
		_, _ = io.Copy(io.Discard, idle) // it ends when the broker closes it
		closed <- time.Since(began)
	}()
	request := kmsg.NewRequestFormatter().AppendRequest(nil, kmsg.NewPtrApiVersionsRequest(), 1)
	answer := make([]byte, 1<<16)
	for {
		if _, err := used.Write(request); err != nil {
			t.Fatal(err)
		}
		if _, err := used.Read(answer); err != nil {
			t.Fatalf("one that is used: %v", err)
		}
		select {
		case after := <-closed:
			if after < 300*time.Millisecond {
				t.Errorf("it was closed after %s", after)
			}
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
