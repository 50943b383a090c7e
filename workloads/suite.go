package workloads

import (
	"fmt"
	"strings"
	"sync"

	"github.com/kbench/kbench/workloads/reader"
)

// maxIncludes bounds the workloads of a suite.
const maxIncludes = 100

// suites describes a suite.
var suites = sync.OnceValue(func() *reader.Field {
	includes := reader.Kind{
		Schema: object{
			"type": "array", "minItems": 1, "maxItems": maxIncludes,
			"items": object{
				"type": "object", "description": "One workload of the suite.", "additionalProperties": false, "required": []string{"workload"},
				"properties": object{
					"workload": object{"type": "string", "minLength": 1, "description": "A name of the catalogue, or a file beside this one."},
					"set": object{"type": "object", "description": "Fields that are different here, by path.",
						"properties": document().Paths("#/$defs/workload"), "additionalProperties": false},
				},
			},
		},
		Read: func(r *reader.Reader, _ string, v reader.Value, dst any) { *dst.(*[]Include) = readIncludes(r, v) },
	}
	return reader.Fields[Suite]("A kbench suite: several workloads, run one after the other.", map[string]reader.Kind{"name": name(), "includes": includes})
})

// suite reads a suite. What it sets in its workloads is read against the fields
// here, where it has a position, and takes effect when they are loaded.
func (r *parser) suite(v reader.Value) *Suite {
	s := &Suite{}
	named := false
	for e := range r.Once("", v) {
		named = named || e.Key == "name"
		f := suites().Field(e.Key)
		switch {
		case f != nil && e.Val.Kind != reader.Broken:
			f.Kind.Read(r.Reader, e.Key, e.Val, f.In(s))
		case f != nil:
		case r.Root.Field(e.Key) != nil:
			r.Fail(e.At, e.Key, "is a field of a workload, not of a suite; write it under set of an include")
		default:
			r.Fail(e.At, e.Key, "is not a field of a suite; it has name, about and include")
		}
	}
	if !named {
		r.Fail(r.Start, "name", "is missing; write a name such as my-suite")
	}
	scratch := Default()
	scratch.Churn = make([]ChurnEntry, maxEntries) // which entries there are, its workloads know
	r.flags(&scratch)
	return s
}

func readIncludes(r *reader.Reader, v reader.Value) []Include {
	if v.Kind == reader.Broken {
		return nil
	}
	if v.Kind != reader.List || len(v.List) == 0 {
		r.Fail(v.At, "include", "%v is not a list of workloads; write [{workload: produce-max}, ...]", v)
		return nil
	}
	if !reader.Few(r, "include", v, maxIncludes) {
		return nil
	}
	var list []Include
	for i, item := range v.List {
		path := fmt.Sprintf("include[%d]", i)
		if item.Kind == reader.Broken {
			continue
		}
		if item.Kind != reader.Mapping {
			r.Fail(item.At, path, "%v is not a mapping; write {workload: produce-max, set: {...}}", item)
			continue
		}
		list = append(list, readInclude(r, path, item))
	}
	return list
}

func readInclude(r *reader.Reader, path string, item reader.Value) Include {
	var in Include
	named := false
	for _, e := range item.Entries {
		at := path + "." + e.Key
		switch e.Key {
		case "workload":
			if named {
				r.Fail(e.At, at, "is written twice; write another include")
			}
			named = true
			if e.Val.Kind != reader.Broken && (e.Val.Kind != reader.Text || e.Val.Text == "") {
				r.Fail(e.Val.At, at, "%v does not name a workload; write a name of the catalogue or a file", e.Val)
			}
			in.Workload = e.Val.Text
		case "set":
			if in.Set != nil {
				r.Fail(e.At, at, "is written twice; write all overrides in one")
			}
			in.Set = readSets(r, at, e.Val)
		default:
			r.Fail(e.At, at, "is not a field of an include; it has workload and set")
		}
	}
	if !named {
		r.Fail(item.At, path, "has no workload; write the name of one, such as workload: produce-max")
	}
	return in
}

// sets reads the overrides of an include against a scratch workload, for their
// problems, and keeps the values as written.
func readSets(r *reader.Reader, path string, v reader.Value) map[string]any {
	if v.Kind == reader.Broken {
		return nil
	}
	if v.Kind != reader.Mapping {
		r.Fail(v.At, path, "%v is not a mapping; write one like {phases.measure: 3s}", v)
		return nil
	}
	var scratch Spec
	out := make(map[string]any, len(v.Entries))
	for _, e := range v.Entries {
		at := path + "." + e.Key
		n := r.Root.Find(e.Key)
		_, twice := out[e.Key]
		switch {
		case twice:
			r.Fail(e.At, at, "is written twice; remove one")
		case n == nil && strings.HasPrefix(e.Key, "churn."):
			r.Fail(e.At, at, "a suite cannot change a part of a timeline; write churn as a whole")
		case n == nil:
			r.Fail(e.At, at, "is not the path of a field; %s", r.Suggest(e.Key))
		default:
			r.Read(n, e.Val, &scratch)
		}
		out[e.Key] = e.Val.Plain()
	}
	return out
}
