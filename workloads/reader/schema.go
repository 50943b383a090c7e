package reader

import (
	"maps"
	"reflect"
	"slices"
	"time"
)

// Schema is the JSON Schema of a section and all that is below it. defaults is a
// document with every field at its default, nil for a schema that tells none.
func (f *Field) Schema(defaults any) Object {
	properties := Object{}
	for _, n := range f.Fields {
		if n.Kind == nil {
			properties[n.Key()] = n.Schema(defaults)
			continue
		}
		leaf := Meaning(n.Doc, n.Kind.Schema)
		if v, ok := n.shown(defaults); ok {
			leaf["default"] = v
		}
		properties[n.Key()] = leaf
	}
	return Object{"type": "object", "description": f.Doc, "properties": properties, "additionalProperties": false}
}

// Paths is the schema of a mapping from paths to values. It refers to the fields of
// a document, whose schema stands at a place, and where their meaning stands already.
func (f *Field) Paths(at string) Object {
	properties := Object{}
	for _, n := range f.Fields {
		at := at + "/properties/" + n.Key()
		properties[n.Path] = Object{"$ref": at}
		maps.Copy(properties, n.Paths(at))
	}
	return properties
}

// Exact is the schema of a mapping with exactly these fields.
func Exact(properties Object) Object {
	return Object{"type": "object", "properties": properties, "required": slices.Sorted(maps.Keys(properties)), "additionalProperties": false}
}

// Meaning is a schema with what it means, a sentence.
func Meaning(doc string, schema Object) Object {
	out := maps.Clone(schema)
	out["description"] = doc
	return out
}

// shown is the default of a field as it would be written; false where the field
// has none because leaving it out means that there is nothing.
func (f *Field) shown(defaults any) (any, bool) {
	if defaults == nil {
		return nil, false
	}
	switch v := reflect.ValueOf(f.In(defaults)).Elem().Interface().(type) {
	case time.Duration:
		return ShowDuration(v), true
	case int, float64, bool:
		return v, true
	case string:
		return v, v != ""
	default: // of a form of its own: as its tag has it
		return f.Default.Plain(), f.Default.Kind != Nothing
	}
}
