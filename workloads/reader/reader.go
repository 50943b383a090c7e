// Package reader reads strict YAML into a struct: every error at once, with its
// line and column and what would be right. It goes by a description of fields (how
// each is written, its default and its meaning) that is made of the tags of the
// struct, and the JSON Schema of a document is made of the same.
// What a document is about it does not know: that is package workloads.
package reader

import (
	"fmt"
	"slices"
	"strings"
)

// A Reader reads one document and gathers what is wrong with it.
type Reader struct {
	Root     *Field
	Start    Place
	Hints    Hints
	Secret   bool // what stands in the document is not to be told: scalars are texts, and messages do not quote them
	Problems Errors
	Warnings []string
	Written  map[string]Place // leaves that were written, and where
	Bad      map[string]bool  // leaves with a problem of their own

	// Check reports what is wrong with texts whose meaning is not the document's,
	// by what they are. Where there is none any text passes.
	Check map[string]func(text string) error
}

// Hints are what messages say of the document as a whole.
type Hints struct {
	Called  string // a document of this kind: "a workload"
	Path    string // of a field, as an example
	Value   string // that it may have
	Several string // how to have several documents: "write a suite to run several"
}

// New makes a reader of a document that begins at a place.
func New(root *Field, start Place) *Reader {
	return &Reader{Root: root, Start: start, Written: map[string]Place{}, Bad: map[string]bool{}}
}

// Fail notes a problem with the field at a path, or with the whole.
func (r *Reader) Fail(at Place, path, format string, args ...any) {
	r.Problems = append(r.Problems, Problem{at.File, at.Line, at.Col, path, fmt.Sprintf(format, args...)})
}

// Warn notes what does not stand in the way but should be known.
func (r *Reader) Warn(at Place, path, msg string) {
	r.Warnings = append(r.Warnings, Problem{at.File, at.Line, at.Col, path, msg}.Error())
}

// Note says that something was written at a path, and whether it is of no use.
func (r *Reader) Note(path string, at Place, bad bool) {
	r.Written[path] = at
	r.Bad[path] = bad
}

// Checked is what is wrong with a text, "" for nothing.
func (r *Reader) Checked(what, text string) string {
	check := r.Check[what]
	if check == nil {
		return ""
	}
	if err := check(text); err != nil {
		return err.Error()
	}
	return ""
}

// Read puts v into the field at n, or into the fields of the section at n, of a
// document.
func (r *Reader) Read(n *Field, v Value, document any) {
	if v.Kind == Broken {
		r.spoil(n)
		return
	}
	if n.Kind != nil {
		r.Leaf(n.Path, n, v, document)
		return
	}
	if v.Kind != Mapping {
		r.Fail(v.At, n.Path, "%v is not a section; write its fields: %s", v, strings.Join(n.Keys(), ", "))
		r.spoil(n)
		return
	}
	for e := range r.Once(n.Path, v) {
		path := strings.TrimPrefix(n.Path+"."+e.Key, ".")
		f := n.Field(e.Key)
		switch {
		case f != nil:
			r.Read(f, e.Val, document)
		case e.Val.Kind == Broken && e.Key == "":
		default:
			r.unknown(n, e.At, path, e.Key)
		}
	}
}

// Leaf puts v into the leaf at n, which is called path in messages.
func (r *Reader) Leaf(path string, n *Field, v Value, document any) {
	before := len(r.Problems)
	if v.Kind == Nothing {
		r.Fail(v.At, path, "has no value; write one, or leave the field out")
	} else {
		n.Kind.Read(r, path, v, n.In(document))
	}
	r.Note(path, v.At, len(r.Problems) > before)
}

// Once yields the fields of a mapping that stands at a path, and reports those
// that are written a second time.
func (r *Reader) Once(path string, v Value) func(yield func(Entry) bool) {
	return func(yield func(Entry) bool) {
		first := map[string]Place{}
		for _, e := range v.Entries {
			if at, twice := first[e.Key]; twice {
				r.Fail(e.At, strings.TrimPrefix(path+"."+e.Key, "."), "is written twice, first on line %d; remove one", at.Line)
				continue
			}
			first[e.Key] = e.At
			if !yield(e) {
				return
			}
		}
	}
}

// spoil notes that nothing is known about what its author wrote below n.
func (r *Reader) spoil(n *Field) {
	for _, l := range n.Leaves() {
		r.Bad[l.Path] = true
	}
}

// unknown reports a field that does not exist and names the one that was meant.
func (r *Reader) unknown(n *Field, at Place, path, key string) {
	if len(r.Problems) > shownProblems*5 { // which nobody reads
		r.Fail(at, path, "is not a field")
		return
	}
	if near := Nearest(key, n.Keys()); near != "" {
		r.Fail(at, path, "is not a field; did you mean %s?", near)
		return
	}
	for _, l := range r.Root.Leaves() {
		if l.Key() == key {
			r.Fail(at, path, "is not a field; did you mean %s?", l.Path)
			return
		}
	}
	where := r.Hints.Called
	if n.Path != "" {
		where = n.Path
	}
	r.Fail(at, path, "is not a field; %s has %s", where, strings.Join(n.Keys(), ", "))
}

// Suggest ends a message about an unknown path with the field that was meant:
// the nearest path, else the field of that name in another section.
func (r *Reader) Suggest(path string) string {
	var paths []string
	last := path[strings.LastIndexByte(path, '.')+1:]
	for _, n := range r.Root.Leaves() {
		paths = append(paths, n.Path)
	}
	if near := Nearest(path, paths); near != "" {
		return "did you mean " + near + "?"
	}
	for _, p := range paths {
		if strings.HasSuffix(p, "."+last) {
			return "did you mean " + p + "?"
		}
	}
	return "write a path such as " + r.Hints.Path
}

// Flag reads one "path=value" argument of --set.
func (r *Reader) Flag(arg string) (path string, v Value, ok bool) {
	at := Place{File: "--set " + arg}
	path, val, ok := strings.Cut(arg, "=")
	if path = strings.TrimSpace(path); !ok || path == "" {
		r.Fail(at, "", "this is not path=value; write it like --set %s=%s", r.Hints.Path, r.Hints.Value)
		return "", v, false
	}
	v = r.FromYAML(at.File, path, []byte(val))
	if v.Kind == Nothing {
		v = Value{At: at, Kind: Text}
	}
	return path, v, true
}

// Mapping reads a value that is written as a mapping with fixed keys, or
// reports what is in the way. Keys that are absent are reported as missing.
func (r *Reader) Mapping(path string, v Value, keys ...string) (map[string]Value, bool) {
	if v.Kind == Broken {
		return nil, false
	}
	shape := "{" + strings.Join(keys, ": ..., ") + ": ...}" // as a hint: {median: ..., sigma: ...}
	if v.Kind != Mapping {
		r.Fail(v.At, path, "%v is not a mapping; write %s", v, shape)
		return nil, false
	}
	got, ok := map[string]Value{}, true
	for _, e := range v.Entries {
		known := slices.Contains(keys, e.Key)
		if _, twice := got[e.Key]; !known || twice {
			what := "is not known here"
			if known {
				what = "is written twice"
			}
			r.Fail(e.At, path+"."+e.Key, "%s; write %s", what, shape)
			ok = false
			continue
		}
		got[e.Key] = e.Val
	}
	for _, k := range keys {
		if _, here := got[k]; !here && ok {
			r.Fail(v.At, path, "%s is missing; write %s", k, shape)
			ok = false
		}
	}
	return got, ok
}
