package workloads

import (
	"encoding/json"
	"fmt"
)

// Schema is a JSON Schema (draft 2020-12) of workloads and suites, for editors.
// It is made of the description that the parser reads by. What involves several
// fields at once is beyond it: the parser says more.
func Schema() []byte {
	top, defaults := document(), Default()
	workload := top.Schema(&defaults)
	workload["required"] = []string{"name"}
	suite := suites().Schema(nil)
	suite["required"] = []string{"include", "name"}
	out, err := json.MarshalIndent(object{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "kbench workload or suite",
		"if":      object{"required": []string{"include"}},
		"then":    object{"$ref": "#/$defs/suite"},
		"else":    object{"$ref": "#/$defs/workload"},
		"$defs":   object{"workload": workload, "suite": suite},
	}, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("workloads: the schema is not JSON: %v", err)) // a bug in a tag, found by its test
	}
	return append(out, '\n')
}
