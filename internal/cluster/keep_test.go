package cluster

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kbench/kbench/results"
)

// mortal is a cluster whose nodes die when a test says so.
type mortal struct {
	is      ready
	dead    chan error
	stopped chan bool
}

func newMortal(n int) *mortal {
	return &mortal{is: ready{Info: results.Broker{Nodes: n}}, dead: make(chan error), stopped: make(chan bool, 1)}
}

func (m *mortal) ready() ready       { return m.is }
func (m *mortal) died() <-chan error { return m.dead }
func (m *mortal) stop() error        { m.stopped <- true; return nil }

// TestNodeDies: a node that dies is told of while the others go on, and the end says so
// too, whoever wanted it.
func TestNodeDies(t *testing.T) {
	for _, deaths := range []int{0, 1, 3} {
		ctx, cancel := context.WithCancel(t.Context())
		m, told, ended := newMortal(3), make(lineWriter), make(chan error, 1)
		go func() { ended <- keep(ctx, m, told) }()
		for i := range deaths {
			m.dead <- errors.New("node 2 (pid 7) of Apache Kafka died: SIGKILL: the end of its log: so it was")
			text := <-told
			for _, want := range []string{"node 2", "SIGKILL", "so it was", []string{"2", "1", "0"}[i] + " of its nodes left"} {
				if !strings.Contains(text, want) {
					t.Errorf("%q does not say %q", text, want)
				}
			}
			select {
			case <-m.stopped:
				if i < 2 {
					t.Error("it ended with a node that was left")
				}
				m.stopped <- true
			default:
			}
		}
		if deaths < 3 {
			cancel()
		}
		err := <-ended
		cancel()
		if (err != nil) != (deaths > 0) {
			t.Errorf("with %d deaths it ended with %v", deaths, err)
		}
		if !<-m.stopped {
			t.Error("it was not stopped")
		}
	}
}

// TestKafkaServedNodeDies is the same with real nodes: the cluster answers on.
func TestKafkaServedNodeDies(t *testing.T) {
	needKafka(t)
	t.Setenv("TMPDIR", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n, err := startNodes(deadline(t), normalised(t, Options{Kind: Kafka, Nodes: 3}))
	if err != nil {
		t.Fatal(err)
	}
	told, ended := make(lineWriter, 1), make(chan error, 1)
	go func() { ended <- keep(ctx, n, told) }()
	if err := syscall.Kill(n.ready().PIDs[1], syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if text := <-told; !strings.Contains(text, "node 2 (pid ") || !strings.Contains(text, "SIGKILL") || !strings.Contains(text, "2 of its nodes left") {
		t.Errorf("it says %q", text)
	}
	access := n.ready().Access
	for _, i := range []int{0, 2} {
		if !dial(access.Seeds[i]) {
			t.Errorf("node %d does not go on", i+1)
		}
	}
	cancel()
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "1 of 3 nodes ended unasked") {
		t.Errorf("it ended with %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func normalised(t *testing.T, o Options) Options {
	t.Helper()
	o, err := o.normal()
	if err != nil {
		t.Fatal(err)
	}
	return o
}
