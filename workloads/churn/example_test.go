package churn_test

import (
	"fmt"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/churn"
)

func ExampleExpand() {
	doc, err := workloads.Parse("mine.yaml", []byte(`
name: mine
churn:
  - {cycle: [join, leave], when: stable, target: oldest, phase: worst}
  - {do: crash, at: 90s, target: newest}
`), workloads.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	acts, err := churn.Expand(doc.Spec, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, a := range acts {
		fmt.Println(a.N, a.Kind, a.Member, a.When, a.Counted)
	}
	// Output:
	// 1 join 3 stable true
	// 2 leave 0 stable true
	// 3 crash 3 at true
	// 4 join 4 stable false
}
