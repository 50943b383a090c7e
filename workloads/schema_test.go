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

// TestSchemaAgreesWithParser puts documents before both. The schema must take
// what the parser takes; and what is wrong with a single field, it must refuse.
func TestSchemaAgreesWithParser(t *testing.T) {
	var schema object
	if err := json.Unmarshal(Schema(), &schema); err != nil {
		t.Fatal(err)
	}
	f := func(doc string, want bool) {
		t.Helper()
		r := &reader{}
		v := r.fromYAML("w.yaml", "", []byte(doc))
		if _, err := Parse("w.yaml", []byte(doc), Options{}); (err == nil) != want || len(r.problems) > 0 {
			t.Errorf("parser: %v\n%s", err, doc)
		}
		if conforms(schema, schema, v.plain()) != want {
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
	m, isMap := v.(object)
	l, isList := v.([]any)
	n, isNumber := v.(float64)
	text, isText := v.(string)
	if cond, ok := s["if"].(object); ok {
		branch := "else"
		if conforms(top, cond, v) {
			branch = "then"
		}
		return conforms(top, s[branch].(object), v)
	}
	for key, arg := range s {
		ok := true
		switch key {
		case "description", "default", "title", "$schema", "$defs":
		case "$ref":
			at := any(top)
			for part := range strings.SplitSeq(strings.TrimPrefix(arg.(string), "#/"), "/") {
				at = at.(object)[part]
			}
			ok = conforms(top, at.(object), v)
		case "type":
			_, isBool := v.(bool)
			ok = map[string]bool{"object": isMap, "array": isList, "number": isNumber, "string": isText, "boolean": isBool,
				"integer": isNumber && n == float64(int64(n))}[arg.(string)]
		case "const":
			ok = v == arg
		case "enum":
			ok = slices.Contains(arg.([]any), v)
		case "minimum":
			ok = !isNumber || n >= arg.(float64)
		case "exclusiveMinimum":
			ok = !isNumber || n > arg.(float64)
		case "maximum":
			ok = !isNumber || n <= arg.(float64)
		case "pattern":
			ok = !isText || regexp.MustCompile(arg.(string)).MatchString(text)
		case "minLength":
			ok = !isText || len(text) >= int(arg.(float64))
		case "maxLength":
			ok = !isText || len(text) <= int(arg.(float64))
		case "minItems":
			ok = !isList || len(l) >= int(arg.(float64))
		case "maxItems":
			ok = !isList || len(l) <= int(arg.(float64))
		case "uniqueItems":
			for i := range l {
				ok = ok && !slices.ContainsFunc(l[:i], func(e any) bool { return reflect.DeepEqual(e, l[i]) })
			}
		case "items":
			for _, e := range l {
				ok = ok && conforms(top, arg.(object), e)
			}
		case "required":
			for _, k := range arg.([]any) {
				_, has := m[k.(string)]
				ok = ok && (has || !isMap)
			}
		case "anyOf":
			ok = slices.ContainsFunc(arg.([]any), func(e any) bool { return conforms(top, e.(object), v) })
		case "properties", "additionalProperties":
			properties, _ := s["properties"].(object)
			for k, e := range m {
				p, known := properties[k].(object)
				more, isSchema := s["additionalProperties"].(object)
				switch {
				case known:
					ok = ok && conforms(top, p, e)
				case isSchema:
					ok = ok && conforms(top, more, e)
				default:
					ok = ok && s["additionalProperties"] != false
				}
			}
		default:
			panic("the schema has a keyword that this test does not check: " + key)
		}
		if !ok {
			return false
		}
	}
	return true
}
