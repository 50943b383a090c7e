package workloads

import (
	"encoding/json"
	"fmt"
)

// A Path is a field as --set and matrices name it, what it means, and the words for
// its value where some are known.
type Path struct {
	Path, Doc string
	Words     []string
}

// Paths are those of all fields, in the order of the document.
func Paths() []Path {
	var all []Path
	for _, f := range document().Leaves() {
		all = append(all, Path{f.Path, f.Doc, wordsOf(f.Kind.Schema)})
	}
	return all
}

// wordsOf are the words that a schema has for a value.
func wordsOf(schema object) (words []string) {
	switch enum, _ := schema["enum"].([]string); {
	case enum != nil:
		return enum
	case schema["type"] == "boolean":
		return []string{"true", "false"}
	case schema["const"] != nil:
		return []string{schema["const"].(string)}
	}
	forms, _ := schema["anyOf"].([]any)
	for _, form := range forms {
		words = append(words, wordsOf(form.(object))...)
	}
	return words
}

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
