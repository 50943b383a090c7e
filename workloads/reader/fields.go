package reader

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Field is one of a document: a leaf that is written as its kind says, or a
// section with fields of its own.
type Field struct {
	Path    string // from the top
	Doc     string
	Kind    *Kind    // nil: a section
	Default Value    // Nothing: the zero value
	Fields  []*Field // of a section
	index   []int    // in the struct that the document is read into
}

// Fields describes the document that is read into a T, by the tags of its fields:
//
//	Linger time.Duration `json:"linger" is:"0s to 1m" default:"5ms" doc:"How long a batch waits."`
//
// json has the name. doc is the meaning, a sentence. default is written as in a
// document. A field of a struct type without an "is" is a section; else "is" says
// how the field is written, by its type:
//
//	int            "1 to 100", or "bytes 1 to 64KiB"
//	float64        "0 to 1"
//	time.Duration  "0s to 1m"
//	string         its words, as in "all leader none", or "text 2000", which are bytes
//	bool           nothing
//	*T             what it says for T; nil where nothing is written
//
// What else a field may be is in own, by the word of its "is". A tag that is none
// of this is a mistake in the program, and a panic.
func Fields[T any](doc string, own map[string]Kind) *Field {
	top := &Field{Doc: doc}
	top.describe(reflect.TypeFor[T](), own)
	return top
}

// describe adds the fields of a struct.
func (f *Field) describe(t reflect.Type, own map[string]Kind) {
	for i := range t.NumField() {
		sf := t.Field(i)
		name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
		is, leaf := sf.Tag.Lookup("is")
		n := &Field{Path: strings.TrimPrefix(f.Path+"."+name, "."), Doc: sf.Tag.Get("doc"), index: append(slices.Clone(f.index), i)}
		f.Fields = append(f.Fields, n)
		if sf.Type.Kind() == reflect.Struct && !leaf {
			n.describe(sf.Type, own)
			continue
		}
		k, err := kindOf(sf.Type, is, own)
		if err != nil {
			panic(fmt.Sprintf("reader: field %s: %v", n.Path, err))
		}
		n.Kind = &k
		if text, ok := sf.Tag.Lookup("default"); ok {
			n.Default = (&Reader{}).FromYAML(n.Path, n.Path, []byte(text))
		}
	}
}

// kindOf is the kind of a field by its type and what it is said to be.
func kindOf(t reflect.Type, is string, own map[string]Kind) (Kind, error) {
	if k, ok := own[is]; ok {
		return k, nil
	}
	if t.Kind() == reflect.Pointer {
		k, err := kindOf(t.Elem(), is, own)
		return maybe(k), err
	}
	rest, isBytes := strings.CutPrefix(is, "bytes ")
	low, high, _ := strings.Cut(rest, " to ")
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return bounded(duration, low, high, time.ParseDuration)
	case t.Kind() == reflect.Int && isBytes:
		return bounded(byteCount, low, high, func(s string) (int, error) {
			n, wrong := ParseBytes((&Reader{}).FromYAML(is, is, []byte(s)), 0, 1<<40)
			if wrong != "" {
				return 0, errors.New(wrong)
			}
			return n, nil
		})
	case t.Kind() == reflect.Int:
		return bounded(integer, low, high, func(s string) (int, error) {
			n, err := strconv.ParseInt(s, 0, 64)
			return int(n), err
		})
	case t.Kind() == reflect.Float64:
		return bounded(fraction, low, high, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case t.Kind() == reflect.Bool:
		return truth(), nil
	case t.Kind() == reflect.String:
		return wordOrText(is)
	default:
		return Kind{}, fmt.Errorf("nobody knows how a %s that is %q is written", t, is)
	}
}

func bounded[T any](kind func(low, high T) Kind, low, high string, parse func(string) (T, error)) (Kind, error) {
	l, err := parse(low)
	if err != nil {
		return Kind{}, err
	}
	h, err := parse(high)
	return kind(l, h), err
}

func wordOrText(is string) (Kind, error) {
	long, isText := strings.CutPrefix(is, "text ")
	switch {
	case isText:
		n, err := strconv.Atoi(long)
		return text(n), err
	case is == "":
		return Kind{}, errors.New("it is not said which words it may be")
	default:
		return Word(strings.Fields(is)...), nil
	}
}

// Key is the last part of the path: the field's name in its section.
func (f *Field) Key() string { return f.Path[strings.LastIndexByte(f.Path, '.')+1:] }

// Keys are the names of the fields of a section.
func (f *Field) Keys() []string {
	var keys []string
	for _, n := range f.Fields {
		keys = append(keys, n.Key())
	}
	return keys
}

// Field finds a field of a section by its name.
func (f *Field) Field(key string) *Field {
	for _, n := range f.Fields {
		if n.Key() == key {
			return n
		}
	}
	return nil
}

// Find finds a field by its path from f, the top.
func (f *Field) Find(path string) *Field {
	for key := range strings.SplitSeq(path, ".") {
		if f = f.Field(key); f == nil {
			return nil
		}
	}
	return f
}

// Leaves returns every leaf below f, in the order of the document.
func (f *Field) Leaves() []*Field {
	if f.Kind != nil {
		return []*Field{f}
	}
	var all []*Field
	for _, n := range f.Fields {
		all = append(all, n.Leaves()...)
	}
	return all
}

// Whole says whether the field describes the document as a whole: such fields
// stand at its top.
func (f *Field) Whole() bool { return f.Kind != nil && !strings.Contains(f.Path, ".") }

// In is a pointer to the field in a document, itself given by a pointer.
func (f *Field) In(document any) any {
	return reflect.ValueOf(document).Elem().FieldByIndex(f.index).Addr().Interface()
}

// Fill sets every field of a document to its default.
func (f *Field) Fill(document any) {
	r := &Reader{}
	for _, l := range f.Leaves() {
		if l.Default.Kind != Nothing {
			l.Kind.Read(r, l.Path, l.Default, l.In(document))
		}
	}
	if len(r.Problems) > 0 {
		panic(fmt.Sprintf("reader: defaults: %v", r.Problems)) // a mistake in a tag
	}
}
