package workloads

import (
	"fmt"
	"slices"
	"strings"
)

// Document is a parsed file: exactly one of Spec and Suite is set.
type Document struct {
	Spec  *Spec
	Suite *Suite
	// Warnings are findings that do not stop a run but that its reader should
	// know of, each with its position.
	Warnings []string
}

// Options say what surrounds a document.
type Options struct {
	// Set are the "path=value" arguments of --set, which override the document.
	// Problems with them are reported as problems of the flag. For a suite they
	// are checked here and take effect in its workloads.
	Set []string
	// Override are values that are put over the document before Set: the ones
	// that a suite sets in a workload it includes.
	Override []Override
	// Full puts the full matrix of a workload in the place of its matrix. One
	// that has none is refused.
	Full bool
	// CheckGate and CheckNeed report what is wrong with a gate and with a name
	// in needs, as "what is wrong; what would be right". Gates and settings
	// belong to other packages; where a function is nil any text passes.
	CheckGate func(expr string) error
	CheckNeed func(key string) error
	// Warn, where not nil, is given every warning by those who load documents
	// for a caller that does not see Document.
	Warn func(string)
}

// Override is one value from outside the document.
type Override struct {
	Path   string
	Value  any
	Origin string // what to name in a message, in place of a file
}

// Parse reads a document. name is how the document is called in messages, its
// file name as a rule. The error is of type Errors and holds everything that is
// wrong, not just the first thing.
func Parse(name string, src []byte, opt Options) (*Document, error) {
	r := &reader{root: root(), opt: opt, start: place{name, 1, 1}, written: map[string]place{}, bad: map[string]bool{}}
	v := r.fromYAML(name, "", src)
	doc := &Document{}
	switch {
	case v.kind == brokenValue:
	case v.kind == nothing:
		r.fail(v.at, "", "the document is empty; write a workload, at least its name")
	case v.kind != mapValue:
		r.fail(v.at, "", "%v is not a document; write fields, such as name: my-workload", v)
	case slices.ContainsFunc(v.entries, func(e entry) bool { return e.key == "include" }):
		doc.Suite = r.suite(v)
	default:
		doc.Spec = r.spec(v)
	}
	if len(r.problems) > 0 {
		return nil, r.problems.sorted()
	}
	doc.Warnings = r.warnings
	return doc, nil
}

// A reader reads one document and gathers what is wrong with it.
type reader struct {
	root     *node
	opt      Options
	start    place
	problems Errors
	warnings []string
	written  map[string]place // leaves that were written, and where
	bad      map[string]bool  // leaves with a problem of their own
}

func (r *reader) fail(at place, path, format string, args ...any) {
	r.problems = append(r.problems, Problem{at.file, at.line, at.col, path, fmt.Sprintf(format, args...)})
}

func (r *reader) warn(at place, path, msg string) {
	r.warnings = append(r.warnings, Problem{at.file, at.line, at.col, path, msg}.Error())
}

// spec reads a workload: defaults, the document over them, then what the suite
// and the flags say; and then looks at how it all goes together.
func (r *reader) spec(v value) *Spec {
	s := Default()
	r.read(r.root, v, &s)
	for _, o := range r.opt.Override {
		at := place{file: o.Origin}
		if val, err := fromGo(at, o.Value); err != nil {
			r.fail(at, o.Path, "%v", err)
		} else {
			r.override(&s, o.Path, val)
			r.pin(&s, o.Path, at)
		}
	}
	r.flags(&s)
	r.widen(&s)
	if _, ok := r.written["name"]; !ok && !r.bad["name"] {
		r.fail(r.start, "name", "is missing; write a name such as my-workload")
	}
	if _, ok := r.written["consume.commit.mark.every"]; !ok {
		s.Consume.Commit.Mark.Every = markEvery(s.Consume.Commit.Every)
	}
	for i := range s.Churn {
		s.Churn[i].complete()
	}
	// The timeline says how long is measured, unless its author wants more.
	if _, ok := r.written["phases.measure"]; !ok && len(s.Churn) > 0 {
		s.Phases.Measure = 0
	}
	r.consider(&s)
	return &s
}

// read puts v into the field at n, or into the fields of the section at n.
func (r *reader) read(n *node, v value, s *Spec) {
	if v.kind == brokenValue {
		r.spoil(n)
		return
	}
	if n.kind != nil {
		before := len(r.problems)
		if v.kind == nothing {
			r.fail(v.at, n.path, "has no value; write one, or leave the field out")
		} else {
			n.kind.read(r, n.path, v, pointer(s, n.path))
		}
		r.written[n.path] = v.at
		r.bad[n.path] = len(r.problems) > before
		return
	}
	if v.kind != mapValue {
		r.fail(v.at, n.path, "%v is not a section; write its fields: %s", v, strings.Join(n.keys(), ", "))
		r.spoil(n)
		return
	}
	first := map[string]place{}
	for _, e := range v.entries {
		path := strings.TrimPrefix(n.path+"."+e.key, ".")
		f := n.field(e.key)
		if at, twice := first[e.key]; twice {
			r.fail(e.at, path, "is written twice, first on line %d; remove one", at.line)
			continue
		}
		first[e.key] = e.at
		switch {
		case f != nil:
			r.read(f, e.val, s)
		case e.val.kind == brokenValue && e.key == "":
		default:
			r.unknown(n, e.at, path, e.key)
		}
	}
}

// spoil notes that nothing is known about what its author wrote below n.
func (r *reader) spoil(n *node) {
	for _, l := range n.leaves() {
		r.bad[l.path] = true
	}
}

// unknown reports a field that does not exist and names the one that was meant.
func (r *reader) unknown(n *node, at place, path, key string) {
	if near := nearest(key, n.keys()); near != "" {
		r.fail(at, path, "is not a field; did you mean %s?", near)
		return
	}
	for _, l := range r.root.leaves() {
		if l.key() == key {
			r.fail(at, path, "is not a field; did you mean %s?", l.path)
			return
		}
	}
	where := "a workload"
	if n.path != "" {
		where = n.path
	}
	r.fail(at, path, "is not a field; %s has %s", where, strings.Join(n.keys(), ", "))
}

// override reads one value that stands outside the document.
func (r *reader) override(s *Spec, path string, v value) {
	if r.overrideEntry(s, path, v) {
		return
	}
	n := r.root.find(path)
	if n == nil {
		r.fail(v.at, path, "is not the path of a field; %s", r.suggest(path))
		return
	}
	r.read(n, v, s)
}

// flags reads the --set flags into s.
func (r *reader) flags(s *Spec) {
	for _, arg := range r.opt.Set {
		at := place{file: "--set " + arg}
		path, val, ok := strings.Cut(arg, "=")
		if path = strings.TrimSpace(path); !ok || path == "" {
			r.fail(at, "", "this is not path=value; write it like --set group.session=6s")
			continue
		}
		v := r.fromYAML(at.file, path, []byte(val))
		if v.kind == nothing {
			v = value{at: at, kind: textValue}
		}
		r.override(s, path, v)
		r.pin(s, path, at)
	}
}

// suite reads a suite. What it sets in its workloads is read against the fields
// here, where it has a position, and takes effect when they are loaded.
func (r *reader) suite(v value) *Suite {
	s := &Suite{}
	seen := map[string]place{}
	for _, e := range v.entries {
		if at, twice := seen[e.key]; twice {
			r.fail(e.at, e.key, "is written twice, first on line %d; remove one", at.line)
			continue
		}
		seen[e.key] = e.at
		switch e.key {
		case "name":
			r.part(e.key, e.val, name(), &s.Name)
		case "about":
			r.part(e.key, e.val, text(2000), &s.About)
		case "include":
			s.Include = r.includes(e.val)
		default:
			if r.root.field(e.key) != nil {
				r.fail(e.at, e.key, "is a field of a workload, not of a suite; write it under set of an include")
			} else {
				r.fail(e.at, e.key, "is not a field of a suite; it has name, about and include")
			}
		}
	}
	if _, ok := seen["name"]; !ok {
		r.fail(r.start, "name", "is missing; write a name such as my-suite")
	}
	scratch := Default()
	scratch.Churn = make([]ChurnEntry, maxEntries) // which entries there are, its workloads know
	r.flags(&scratch)
	return s
}

// part reads a value that stands outside of a Spec.
func (r *reader) part(path string, v value, k kind, dst any) {
	if v.kind != brokenValue {
		k.read(r, path, v, dst)
	}
}

func (r *reader) includes(v value) []Include {
	if v.kind == brokenValue {
		return nil
	}
	if v.kind != listValue || len(v.list) == 0 {
		r.fail(v.at, "include", "%v is not a list of workloads; write [{workload: produce-max}, ...]", v)
		return nil
	}
	var list []Include
	for i, item := range v.list {
		path := fmt.Sprintf("include[%d]", i)
		if item.kind == brokenValue {
			continue
		}
		if item.kind != mapValue {
			r.fail(item.at, path, "%v is not a mapping; write {workload: produce-max, set: {...}}", item)
			continue
		}
		list = append(list, r.include(path, item))
	}
	return list
}

func (r *reader) include(path string, item value) Include {
	var in Include
	named := false
	for _, e := range item.entries {
		at := path + "." + e.key
		switch e.key {
		case "workload":
			if named {
				r.fail(e.at, at, "is written twice; write another include")
			}
			named = true
			if e.val.kind != brokenValue && (e.val.kind != textValue || e.val.text == "") {
				r.fail(e.val.at, at, "%v does not name a workload; write a name of the catalogue or a file", e.val)
			}
			in.Workload = e.val.text
		case "set":
			if in.Set != nil {
				r.fail(e.at, at, "is written twice; write all overrides in one")
			}
			in.Set = r.sets(at, e.val)
		default:
			r.fail(e.at, at, "is not a field of an include; it has workload and set")
		}
	}
	if !named {
		r.fail(item.at, path, "has no workload; write the name of one, such as workload: produce-max")
	}
	return in
}

// sets reads the overrides of an include against a scratch workload, for their
// problems, and keeps the values as written.
func (r *reader) sets(path string, v value) map[string]any {
	if v.kind == brokenValue {
		return nil
	}
	if v.kind != mapValue {
		r.fail(v.at, path, "%v is not a mapping; write one like {phases.measure: 3s}", v)
		return nil
	}
	scratch := Default()
	out := make(map[string]any, len(v.entries))
	for _, e := range v.entries {
		at := path + "." + e.key
		n := r.root.find(e.key)
		_, twice := out[e.key]
		switch {
		case twice:
			r.fail(e.at, at, "is written twice; remove one")
		case n == nil && strings.HasPrefix(e.key, "churn."):
			r.fail(e.at, at, "a suite cannot change a part of a timeline; write churn as a whole")
		case n == nil:
			r.fail(e.at, at, "is not the path of a field; %s", r.suggest(e.key))
		default:
			r.read(n, e.val, &scratch)
		}
		out[e.key] = e.val.plain()
	}
	return out
}
