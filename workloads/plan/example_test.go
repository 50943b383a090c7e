package plan_test

import (
	"fmt"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

func ExampleExpand() {
	w := workloads.Default()
	w.Name = "join"
	w.Matrix = workloads.Matrix{{"group.assignors": {[]any{"range"}, []any{"cooperative-sticky"}}}}
	trials, err := plan.Expand([]workloads.Spec{w}, []string{"franz-go", "sarama"}, []string{"matched"}, plan.Rounds{Timed: 1}, 42)
	if err != nil {
		fmt.Println(err)
	}
	for _, t := range trials {
		fmt.Println(t.N, t.Arm.Name, t.Spec.Group.Assignors)
	}
	// Output:
	// 1 franz-go/cooperative-sticky [cooperative-sticky]
	// 2 sarama/cooperative-sticky [cooperative-sticky]
	// 3 sarama/range [range]
	// 4 franz-go/range [range]
}
