package door

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo answers each line, on a port of the loopback interface.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", Loopback+":0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for s := bufio.NewScanner(c); s.Scan(); {
					fmt.Fprintln(c, "got", s.Text())
				}
			}()
		}
	}()
	return l.Addr().String()
}

// TestLed: who dials by himself, to the host that the resolver names, comes through the
// dialer; who dials by the door's own dialer does as well, and both reach the broker.
func TestLed(t *testing.T) {
	addr := echo(t)
	var dialed atomic.Int32
	d, err := Open([]string{addr}, func(ctx context.Context, network, to string) (net.Conn, error) {
		if to != addr {
			t.Errorf("%s is dialed, not %s", to, addr)
		}
		dialed.Add(1)
		return (&net.Dialer{}).DialContext(ctx, network, to)
	})
	if err != nil {
		t.Fatal(err)
	}
	hosts, err := d.LookupHost(t.Context(), Loopback)
	if err != nil || len(hosts) != 1 || hosts[0] == Loopback {
		t.Fatalf("%q, %v", hosts, err)
	}
	_, port, _ := net.SplitHostPort(addr)
	door := net.JoinHostPort(hosts[0], port)
	for i, dial := range []DialFunc{(&net.Dialer{}).DialContext, d.Dial} {
		c, err := dial(t.Context(), "tcp", door)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fmt.Fprintln(c, i)
		line, err := bufio.NewReader(c).ReadString('\n')
		if want := fmt.Sprintf("got %d\n", i); line != want || err != nil {
			t.Errorf("%q, %v; want %q", line, err, want)
		}
		if n := dialed.Load(); n != int32(i+1) {
			t.Errorf("%d connections were dialed, want %d", n, i+1)
		}
	}
	d.Close() // ends the one that is led, which is open
}

// TestElsewhere: what is not on the loopback interface has no door.
func TestElsewhere(t *testing.T) {
	if _, err := Open([]string{"kafka-1:9092"}, nil); err == nil || !strings.Contains(err.Error(), "must be on 127.0.0.1") {
		t.Error(err)
	}
}
