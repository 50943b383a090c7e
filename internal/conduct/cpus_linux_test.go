package conduct_test

import (
	"fmt"
	"maps"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// TestCPUs: the processes of each part run on its CPUs, while a trial is measured, and
// run.json says which those are.
func TestCPUs(t *testing.T) {
	onEmbedded(t)
	tiedTrial(t, cluster.Embedded)
}

// TestCPUsOfKafka: so do the JVMs of Apache Kafka.
func TestCPUsOfKafka(t *testing.T) {
	needKafka(t)
	tiedTrial(t, cluster.Kafka)
}

func tiedTrial(t *testing.T, kind string) {
	_, allowed, err := launch.CPUs()
	if err != nil {
		t.Fatal(err)
	}
	if len(allowed) < 2 {
		t.Skip("it takes two CPUs to be tied to one")
	}
	s := short("tied")
	s.Produce.By = "reference"
	o := options(t.Name(), t.TempDir(), trials([]workloads.Spec{s}, "sarama"))
	o.Broker.Kind = kind
	first, second := launch.CPUSet(allowed[:1]), launch.CPUSet(allowed[1:2])
	o.CPUs = map[string]launch.CPUSet{results.CPUsOfClient: first, results.CPUsOfBroker: second, results.CPUsOfReference: second, results.CPUsOfSupervisor: allowed}
	o.Broker.CPUs = second
	var mu sync.Mutex
	seen := map[string]string{}
	note := func(name string, pid int) {
		mu.Lock()
		defer mu.Unlock()
		seen[name] = allowedList(pid)
	}
	o.Progress = &hook{workload: s.Name, measuring: func() {
		spied := o.Launcher.(*spy)
		for _, p := range spied.all() {
			note(p.name, p.PID())
		}
		for i, jvm := range children(t, spied.latest(t, "broker").PID()) {
			note(fmt.Sprintf("jvm %d", i), jvm)
		}
	}}
	got, err := run(t, bounded(t), o)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"broker": second.String(), "consumer-0": first.String(), "reference-0": second.String(), "probe": allowed.String()}
	if kind == cluster.Kafka {
		for i := range cluster.DefaultNodes {
			want[fmt.Sprintf("jvm %d", i)] = second.String()
		}
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("where processes may run, want to got:\n%s", diff)
	}
	if cpus := got.dir.Run().CPUs; !maps.Equal(cpus, map[string]string{"client": first.String(), "broker": second.String(), "reference": second.String(), "supervisor": allowed.String()}) {
		t.Errorf("run.json says %v", cpus)
	}
	for _, w := range got.trials[0].Workers {
		if w.Role == results.RoleConsumer && w.Runtime.GOMAXPROCS != 1 {
			t.Errorf("%s has %d threads for one CPU", w.Name, w.Runtime.GOMAXPROCS)
		}
	}
}

// allowedList is where a process may run, as the kernel says.
func allowedList(pid int) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return err.Error()
	}
	_, after, _ := strings.Cut(string(status), "Cpus_allowed_list:")
	list, _, _ := strings.Cut(after, "\n")
	return strings.TrimSpace(list)
}
