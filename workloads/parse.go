package workloads

import (
	"slices"
	"sync"

	"github.com/kbench/kbench/workloads/reader"
)

// Errors are all the problems of a document.
type Errors = reader.Errors

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
	// CheckGate, CheckFigure and CheckNeed report what is wrong with a gate, with an
	// entry of compare and with a name in needs, as "what is wrong; what would be
	// right". All three belong to other packages; where a function is nil any text passes.
	CheckGate   func(expr string) error
	CheckFigure func(entry string) error
	CheckNeed   func(key string) error
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
	r := newParser(reader.Place{File: name, Line: 1, Col: 1}, opt)
	r.Check = map[string]func(string) error{"gate": opt.CheckGate, "figure": opt.CheckFigure, "need": opt.CheckNeed}
	v := r.FromYAML(name, "", src)
	doc := &Document{}
	switch {
	case v.Kind == reader.Broken:
	case v.Kind == reader.Nothing:
		r.Fail(v.At, "", "the document is empty; write a workload, at least its name")
	case v.Kind != reader.Mapping:
		r.Fail(v.At, "", "%v is not a document; write fields, such as name: my-workload", v)
	case slices.ContainsFunc(v.Entries, func(e reader.Entry) bool { return e.Key == "include" }):
		doc.Suite = r.suite(v)
	default:
		doc.Spec = r.spec(v)
	}
	if len(r.Problems) > 0 {
		return nil, r.Problems.Sorted()
	}
	doc.Warnings = r.Warnings
	return doc, nil
}

// document describes a workload, by the tags of Spec.
var document = sync.OnceValue(func() *reader.Field {
	return reader.Fields[Spec]("A kbench workload: which work the clients do.", kinds())
})

// A parser reads one workload or suite.
type parser struct {
	*reader.Reader
	opt Options
}

func newParser(start reader.Place, opt Options) *parser {
	r := reader.New(document(), start)
	r.Hints = reader.Hints{Called: "a workload", Path: "group.session", Value: "6s", Several: "write a suite to run several"}
	return &parser{r, opt}
}

// spec reads a workload: defaults, the document over them, then what the suite
// and the flags say; and then looks at how it all goes together.
func (r *parser) spec(v reader.Value) *Spec {
	s := Default()
	r.Read(r.Root, v, &s)
	for _, o := range r.opt.Override {
		at := reader.Place{File: o.Origin}
		if val, err := reader.FromGo(at, o.Value); err != nil {
			r.Fail(at, o.Path, "%v", err)
		} else {
			r.override(&s, o.Path, val)
			r.pin(&s, o.Path, at)
		}
	}
	r.flags(&s)
	r.widen(&s)
	if _, ok := r.Written["name"]; !ok && !r.Bad["name"] {
		r.Fail(r.Start, "name", "is missing; write a name such as my-workload")
	}
	if _, ok := r.Written["consume.commit.mark.every"]; !ok {
		s.Consume.Commit.Mark.Every = markEvery(s.Consume.Commit.Every)
	}
	for i := range s.Churn {
		s.Churn[i].complete()
	}
	// The timeline says how long is measured, unless its author wants more.
	if _, ok := r.Written["phases.measure"]; !ok && len(s.Churn) > 0 {
		s.Phases.Measure = 0
	}
	r.consider(&s)
	return &s
}

// override reads one value that stands outside the document.
func (r *parser) override(s *Spec, path string, v reader.Value) {
	if r.overrideEntry(s, path, v) {
		return
	}
	n := r.Root.Find(path)
	if n == nil {
		r.Fail(v.At, path, "is not the path of a field; %s", r.Suggest(path))
		return
	}
	r.Read(n, v, s)
}

// flags reads the --set flags into s.
func (r *parser) flags(s *Spec) {
	seen := map[string]string{}
	for _, arg := range r.opt.Set {
		if path, v, ok := r.Flag(arg); ok {
			if first, twice := seen[path]; twice {
				r.Fail(v.At, path, "is set twice, first by --set %s; leave one out", first)
				continue
			}
			seen[path] = arg
			r.override(s, path, v)
			r.pin(s, path, v.At)
		}
	}
}
