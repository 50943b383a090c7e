package conduct

import (
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
)

// cpusOf are the processors of a worker, by what part of the run it belongs to.
func (o *Options) cpusOf(role results.Role) launch.CPUSet {
	switch role {
	case results.RoleProducer, results.RoleConsumer, results.RoleBoth:
		return o.CPUs[results.CPUsOfClient]
	case results.RoleReference, results.RoleFiller:
		return o.CPUs[results.CPUsOfReference]
	default:
		return o.CPUs[results.CPUsOfSupervisor]
	}
}

// cpuNames are the sets as run.json has them.
func (o *Options) cpuNames() map[string]string {
	if len(o.CPUs) == 0 {
		return nil
	}
	names := map[string]string{}
	for part, set := range o.CPUs {
		names[part] = set.String()
	}
	return names
}
