// Package series says whether two runs belong together: whether all is the same that a
// client has no part in, machine, broker and work. Only then do figures of the one say
// anything against figures of the other. Whether the machine was as fast on both days is
// for those who read rows.
package series

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
)

// Difference is something that is not the same in two runs.
type Difference struct {
	What string `json:"what"`
	Run  string `json:"run"`
	Base string `json:"baseline"`
	// Client is the one whose version it is; empty where it is all arms'.
	Client string `json:"-"`
}

func (d Difference) String() string {
	return fmt.Sprintf("%s: %s, and %s in the baseline", d.What, d.Run, d.Base)
}

// differences gathers them.
type differences []Difference

func (d *differences) hold(what string, run, base any) {
	if a, b := fmt.Sprint(run), fmt.Sprint(base); a != b {
		*d = append(*d, Difference{What: what, Run: orNone(a), Base: orNone(b)})
	}
}

// sameMemory is by which part the memory of one machine may differ: what the kernel keeps
// for itself is another amount after every boot.
const sameMemory = 0.02

// memory adds that there is more or less of it.
func (d *differences) memory(run, base int64) {
	if most := max(run, base); float64(most-min(run, base)) <= sameMemory*float64(most) {
		return
	}
	gib := func(n int64) string { return fmt.Sprintf("%.3g", float64(n)/(1<<30)) }
	d.hold("memory, GiB", gib(run), gib(base))
}

func orNone(s string) string {
	if s == "" || s == "0" {
		return "none"
	}
	return s
}

// Differences are what of machine, broker and workload is not the same in two runs: they
// belong to one series where nothing is.
func Differences(run, base *results.Run, workload string) []Difference {
	var d differences
	m, n := &run.Machine, &base.Machine
	d.hold("host", m.Host, n.Host)
	d.hold("processor", m.CPU, n.CPU)
	d.hold("cores", m.Cores, n.Cores)
	d.memory(m.MemBytes, n.MemBytes)
	d.hold("system", m.OS+"/"+m.Arch, n.OS+"/"+n.Arch)
	d.hold("governor", m.Governor, n.Governor)
	for _, part := range results.PartsOfCPUs() {
		if a, b := run.CPUs[part], base.CPUs[part]; a != b {
			d = append(d, Difference{What: "CPUs of the " + part, Run: cmp.Or(a, "none"), Base: cmp.Or(b, "none")}) // CPU 0 is one
		}
	}
	d.hold("broker", run.Broker.Title, base.Broker.Title)
	d.hold("kind of broker", run.Broker.Kind, base.Broker.Kind)
	d.hold("nodes of the broker", run.Broker.Nodes, base.Broker.Nodes)
	d.hold("heap of the broker", run.Broker.Heap, base.Broker.Heap)
	d.hold("collector of the broker", run.Broker.GC, base.Broker.GC)
	d.hold("Java of the broker", run.Broker.Java, base.Broker.Java)
	d.hold("TLS", run.Broker.TLS, base.Broker.TLS)
	d.hold("SASL", run.Broker.SASL, base.Broker.SASL)
	d.workload(specOf(run, workload), specOf(base, workload))
	return d
}

func specOf(run *results.Run, name string) *workloads.Spec {
	for i := range run.Specs {
		if run.Specs[i].Name == name {
			return &run.Specs[i]
		}
	}
	return nil
}

// workload adds what is not the same work. How often it is done, by which figures it is
// compared and which arms it has is not part of it.
func (d *differences) workload(a, b *workloads.Spec) {
	if a == nil || b == nil {
		there := map[bool]string{true: "not there", false: "there"}
		d.hold("workload", there[a == nil], there[b == nil])
		return
	}
	for _, p := range workloads.Paths() {
		switch p.Path {
		case "name", "about", "needs", "matrix", "full", "rounds", "sample", "gate", "compare", "churn":
			continue
		}
		if x, y := a.Value(p.Path), b.Value(p.Path); !reflect.DeepEqual(x, y) {
			d.hold(p.Path, a.Says(p.Path), b.Says(p.Path))
		}
	}
	if !reflect.DeepEqual(a.Churn, b.Churn) {
		d.hold("churn", "another timeline", "its own")
	}
}

// Changed is what may differ between runs of one series, and may be what is asked about.
func Changed(run, base *results.Run) []Difference {
	var d differences
	d.hold("kernel", run.Machine.Kernel, base.Machine.Kernel)
	d.hold("Go", run.Go, base.Go)
	d.hold("kbench", run.Kbench, base.Kbench)
	d.hold("broker", run.Broker.Version, base.Broker.Version) // where its title does not tell
	all := map[string]string{}
	maps.Copy(all, run.Clients)
	maps.Copy(all, base.Clients)
	for _, client := range slices.Sorted(maps.Keys(all)) {
		n := len(d)
		if d.hold(client, run.Clients[client], base.Clients[client]); len(d) > n {
			d[n].Client = client
		}
	}
	return d
}
