package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads/plan"
)

// sameLanes says of which arms a lane sets the very same as matched would, a
// line for each workload and lane: such arms differ in their name alone. Best
// chooses for producers, so it changes nothing where the arm does not produce.
func (a *app) sameLanes(trials []plan.Trial) []string {
	var order []string
	arms := make(map[string][]string)
	for i := range trials {
		t := &trials[i]
		mode := drivers.Mode(t.Arm.Lane)
		if mode == drivers.Matched {
			continue
		}
		d := drivers.Find(a.table, t.Arm.Client)
		lines, refused := arm.Plan(&t.Spec, mode, d, nil)
		matched, _ := arm.Plan(&t.Spec, drivers.Matched, d, nil)
		if refused != "" || !slices.EqualFunc(lines, matched, sets) {
			continue
		}
		head := fmt.Sprintf("in %s the lane %s is the same as matched for ", t.Workload, mode)
		if arms[head] == nil {
			order = append(order, head)
		}
		if name := strings.TrimSuffix(t.Arm.Name, "@"+t.Arm.Lane); !slices.Contains(arms[head], name) {
			arms[head] = append(arms[head], name)
		}
	}
	for i, head := range order {
		slices.Sort(arms[head])
		order[i] = head + strings.Join(arms[head], ", ")
	}
	return order
}

// sets says whether two lines of plans set the same in the client.
func sets(a, b results.PlanLine) bool {
	return a.Role == b.Role && a.Key == b.Key && a.Native == b.Native && a.Claim == b.Claim && a.Fidelity == b.Fidelity
}
