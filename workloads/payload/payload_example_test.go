package payload_test

import (
	"fmt"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/payload"
)

// A value is made from the pool and recognised when it comes back.
func ExamplePut() {
	pool := payload.NewPool(workloads.Records{Size: workloads.Size{Fixed: 100}, Entropy: 0.5}, 1)
	value := make([]byte, pool.Size(0))
	crc := pool.Fill(value, 0)
	payload.Put(value, payload.Header{Run: 1, Producer: 2, Seq: 3, Body: crc})

	h := payload.Get(value)
	fmt.Println("record", h.Seq, "of producer", h.Producer, "intact:", payload.Intact(value))
	value[50] ^= 1
	fmt.Println("after damage: header", payload.Valid(value), "body", payload.Intact(value))
	// Output:
	// record 3 of producer 2 intact: true
	// after damage: header true body false
}
