package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/launch"
)

// needKafka skips tests that start JVMs unless they are asked for.
func needKafka(t *testing.T) {
	t.Helper()
	if os.Getenv("KBENCH_KAFKA") == "" {
		t.Skip("starts Apache Kafka: needs a JDK and Maven (or KAFKA_HOME) and KBENCH_KAFKA=1")
	}
}

// alive says whether a process exists.
func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

func TestKafkaOneNode(t *testing.T) {
	needKafka(t)
	var pids []int
	t.Run("run", func(t *testing.T) {
		c := start(t, Options{Kind: Kafka, Nodes: 1})
		pids = c.PIDs()
		exercise(t, c)
	})
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d of a node is left", pid)
		}
	}
}

func TestKafkaThreeNodes(t *testing.T) {
	needKafka(t)
	c := start(t, Options{Kind: Kafka})
	if n := len(c.PIDs()); n != 3 {
		t.Fatalf("%d processes, want 3", n)
	}
	if parent := c.ParentPID(); parent == 0 || slices.Contains(c.PIDs(), parent) {
		t.Errorf("the nodes %v are children of process %d", c.PIDs(), parent)
	}
	exercise(t, c)

	victim := c.pids[1]
	if err := syscall.Kill(victim, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-c.Died():
		for _, want := range []string{"node 2", "SIGKILL"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not say %q", err, want)
			}
		}
	case <-deadline(t).Done():
		t.Fatal("a node was killed and nobody said so")
	}
}

func TestKafkaTLSAndSCRAM(t *testing.T) {
	needKafka(t)
	c := start(t, Options{Kind: Kafka, Nodes: 1, Security: Security{TLS: true, SASL: "SCRAM-SHA-512"}})
	if a := c.Access(); a.TLS == nil || a.SASL == nil {
		t.Fatalf("access is %v, want TLS and SASL", a)
	}
	exercise(t, c)
	refusesStrangers(t, c)
}

// Nothing outlives a supervisor that was killed: no process, no port, no data.
func TestKilledSupervisor(t *testing.T) {
	for _, kind := range []string{Embedded, Kafka} {
		t.Run(kind, func(t *testing.T) {
			if kind == Kafka {
				needKafka(t)
			}
			data := t.TempDir()
			t.Setenv("TMPDIR", data)
			broker, nodes := startSupervisor(t, kind, func(supervisor, _ int) int { return supervisor })
			for _, pid := range append(nodes, broker) {
				awaitEnd(t, pid)
			}
			if left, _ := os.ReadDir(data); len(left) > 0 {
				t.Errorf("left on the disk: %v", left)
			}
		})
	}
}

// JVMs do not outlive the process that watches over them either.
func TestKafkaBrokerProcessKilled(t *testing.T) {
	needKafka(t)
	t.Setenv("TMPDIR", t.TempDir())
	_, nodes := startSupervisor(t, Kafka, func(_, broker int) int { return broker })
	for _, pid := range nodes {
		awaitEnd(t, pid)
	}
}

// startSupervisor starts a supervisor in a process of its own, kills the process
// that victim picks once the cluster is ready, and returns the others.
func startSupervisor(t *testing.T, kind string, victim func(supervisor, broker int) int) (broker int, nodes []int) {
	t.Helper()
	p, err := launch.Local{}.Start(context.Background(), launch.Spec{
		Path: os.Args[0], Args: []string{supervisorArg, kind}, Stderr: os.Stderr,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.Signal(context.Background(), syscall.SIGKILL)
		p.Wait()
	})
	nodes = make([]int, 2)
	if _, err := fmt.Fscan(p.Stdout(), &broker, &nodes[0], &nodes[1]); err != nil {
		t.Fatalf("the supervisor said nothing: %v", err)
	}
	if err := syscall.Kill(victim(p.PID(), broker), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	return broker, nodes
}

// awaitEnd waits until a process that is not our child is no more, or waits only
// for someone to take note of its end.
func awaitEnd(t *testing.T, pid int) {
	t.Helper()
	err := poll(deadline(t), func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil && !alive(pid) || strings.Contains(string(stat), ") Z ")
	})
	if err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		t.Fatalf("process %d lives on", pid)
	}
}

// refusesStrangers checks that the security of a cluster is not for show.
func refusesStrangers(t *testing.T, c *Cluster) {
	t.Helper()
	stranger := c.Access()
	stranger.SASL = &drivers.SASL{Mechanism: stranger.SASL.Mechanism, User: stranger.SASL.User, Password: "wrong"}
	if _, _, err := identify(deadline(t), stranger); err == nil {
		t.Error("a wrong password was accepted")
	}
	stranger.SASL = nil
	if _, _, err := identify(deadline(t), stranger); err == nil {
		t.Error("a client without credentials was accepted")
	}
	stranger = c.Access()
	stranger.TLS = &TLSFiles{} // the authorities of the system
	if _, _, err := identify(deadline(t), stranger); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody's was trusted: %v", err)
	}
	stranger.TLS = nil
	if _, _, err := identify(deadline(t), stranger); err == nil {
		t.Error("a client without TLS was accepted")
	}
}
