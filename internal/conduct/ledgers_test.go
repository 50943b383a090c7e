package conduct_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/workloads"
)

// TestProfilesToHoldOut runs every client under settings that the rules of cost layers
// were not made on, and leaves the runs with their profiles below the directory that
// KBENCH_HELDOUT names. make ledgers reads them.
func TestProfilesToHoldOut(t *testing.T) {
	dir := os.Getenv("KBENCH_HELDOUT")
	if dir == "" {
		t.Skip("KBENCH_HELDOUT names no directory")
	}
	f := func(name string, change func(*workloads.Spec), security cluster.Security) {
		t.Helper()
		s := endToEnd(name, 4*time.Second)
		s.Produce.Rate = workloads.Rate{PerSecond: 20_000}
		s.Produce.Window = 16_384
		change(&s)
		all := trials([]workloads.Spec{s}, clients[:]...)
		for i := range all {
			all[i].Profiled = true
		}
		o := options(name, filepath.Join(dir, name), all)
		o.Profiles, o.Hz = []profiles.Kind{profiles.CPU, profiles.Allocs}, profiles.DefaultHz
		o.Broker.Security = security
		if _, err := run(t, bounded(t), o); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		fmt.Println(o.Out)
	}
	f("tls", func(*workloads.Spec) {}, cluster.Security{TLS: true})
	f("snappy", func(s *workloads.Spec) { s.Produce.Codec = "snappy" }, cluster.Security{})
	f("partitions", func(s *workloads.Spec) { s.Topic.Partitions = 200 }, cluster.Security{})
	f("kip848", func(s *workloads.Spec) { s.Group.Protocol, s.Group.Assignors = "consumer", []string{"uniform"} }, cluster.Security{})
}
