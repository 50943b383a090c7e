package workloads

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kbench/kbench/workloads/reader"
)

var update = flag.Bool("update", false, "write the checked-in copies of generated files anew")

func TestSchemaIsCurrent(t *testing.T) {
	const file = "workload.schema.json"
	if *update {
		if err := os.WriteFile(file, Schema(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, Schema()) {
		t.Errorf("%s is not what the fields say; run go test ./workloads -update", file)
	}
}

// TestSchemaDescribesFields: an editor has a sentence for each field, however deep, or
// for the one that it is a path to.
func TestSchemaDescribesFields(t *testing.T) {
	var schema object
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	fields := 0
	var visit func(at string, v any)
	described := func(at string, field object) {
		fields++
		for ref, is := field["$ref"].(string); is; ref, is = field["$ref"].(string) {
			found := any(schema)
			for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
				found = found.(object)[part]
			}
			field = found.(object)
		}
		if doc, _ := field["description"].(string); !strings.HasSuffix(doc, ".") {
			t.Errorf("%s is described as %q", at, doc)
		}
	}
	visit = func(at string, v any) {
		switch v := v.(type) {
		case object:
			for key, e := range v {
				if key != "properties" {
					visit(at+"/"+key, e)
					continue
				}
				for name, field := range e.(object) {
					described(at+"/"+name, field.(object))
					visit(at+"/"+name, field)
				}
			}
		case []any:
			for _, e := range v {
				visit(at, e)
			}
		}
	}
	visit("", schema)
	if fields < 150 {
		t.Errorf("%d fields were looked at", fields)
	}
}

// TestSchemaAgreesWithParser puts documents before both. The schema must take
// what the parser takes; and what is wrong with a single field, it must refuse.
func TestSchemaAgreesWithParser(t *testing.T) {
	var schema object
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	f := func(doc string, want bool) {
		t.Helper()
		r := &reader.Reader{}
		v := r.FromYAML("w.yaml", "", []byte(doc))
		if _, err := Parse("w.yaml", []byte(doc), Options{}); (err == nil) != want || len(r.Problems) > 0 {
			t.Errorf("parser: %v\n%s", err, doc)
		}
		if conforms(schema, schema, v.Plain()) != want {
			t.Errorf("the schema says %v\n%s", !want, doc)
		}
	}
	files, err := filepath.Glob("catalog/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no catalogue: %v", err)
	}
	for _, file := range files {
		src, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f(string(src), true)
	}
	for _, field := range []string{
		"records: {size: 1KiB}", "records: {size: {uniform: [32, 64]}}", "produce: {rate: max}",
		"records: {size: {lognormal: {median: 100, sigma: 1, max: 200}}}", "produce: {schedule: {ramp: {from: 0}}}",
		"matrix: {produce.chunk: [1, 2]}", "full: [{produce.chunk: [1, 2]}, {produce.codec: [none]}]", "process: {gomemlimit: 1GiB}", "phases: {warmup: 0s}", "group: {session: 1m30s}",
		"churn: [{do: join, when: stable, phase: 0.5, with: {group.session: 20s}, restore: false}]",
		"churn: [{cycle: [join, leave, join, leave], when: stable, phase: best}]", "churn: [{do: storm, at: 1s, for: 60s, rate: 3/m}]",
	} {
		f("name: x\n"+field, true)
	}
	for _, field := range []string{
		"foo: 1", "topic: {partitions: 0}", "topic: {partitions: 1.5}", "topic: 3", "records: {size: 31}", "records: {size: 1KB}",
		"records: {size: {uniform: [100]}}", "records: {entropy: 1.1}", "produce: {rate: 600}", "produce: {rate: 600/h}",
		"produce: {linger: 5}", "produce: {linger: 5 ms}", "produce: {codec: gzp}", "produce: {schedule: ramp}",
		"produce: {idempotent: yes}", "group: {assignors: range}", "group: {assignors: [foo]}", "matrix: {produce.chunk: []}", "full: [{produce.chunk: []}]", "full: []",
		"process: {gomemlimit: 1GB}", "gate: [1]", "rounds: many",
		"churn: {do: join, when: stable}", "churn: [{do: jump, when: stable}]", "churn: [{do: join, when: stable, foo: 1}]",
		"churn: [{cycle: [], when: stable}]", "churn: [{do: join, when: stable, phase: 2}]", "pause: {theta: 1}", "include: []",
	} {
		f("name: x\n"+field, false)
	}
	f("topic: {partitions: 3}", false)
	f("name: S", false)
	f("name: s\ninclude: [{workload: a, set: {rounds: many}}]", false)
	f("name: s\ninclude: [{workload: a, set: {no.such: 1}}]", false)
	f("name: s\ninclude: [{set: {rounds: 1}}]", false)
}

// conforms is as much of a JSON Schema validator as the schema needs. It fails
// on a keyword that it does not know, so that none is silently not checked.
func conforms(top, s object, v any) bool {
	if cond, ok := s["if"].(object); ok {
		branch := "else"
		if conforms(top, cond, v) {
			branch = "then"
		}
		return conforms(top, s[branch].(object), v)
	}
	for key, arg := range s {
		check, known := keywords()[key]
		if !known {
			panic("the schema has a keyword that this test does not check: " + key)
		}
		if check != nil && !check(subject{top, s, v}, arg) {
			return false
		}
	}
	return true
}

// A subject is a value and the schema that it is held to.
type subject struct {
	top, schema object
	v           any
}

func (s subject) is(schema, v any) bool { return conforms(s.top, schema.(object), v) }

// keywords are what a schema may ask for; nil asks for nothing. Of a value that is of
// another type than a keyword is about it asks nothing either.
func keywords() map[string]func(s subject, arg any) bool {
	number := func(holds func(n, bound float64) bool) func(subject, any) bool {
		return func(s subject, arg any) bool {
			n, ok := s.v.(float64)
			return !ok || holds(n, arg.(float64))
		}
	}
	text := func(holds func(text string, arg any) bool) func(subject, any) bool {
		return func(s subject, arg any) bool {
			v, ok := s.v.(string)
			return !ok || holds(v, arg)
		}
	}
	list := func(holds func(s subject, list []any, arg any) bool) func(subject, any) bool {
		return func(s subject, arg any) bool {
			v, ok := s.v.([]any)
			return !ok || holds(s, v, arg)
		}
	}
	return map[string]func(s subject, arg any) bool{
		"description": nil, "default": nil, "title": nil, "$schema": nil, "$defs": nil,
		"$ref": func(s subject, arg any) bool {
			at := any(s.top)
			for part := range strings.SplitSeq(strings.TrimPrefix(arg.(string), "#/"), "/") {
				at = at.(object)[part]
			}
			return s.is(at, s.v)
		},
		"type":             func(s subject, arg any) bool { return slices.Contains(typesOf(s.v), arg.(string)) },
		"const":            func(s subject, arg any) bool { return s.v == arg },
		"enum":             func(s subject, arg any) bool { return slices.Contains(arg.([]any), s.v) },
		"minimum":          number(func(n, bound float64) bool { return n >= bound }),
		"exclusiveMinimum": number(func(n, bound float64) bool { return n > bound }),
		"maximum":          number(func(n, bound float64) bool { return n <= bound }),
		"pattern":          text(func(v string, arg any) bool { return regexp.MustCompile(arg.(string)).MatchString(v) }),
		"minLength":        text(func(v string, arg any) bool { return len(v) >= int(arg.(float64)) }),
		"maxLength":        text(func(v string, arg any) bool { return len(v) <= int(arg.(float64)) }),
		"minItems":         list(func(_ subject, l []any, arg any) bool { return len(l) >= int(arg.(float64)) }),
		"maxItems":         list(func(_ subject, l []any, arg any) bool { return len(l) <= int(arg.(float64)) }),
		"uniqueItems": list(func(_ subject, l []any, _ any) bool {
			for i := range l {
				if slices.ContainsFunc(l[:i], func(e any) bool { return reflect.DeepEqual(e, l[i]) }) {
					return false
				}
			}
			return true
		}),
		"items": list(func(s subject, l []any, arg any) bool {
			return !slices.ContainsFunc(l, func(e any) bool { return !s.is(arg, e) })
		}),
		"required": func(s subject, arg any) bool {
			m, isMap := s.v.(object)
			return !isMap || !slices.ContainsFunc(arg.([]any), func(k any) bool { _, has := m[k.(string)]; return !has })
		},
		"anyOf": func(s subject, arg any) bool {
			return slices.ContainsFunc(arg.([]any), func(e any) bool { return s.is(e, s.v) })
		},
		"properties":           subject.properties,
		"additionalProperties": subject.properties,
	}
}

func typesOf(v any) []string {
	switch v := v.(type) {
	case object:
		return []string{"object"}
	case []any:
		return []string{"array"}
	case string:
		return []string{"string"}
	case bool:
		return []string{"boolean"}
	case float64:
		if v == float64(int64(v)) {
			return []string{"number", "integer"}
		}
		return []string{"number"}
	default:
		return nil
	}
}

// properties holds each field to its schema, or to that of further ones.
func (s subject) properties(any) bool {
	m, _ := s.v.(object)
	properties, _ := s.schema["properties"].(object)
	for k, e := range m {
		schema, known := properties[k]
		if !known {
			schema = s.schema["additionalProperties"]
		}
		if schema == false || schema != nil && !s.is(schema, e) {
			return false
		}
	}
	return true
}
