package conduct

// This file is nodes of the broker that hang: they take connections and answer nobody.

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/worker"
)

// patience is for how long a node of the broker may answer nobody: for as long as
// clients are told that it may take, or as any process of a trial may be silent.
func (t *trial) patience() time.Duration {
	return max(t.run.o.Deadlines.Silence, t.plan.Spec.Produce.AckTimeout)
}

// ownsBroker says whether the broker is one that kbench has started.
func (t *trial) ownsBroker() bool {
	return t.cluster != nil && t.cluster.Info().Kind != cluster.Attached
}

// silentNode is an error where a node has answered the probe nothing for too long.
func (t *trial) silentNode() error {
	t.mu.Lock()
	probe, doing := t.probe, t.doing
	t.mu.Unlock()
	if probe == nil {
		return nil
	}
	m, _ := probe.report(worker.Alive)
	limit := t.patience()
	for _, id := range slices.Sorted(maps.Keys(m.Silent)) {
		if silent := time.Duration(m.Silent[id]) * time.Second; silent >= limit && !t.down.lately(id, limit) {
			return fmt.Errorf("broker: %s has answered nobody for %s, in this step: %s; it hangs, was suspended, or cannot be reached",
				t.nodeName(id), silent, doing)
		}
	}
	return nil
}

// nodeName is a node with its address, as far as that is known.
func (t *trial) nodeName(id int32) string {
	if id == worker.AnyNode {
		return "every node of " + t.access.String()
	}
	if addr := t.cluster.Address(id); addr != "" {
		return fmt.Sprintf("node %d at %s", id, addr)
	}
	return fmt.Sprintf("node %d", id)
}
