package workloads

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Schema is a JSON Schema (draft 2020-12) of workloads and suites, for editors.
// It is made of the table that the parser reads by. What involves several
// fields at once is beyond it: the parser says more.
func Schema() []byte {
	top := root()
	workload := section(top)
	workload["required"] = []string{"name"}
	part := func(k kind, doc string) object { return described(k.schema, doc) }
	suite := object{
		"type":                 "object",
		"additionalProperties": false,
		"required":             []string{"include", "name"},
		"description":          "A kbench suite: several workloads, run one after the other.",
		"properties": object{
			"name":  part(name(), "Name of the suite."),
			"about": part(text(2000), "What the suite is for, for people."),
			"include": object{
				"type": "array", "minItems": 1, "description": "The workloads, in order.",
				"items": object{
					"type": "object", "additionalProperties": false, "required": []string{"workload"},
					"properties": object{
						"workload": object{"type": "string", "minLength": 1, "description": "A name of the catalogue, or a file beside this one."},
						"set": object{"type": "object", "description": "Fields that are different here, by path.",
							"properties": byPath(top), "additionalProperties": false},
					},
				},
			},
		},
	}
	out, err := json.MarshalIndent(object{
		"$schema": "https://json-schema.org/draft/2020-12/schema",
		"title":   "kbench workload or suite",
		"if":      object{"required": []string{"include"}},
		"then":    object{"$ref": "#/$defs/suite"},
		"else":    object{"$ref": "#/$defs/workload"},
		"$defs":   object{"workload": workload, "suite": suite},
	}, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("workloads: the schema is not JSON: %v", err)) // a bug in the table, found by its test
	}
	return append(out, '\n')
}

// section is the schema of a section and all that is below it.
func section(n *node) object {
	defaults := Default()
	properties := object{}
	for _, f := range n.fields {
		if f.kind == nil {
			properties[f.key()] = section(f)
			continue
		}
		leaf := described(f.kind.schema, f.doc)
		if v, ok := defaultOf(&defaults, f); ok {
			leaf["default"] = v
		}
		properties[f.key()] = leaf
	}
	return object{"type": "object", "description": n.doc, "properties": properties, "additionalProperties": false}
}

// byPath is the schema of a mapping from paths to values, as set has it. It
// refers to the fields of a workload, where their meaning stands already.
func byPath(top *node) object {
	properties := object{}
	var visit func(n *node, at string)
	visit = func(n *node, at string) {
		for _, f := range n.fields {
			at := at + "/properties/" + f.key()
			properties[f.path] = object{"$ref": at}
			visit(f, at)
		}
	}
	visit(top, "#/$defs/workload")
	return properties
}

func described(schema object, doc string) object {
	out := object{"description": doc}
	for k, v := range schema {
		out[k] = v
	}
	return out
}

// defaultOf is the default of a field as it would be written; false where the
// field has none because leaving it out means that there is nothing.
func defaultOf(defaults *Spec, n *node) (any, bool) {
	switch v := n.kind.plain(pointer(defaults, n.path)).(type) {
	case string:
		return v, v != ""
	case []any:
		return v, len(v) > 0
	case object:
		return v, len(v) > 0
	default:
		return v, true
	}
}

// Reference is a Markdown table of every field: how it is written, its default
// and its meaning.
func Reference() string {
	defaults := Default()
	var b strings.Builder
	b.WriteString("| field | written as | default | meaning |\n|---|---|---|---|\n")
	row := func(path string, n *node, shown string) {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", path, strings.ReplaceAll(n.kind.name, "|", `\|`), shown, n.doc)
	}
	for _, n := range root().leaves() {
		shown := ""
		if v, ok := defaultOf(&defaults, n); ok {
			shown = "`" + show(v, strings.HasPrefix(n.kind.name, "bytes")) + "`"
		}
		row(n.path, n, shown)
		for _, f := range n.items {
			row(n.path+"[]."+f.path, f, "")
		}
	}
	return b.String()
}

// show writes a plain value as one would in YAML, on one line.
func show(v any, isBytes bool) string {
	if list, ok := v.([]any); ok {
		parts := make([]string, len(list))
		for i, e := range list {
			parts[i] = show(e, isBytes)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	if x, ok := v.(float64); ok {
		if isBytes {
			return showBytes(int(x))
		}
		return strconv.FormatFloat(x, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}
