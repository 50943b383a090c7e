package results

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/kbench/kbench/internal/regular"
)

// MachineSample is one line of machine.jsonl: how busy the machine was and how
// much CPU every process of the trial had used. The supervisor writes ten a
// second; in old run directories there is one. Counters grow, so a share is the
// difference of two samples.
type MachineSample struct {
	T    int64  `json:"t"`              // ns of the host's monotonic clock
	Host string `json:"host,omitempty"` // which one; see Worker.Host

	// CPU time in ns since boot, summed over all cores.
	CPUTotal int64 `json:"cpu_total"`
	CPUIdle  int64 `json:"cpu_idle"`
	CPUSteal int64 `json:"cpu_steal"`

	// CPUBusy is what processes had: the time of all cores that was neither idle nor that
	// of interrupts, which is nobody's, nor stolen. Ours is what kbench had of that since the
	// first sample of the trial: its live processes, and those that have ended. In old
	// run directories both are 0, and it is not known what others had.
	CPUBusy int64 `json:"cpu_busy,omitempty"`
	Ours    int64 `json:"ours,omitempty"`

	// Pressure stall information: for how long some task has waited since boot, ns; -1
	// where the kernel does not tell, and 0 in old run directories.
	PSICPUTotal int64 `json:"psi_cpu_total,omitempty"`
	PSIIOTotal  int64 `json:"psi_io_total,omitempty"`
	PSIMemTotal int64 `json:"psi_mem_total,omitempty"`

	// Pressure stall information: the share of the last 10 s in which some task
	// waited, in percent; -1 where the kernel does not tell.
	PSICPUSome float64 `json:"psi_cpu_some"`
	PSIIOSome  float64 `json:"psi_io_some"`
	PSIMemSome float64 `json:"psi_mem_some"`

	// Procs is the CPU time in ns that each process has used so far, by the name
	// of the worker, BrokerProcess of a node, SupervisorProcess or BrokerParent.
	Procs map[string]int64 `json:"procs"`

	// Waited is for how long the threads of each process have waited for a processor so
	// far, ns, summed. The kernel counts the wait of a thread when it ends. Processes of
	// which that is not known, or of many threads, are left out.
	Waited map[string]int64 `json:"waited,omitempty"`
}

// Foreign is the CPU time that processes other than kbench's had between two samples,
// ns. What is not kbench's by less than the kernel's grain may come out below zero,
// and stays there: in the next samples it is above. It is not known in old run
// directories and where there is no /proc.
func Foreign(a, b MachineSample) (ns int64, known bool) {
	return b.CPUBusy - a.CPUBusy - (b.Ours - a.Ours), a.CPUBusy > 0
}

// Names in MachineSample.Procs of what surrounds a trial. SupervisorProcess is
// `kbench run` itself. BrokerParent is the `kbench broker` that has the JVMs of
// Apache Kafka for children; an embedded broker has none, being all nodes at once.
const (
	SupervisorProcess = "supervisor"
	BrokerParent      = "kbench-broker"
)

// brokerPrefix begins the names of broker processes in MachineSample.Procs.
const brokerPrefix = "broker-"

// BrokerProcess is the name of a broker node in MachineSample.Procs.
func BrokerProcess(node int) string { return fmt.Sprintf("%s%d", brokerPrefix, node) }

// IsBrokerProcess tells the brokers in MachineSample.Procs from the workers.
func IsBrokerProcess(name string) bool {
	return len(name) > len(brokerPrefix) && name[:len(brokerPrefix)] == brokerPrefix
}

// ReadMachine reads a machine.jsonl. A torn last line, which a killed
// supervisor leaves, is passed over, and so is a file that was never made: the
// trial then simply has no machine figures.
func ReadMachine(path string) ([]MachineSample, error) {
	f, err := regular.Open(path, RawMost)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read machine samples: %w", err)
	}
	defer f.Close()
	var samples []MachineSample
	err = regular.Lines(f, func(n int, line []byte, torn bool) error {
		var s MachineSample
		if err := json.Unmarshal(line, &s); err == nil {
			samples = append(samples, s)
		} else if !torn {
			return fmt.Errorf("%s:%d: %w", path, n, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read machine samples: %w", err)
	}
	return samples, nil
}
