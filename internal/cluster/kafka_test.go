package cluster

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/kbench/kbench/drivers"
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
	c := start(t, Options{Kind: Kafka, Nodes: 3})
	if n := len(c.PIDs()); n != 3 {
		t.Fatalf("%d processes, want 3", n)
	}
	exercise(t, c)

	victim := c.NodePIDs()[1]
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

// refusesStrangers checks that the security of a cluster is not for show.
func refusesStrangers(t *testing.T, c *Cluster) {
	t.Helper()
	stranger := c.Access()
	stranger.SASL = &drivers.SASL{Mechanism: stranger.SASL.Mechanism, User: stranger.SASL.User, Password: "wrong"}
	if _, err := identify(deadline(t), stranger); err == nil {
		t.Error("a wrong password was accepted")
	}
	stranger.SASL = nil
	if _, err := identify(deadline(t), stranger); err == nil {
		t.Error("a client without credentials was accepted")
	}
	stranger = c.Access()
	stranger.TLS = &TLSFiles{} // the authorities of the system
	if _, err := identify(deadline(t), stranger); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody's was trusted: %v", err)
	}
	stranger.TLS = nil
	if _, err := identify(deadline(t), stranger); err == nil {
		t.Error("a client without TLS was accepted")
	}
}
