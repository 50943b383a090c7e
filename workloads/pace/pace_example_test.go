package pace_test

import (
	"fmt"
	"time"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/pace"
)

// A ramp from nothing to 4 records a second within two seconds sends half as
// many records in that time as the full rate would.
func ExampleNew() {
	s, err := pace.New(4, workloads.Schedule{Kind: "ramp", From: 0}, 2*time.Second, 1)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range int64(6) {
		fmt.Println(i, s.At(i).Round(time.Millisecond))
	}
	fmt.Println("in the first 2 s:", s.Count(2*time.Second))
	// Output:
	// 0 0s
	// 1 1s
	// 2 1.414s
	// 3 1.732s
	// 4 2s
	// 5 2.25s
	// in the first 2 s: 4
}
