package workloads

import (
	"errors"
	"reflect"
	"slices"

	"github.com/kbench/kbench/workloads/reader"
)

// Apply sets the field at path, as one cell of a matrix or one entry of a
// suite's set does. value has the form that it has in a document: "6s", not a
// number of nanoseconds. Only the field itself is checked: call Validate when
// all fields are set.
func (s *Spec) Apply(path string, value any) error {
	r := newParser(reader.Place{}, Options{})
	v, err := reader.FromGo(reader.Place{File: "override"}, value)
	if err != nil {
		return Errors{{File: "override", Path: path, Msg: err.Error()}}
	}
	next := *s
	r.override(&next, path, v)
	if len(r.Problems) > 0 {
		return r.Problems
	}
	// A default that follows another field goes on following it.
	mark := &next.Consume.Commit.Mark.Every
	if _, own := r.Written["consume.commit.mark.every"]; !own && *mark == markEvery(s.Consume.Commit.Every) {
		*mark = markEvery(next.Consume.Commit.Every)
	}
	*s = next
	return nil
}

// CheckField says what is wrong with a value for the field at path, and what would be
// right; empty for nothing. Flags of a name of their own are held to the same bounds
// thereby.
func CheckField(path string, value any) string {
	s := Default()
	var wrong Errors
	if errors.As(s.Apply(path, value), &wrong) {
		return wrong[0].Msg
	}
	return ""
}

// Validate reports what contradicts itself in a complete workload. Its full
// matrix is looked at when it takes the place of the other.
func (s *Spec) Validate() error {
	own := *s
	own.Full = nil
	r := newParser(reader.Place{File: "workload " + s.Name}, Options{})
	r.consider(&own)
	if len(r.Problems) > 0 {
		return r.Problems
	}
	return nil
}

// Value returns the field at path; nil where there is no such field. A list is the
// caller's own.
func (s *Spec) Value(path string) any {
	n := document().Find(path)
	if n == nil {
		return nil
	}
	v := reflect.ValueOf(n.In(s)).Elem().Interface()
	if list, ok := v.([]string); ok {
		return slices.Clone(list)
	}
	return v
}
