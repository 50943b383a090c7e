package catalog_test

import (
	"fmt"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/catalog"
)

func ExampleLoad() {
	specs, suite, err := catalog.Load("quick", workloads.Options{Set: []string{"phases.measure=5s"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(suite)
	for _, s := range specs {
		fmt.Println(s.Name, s.Kind(), s.Phases.Measure)
	}
	// Output:
	// quick
	// produce-max produce 5s
	// produce-rate produce 5s
	// consume-backlog backlog 5s
	// end-to-end end-to-end 5s
	// churn-sample end-to-end 5s
}
