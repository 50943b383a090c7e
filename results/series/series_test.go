package series

import (
	"fmt"
	"testing"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// Each thing that sets two runs apart is named, and what may differ is not.
func TestDifferences(t *testing.T) {
	made := func(change func(*results.Run)) *results.Run {
		spec := workloads.Default()
		spec.Name = "w"
		run := &results.Run{
			Specs:   []workloads.Spec{spec},
			Machine: results.Machine{Host: "h", CPU: "c", Cores: 2, MemBytes: 8<<30 + 5, OS: "linux", Arch: "amd64", Kernel: "6.1"},
			Broker:  results.Broker{Kind: "kafka", Title: "Apache Kafka 4.3.1, 3 nodes", Nodes: 3},
			Go:      "go1.26.0", Kbench: "k1", Clients: map[string]string{"sarama": "m@v1"},
		}
		change(run)
		return run
	}
	base := made(func(*results.Run) {})
	f := func(want string, change func(*results.Run)) {
		t.Helper()
		if got := fmt.Sprint(Differences(made(change), base, "w")); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	f("[]", func(*results.Run) {})
	f("[]", func(r *results.Run) {
		r.Machine.Kernel, r.Machine.MemBytes, r.Go, r.Kbench, r.Clients = "6.2", 8<<30, "go1.27", "k2", nil
	})
	f("[]", func(r *results.Run) {
		r.Specs[0].About, r.Specs[0].Rounds, r.Specs[0].Gate, r.Specs[0].Compare = "other words", 9, []string{"audit.lost == 0"}, []string{"rss.peak by 5%"}
	})
	f("[host: g, and h in the baseline]", func(r *results.Run) { r.Machine.Host = "g" })
	f("[processor: d, and c in the baseline]", func(r *results.Run) { r.Machine.CPU = "d" })
	f("[cores: 4, and 2 in the baseline]", func(r *results.Run) { r.Machine.Cores = 4 })
	f("[memory, GiB: 16, and 8 in the baseline]", func(r *results.Run) { r.Machine.MemBytes *= 2 })
	// The kernel has kept 1% more or less: of a machine at the edge of a whole GiB too.
	f("[]", func(r *results.Run) { r.Machine.MemBytes = 8<<30 - 80<<20 })
	f("[memory, GiB: 7.8, and 8 in the baseline]", func(r *results.Run) { r.Machine.MemBytes = 8<<30 - 200<<20 })
	f("[memory, GiB: none, and 8 in the baseline]", func(r *results.Run) { r.Machine.MemBytes = 0 })
	f("[system: linux/arm64, and linux/amd64 in the baseline]", func(r *results.Run) { r.Machine.Arch = "arm64" })
	f("[governor: performance, and none in the baseline]", func(r *results.Run) { r.Machine.Governor = "performance" })
	f("[CPUs of the client: 0, and none in the baseline]", func(r *results.Run) { r.CPUs = map[string]string{"client": "0"} })
	f("[broker: Apache Kafka 4.2.0, 3 nodes, and Apache Kafka 4.3.1, 3 nodes in the baseline]", func(r *results.Run) { r.Broker.Title = "Apache Kafka 4.2.0, 3 nodes" })
	f("[nodes of the broker: 1, and 3 in the baseline]", func(r *results.Run) { r.Broker.Nodes = 1 })
	f("[heap of the broker: 1g, and none in the baseline]", func(r *results.Run) { r.Broker.Heap = "1g" })
	f("[TLS: true, and false in the baseline]", func(r *results.Run) { r.Broker.TLS = true })
	f("[topic.partitions: 24, and 12 in the baseline]", func(r *results.Run) { r.Specs[0].Topic.Partitions = 24 })
	f("[records.size: 100 B, and 256 B in the baseline]", func(r *results.Run) { r.Specs[0].Records.Size.Fixed = 100 })
	f("[churn: another timeline, and its own in the baseline]", func(r *results.Run) { r.Specs[0].Churn = []workloads.ChurnEntry{{Do: "join"}} })
	f("[workload: there, and not there in the baseline]", func(r *results.Run) { base = &results.Run{Machine: base.Machine, Broker: base.Broker} })

	changed := Changed(made(func(r *results.Run) {
		r.Machine.Kernel, r.Clients = "6.2", map[string]string{"sarama": "m@v2", "kafka-go": "k@v1"}
	}), made(func(*results.Run) {}))
	if want := "[kernel: 6.2, and 6.1 in the baseline kafka-go: k@v1, and none in the baseline sarama: m@v2, and m@v1 in the baseline]"; fmt.Sprint(changed) != want {
		t.Errorf("%v, want %s", changed, want)
	}
}
