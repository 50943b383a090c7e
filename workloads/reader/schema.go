package reader

// Schema is the JSON Schema of a section and all that is below it. defaults is a
// document with every field at its default, nil for a schema that tells none.
func (f *Field) Schema(defaults any) Object {
	properties := Object{}
	for _, n := range f.Fields {
		if n.Kind == nil {
			properties[n.Key()] = n.Schema(defaults)
			continue
		}
		leaf := Described(n.Kind.Schema, n.Doc)
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
		for path, ref := range n.Paths(at) {
			properties[path] = ref
		}
	}
	return properties
}

// Described is a schema with a meaning.
func Described(schema Object, doc string) Object {
	out := Object{"description": doc}
	for k, v := range schema {
		out[k] = v
	}
	return out
}

// Exact is the schema of a mapping with exactly these fields.
func Exact(properties Object) Object {
	return Object{"type": "object", "properties": properties, "required": SortedKeys(properties), "additionalProperties": false}
}

// shown is the default of a field as it would be written; false where the field
// has none because leaving it out means that there is nothing.
func (f *Field) shown(defaults any) (any, bool) {
	if defaults == nil {
		return nil, false
	}
	switch v := f.Plain(defaults).(type) {
	case string:
		return v, v != ""
	case []any:
		return v, len(v) > 0
	case Object:
		return v, len(v) > 0
	default:
		return v, true
	}
}
