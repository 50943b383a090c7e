package workloads_test

import (
	"fmt"

	"github.com/kbench/kbench/workloads"
)

func ExampleParse() {
	doc, err := workloads.Parse("small.yaml", []byte(`
name: small
topic:   {partitions: 6}
produce: {rate: 36000/m}
group:   {session: 9s}
`), workloads.Options{Set: []string{"topic.partitions=3"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := doc.Spec
	fmt.Println(s.Kind(), s.Topic.Partitions, s.Produce.Rate.PerSecond, s.Group.Session, s.Group.Heartbeat)
	// Output: end-to-end 3 600 9s 3s
}

func ExampleParse_errors() {
	_, err := workloads.Parse("slip.yaml", []byte(`
name: slip
group:
  sesion: 10s
  heartbeat: 3
produce: {codec: snapy}
`), workloads.Options{Set: []string{"topic.partitions=none"}})
	fmt.Println(err)
	// Output:
	// slip.yaml:4:3: group.sesion: is not a field; did you mean session?
	// slip.yaml:5:14: group.heartbeat: 3 has no unit; write 3s for seconds or 3ms for milliseconds
	// slip.yaml:6:18: produce.codec: "snapy" is not known here; did you mean snappy? It may be none, gzip, snappy, lz4 or zstd
	// --set topic.partitions=none: topic.partitions: "none" is not a whole number; write one from 1 to 10000
}
