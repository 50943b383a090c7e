package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads/plan"
)

// pinned are the processors of each part of a run, as --cpus says: client=0,broker=1-2. A
// comma goes on with a set where no part is named behind it. Parts that are not named get
// all that this process may use: they must not be tied to what it ties itself to. nil:
// nobody asks for any.
func pinned(cmd *cobra.Command, text string) (map[string]launch.CPUSet, error) {
	if !cmd.Flags().Changed("cpus") {
		return nil, nil
	}
	parts := results.PartsOfCPUs()
	sets := map[string]string{}
	var name string
	for item := range strings.SplitSeq(text, ",") {
		part, set, named := strings.Cut(item, "=")
		switch {
		case !named && name == "" || named && !slices.Contains(parts, part):
			return nil, fmt.Errorf("--cpus %s: %q is no part of a run: write %s=0, with commas for several of %s", text, part, parts[0], strings.Join(parts, ", "))
		case !named:
			sets[name] += "," + item
		case sets[part] != "":
			return nil, fmt.Errorf("--cpus %s: %s is there twice; write its CPUs once, as in %s=0-1,3", text, part, part)
		default:
			name, sets[part] = part, set
		}
	}
	_, allowed, err := launch.CPUs()
	if err != nil {
		return nil, fmt.Errorf("--cpus: %w", err)
	}
	out := map[string]launch.CPUSet{}
	for _, part := range parts {
		if out[part] = allowed; sets[part] == "" && !strings.Contains(text, part+"=") {
			continue
		}
		set, err := launch.ParseCPUs(sets[part])
		if err == nil {
			err = launch.CheckCPUs(set)
		}
		if err != nil {
			return nil, fmt.Errorf("--cpus %s=%s: %w", part, sets[part], err)
		}
		out[part] = set
	}
	return out, nil
}

// pin ties the broker and this process to their processors. Its error is the user's to
// mend: a part is named of which there will be no process.
func (a *app) pin(cmd *cobra.Command, text string, sets map[string]launch.CPUSet, bo *cluster.Options, trials []plan.Trial) error {
	if sets == nil {
		return nil
	}
	named := func(part string) bool { return strings.Contains(","+text, ","+part+"=") }
	needsBroker := slices.ContainsFunc(trials, func(t plan.Trial) bool { return !a.brokerless(t.Arm.Client) })
	reference := slices.ContainsFunc(trials, func(t plan.Trial) bool {
		return !a.brokerless(t.Arm.Client) && (t.Spec.Produce.By == "reference" || t.Spec.Consume.Backlog > 0)
	})
	var wrong []error
	switch part := results.CPUsOfBroker; {
	case named(part) && bo.Kind == cluster.Attached:
		wrong = append(wrong, fmt.Errorf("--cpus %s: the broker at --brokers is not kbench's to start; tie it to its CPUs where it runs, and leave %s out", part, part))
	case named(part) && !needsBroker:
		wrong = append(wrong, fmt.Errorf("--cpus %s: none of these clients uses a broker; leave %s out", part, part))
	}
	if part := results.CPUsOfReference; named(part) && !reference {
		wrong = append(wrong, fmt.Errorf("--cpus %s: no workload here has a reference producer (produce.by: reference) or a backlog; leave %s out", part, part))
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	if bo.Kind != cluster.Attached {
		bo.CPUs = sets[results.CPUsOfBroker]
	}
	if !named(results.CPUsOfSupervisor) {
		return nil
	}
	if err := launch.TieSelf(sets[results.CPUsOfSupervisor]); err != nil {
		return fmt.Errorf("--cpus %s: %w", results.CPUsOfSupervisor, err)
	}
	return nil
}
