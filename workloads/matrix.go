package workloads

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/kbench/kbench/workloads/reader"
)

// Matrix is what varies between the arms of a workload: fields by path, with
// the values that each takes. A mapping stands for every combination of its
// values, and several mappings for those of each, so that values which go
// together can be kept together: an assignor belongs to one protocol.
type Matrix []map[string][]any

// MarshalJSON writes a matrix as its author would: one mapping as such, several
// as a list.
func (m Matrix) MarshalJSON() ([]byte, error) {
	if len(m) == 1 {
		return json.Marshal(m[0])
	}
	return json.Marshal([]map[string][]any(m))
}

// UnmarshalJSON reads both.
func (m *Matrix) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]map[string][]any)(m))
	}
	*m = Matrix{nil}
	return json.Unmarshal(b, &(*m)[0])
}

// count is the number of cells; 1 without any mapping.
func (m Matrix) count() int {
	if len(m) == 0 {
		return 1
	}
	sum := 0
	for _, block := range m {
		n := 1
		for _, values := range block {
			n = min(n*len(values), maxCells+1)
		}
		sum += n
	}
	return sum
}

// maxCells is more arms than anyone would wait for.
const maxCells = 1000

// Cells yields the cells, mapping by mapping, and in each every combination of its
// values, by path in alphabetical order, the last one changing fastest. Without any
// mapping there is one empty cell.
func (m Matrix) Cells() iter.Seq[map[string]any] {
	return func(yield func(map[string]any) bool) {
		if len(m) == 0 {
			yield(map[string]any{})
			return
		}
		for _, block := range m {
			paths := slices.Sorted(maps.Keys(block))
			for i := range (Matrix{block}).count() {
				cell := map[string]any{}
				for _, path := range slices.Backward(paths) {
					values := block[path]
					cell[path] = values[i%len(values)]
					i /= len(values)
				}
				if !yield(cell) {
					return
				}
			}
		}
	}
}

// without is the matrix in which a field does not vary any more.
func (m Matrix) without(path string) Matrix {
	var out Matrix
	varies := false
	for _, block := range m {
		left := maps.Clone(block)
		delete(left, path)
		varies = varies || len(left) > 0
		if !slices.ContainsFunc(out, func(b map[string][]any) bool { return reflect.DeepEqual(b, left) }) {
			out = append(out, left)
		}
	}
	if !varies {
		return nil
	}
	return out
}

// matrix is the kind of matrix. Its values are read as the fields they are for,
// so that a slip in one is found before anything starts, but they are kept as
// they were written: they also name the arms.
func matrix() reader.Kind {
	block := object{"type": "object", "additionalProperties": object{"type": "array", "minItems": 1}}
	return reader.Kind{
		Schema: object{"anyOf": []object{block, {"type": "array", "minItems": 1, "items": block}}},
		Read: func(r *reader.Reader, path string, v reader.Value, dst any) {
			blocks, at := []reader.Value{v}, func(int) string { return path }
			if v.Kind == reader.List && len(v.List) > 0 {
				blocks, at = v.List, func(i int) string { return fmt.Sprintf("%s[%d]", path, i) }
			}
			var out Matrix
			for i, b := range blocks {
				if block := readBlock(r, at(i), b); len(block) > 0 {
					out = append(out, block)
				} else if len(blocks) > 1 && b.Kind == reader.Mapping && len(b.Entries) == 0 {
					r.Fail(b.At, at(i), "it is empty; write what varies, or remove it")
				}
			}
			*dst.(*Matrix) = out
		},
	}
}

// block reads one mapping of a matrix.
func readBlock(r *reader.Reader, path string, v reader.Value) map[string][]any {
	if v.Kind == reader.Broken {
		return nil
	}
	if v.Kind != reader.Mapping {
		r.Fail(v.At, path, "%v is not a mapping; write one like {group.assignors: [[range], [cooperative-sticky]]}", v)
		return nil
	}
	out := map[string][]any{}
	for _, e := range v.Entries {
		if _, twice := out[e.Key]; twice {
			r.Fail(e.At, path+"."+e.Key, "is written twice; write all of its values in one list")
			continue
		}
		if cells := readCells(r, path, e); len(cells) > 0 {
			out[e.Key] = cells
		}
	}
	return out
}

// cells reads the values of one row of the matrix.
func readCells(r *reader.Reader, path string, e reader.Entry) []any {
	at := path + "." + e.Key
	n := r.Root.Find(e.Key)
	switch {
	case n == nil:
		r.Fail(e.At, at, "is not the path of a field; %s", r.Suggest(e.Key))
		return nil
	case n.Kind == nil:
		r.Fail(e.At, at, "is a section; write the path of one of its fields, such as %s", n.Leaves()[0].Path)
		return nil
	case n.Whole():
		r.Fail(e.At, at, "cannot differ between arms; write a workload for each value")
		return nil
	case e.Val.Kind == reader.Broken:
		return nil
	case e.Val.Kind != reader.List || len(e.Val.List) == 0:
		r.Fail(e.Val.At, at, "%v is not a list of values; write the values to compare, such as [a, b]", e.Val)
		return nil
	}
	var cells []any
	var scratch Spec
	for i, v := range e.Val.List {
		before := len(r.Problems)
		if v.Kind != reader.Broken {
			n.Kind.Read(r, fmt.Sprintf("%s[%d]", at, i), v, n.In(&scratch))
		}
		plain := v.Plain()
		if len(r.Problems) == before && slices.ContainsFunc(cells, func(c any) bool { return reflect.DeepEqual(c, plain) }) {
			r.Fail(v.At, fmt.Sprintf("%s[%d]", at, i), "%v stands in the list twice; remove one", v)
		}
		cells = append(cells, plain)
	}
	return cells
}

// pin takes fields that an override at a place has set out of both matrices:
// else every arm would have another value than the one that was asked for.
func (r *parser) pin(s *Spec, path string, at reader.Place) {
	n := r.Root.Find(path)
	if n == nil {
		return
	}
	for _, l := range n.Leaves() {
		if w, ok := r.Written[l.Path]; ok && w.File == at.File {
			s.Matrix, s.Full = s.Matrix.without(l.Path), s.Full.without(l.Path)
		}
	}
}

// widen puts the full matrix in the place of the other where that is asked for.
func (r *parser) widen(s *Spec) {
	if !r.opt.Full {
		return
	}
	if _, ok := r.Written["full"]; !ok {
		r.Fail(reader.Place{File: "--full"}, "", "the workload %s has no full matrix; leave the flag out, or copy the workload and write one, such as full: {group.assignors: [[range], [sticky]]}", s.Name)
		return
	}
	s.Matrix, s.Full = s.Full, nil
}

// considerMatrices looks at the matrix, and at the full one. What an override
// breaks in the latter matters only where it is used; a slip of the document's
// own is always found.
func (r *parser) considerMatrices(s *Spec) {
	field := "matrix"
	if r.opt.Full {
		field = "full"
	}
	if !r.Bad[field] {
		r.considerCells(s, field, s.Matrix)
	}
	if !r.Bad["full"] && len(r.opt.Override)+len(r.opt.Set) == 0 {
		r.considerCells(s, "full", s.Full)
	}
}

// considerCells looks at the workload of every cell of a matrix, so that a
// combination that makes no sense is found before the first trial.
func (r *parser) considerCells(s *Spec, field string, m Matrix) {
	at, ok := r.Written[field]
	if !ok {
		at = r.Start
	}
	if m.count() > maxCells {
		r.Fail(at, field, "it has more than %d cells; write fewer, or several workloads", maxCells)
		return
	}
	known := map[string]bool{}
	for _, f := range contradictions(s) {
		known[f.msg] = true
	}
	var seen []Spec
	var cells []map[string]any
	for cell := range m.Cells() {
		c := *s
		c.Matrix, c.Full = nil, nil
		for _, path := range slices.Sorted(maps.Keys(cell)) {
			if err := c.Apply(path, cell[path]); err != nil {
				r.Fail(at, field, "%v", err)
				return
			}
		}
		if i := slices.IndexFunc(seen, func(o Spec) bool { return reflect.DeepEqual(o, c) }); i >= 0 {
			r.Fail(at, field, "the cells %s and %s are the same; remove one", showCell(cells[i]), showCell(cell))
			return
		}
		seen, cells = append(seen, c), append(cells, cell)
		for _, f := range contradictions(&c) {
			bad := slices.ContainsFunc(f.paths, func(p string) bool { return r.Bad[p] })
			if f.warning || known[f.msg] || bad {
				continue
			}
			known[f.msg] = true
			r.Fail(at, field, "in the cell %s: %s%s", showCell(cell), f.msg, r.pinning(f, cell))
		}
	}
}

// pinning ends a message about a cell that only a flag has made impossible.
func (r *parser) pinning(f finding, cell map[string]any) string {
	flag := func(p string) bool { return strings.HasPrefix(r.Written[p].File, "--set ") }
	if !slices.ContainsFunc(f.paths, flag) {
		return ""
	}
	for _, p := range f.paths {
		if _, varies := cell[p]; varies {
			return fmt.Sprintf("; --set %s=... puts one value in the place of those of the matrix", p)
		}
	}
	return ""
}

func showCell(cell map[string]any) string {
	if len(cell) == 0 {
		return "without a change"
	}
	parts := []string{}
	for _, path := range slices.Sorted(maps.Keys(cell)) {
		parts = append(parts, fmt.Sprintf("%s=%v", path, cell[path]))
	}
	return strings.Join(parts, " ")
}
