package workloads

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/kbench/kbench/workloads/acts"
	"github.com/kbench/kbench/workloads/reader"
)

// maxEntries bounds the timeline; a longer one is generated, not meant.
const maxEntries = 100

// Acts are the acts that the timeline asks for, each once, in the order of its
// entries.
func (s *Spec) Acts() []acts.Act {
	var out []acts.Act
	for i := range s.Churn {
		for _, a := range s.Churn[i].Acts() {
			if !slices.Contains(out, a) {
				out = append(out, a)
			}
		}
	}
	return out
}

// Reopens says whether the timeline has a member close its client and open a new one in
// its process.
func (s *Spec) Reopens() bool {
	return slices.ContainsFunc(s.Acts(), func(a acts.Act) bool { return a.Within })
}

// turn is what an entry does each time.
func (e *ChurnEntry) turn() []string {
	if e.Do != "" {
		return []string{e.Do}
	}
	return e.Cycle
}

// Acts are the acts of its turn.
func (e *ChurnEntry) Acts() []acts.Act {
	var out []acts.Act
	for _, name := range e.turn() {
		out = append(out, acts.Of(acts.Kind(name)))
	}
	return out
}

// has reports whether any of the entry's acts has the field. What a cycle does
// can be undone as a whole, whatever it is made of.
func (e *ChurnEntry) has(key string) bool {
	return key == "restore" && len(e.Cycle) > 0 || slices.ContainsFunc(e.Acts(), func(a acts.Act) bool { return a.Has(key) })
}

// entryFields describes an entry of churn.
var entryFields = sync.OnceValue(func() *reader.Field {
	return reader.Fields[ChurnEntry]("One line of the timeline.", map[string]reader.Kind{
		"act":         reader.Word(acts.Names()...),
		"acts":        sequence(acts.Singles()),
		"phase":       phase(),
		"target-node": node(CoordinatorNode, LeaderNode, FollowerNode, ControllerNode, AnyNode, AllNodes),
		"settings":    settings(),
		"request":     reader.Word(requests()...),
		"error":       reader.Word(errorNames()...),
		"rate":        rate(),
		"classic":     reader.Words(reader.WordSchema(classicAssignors()), oneOf(classicAssignors())),
	})
})

// timeline is the kind of churn: a list of entries.
func timeline() reader.Kind {
	fields := entryFields()
	return reader.Kind{
		Schema: object{"type": "array", "maxItems": maxEntries,
			"items": fields.Schema(nil)},
		Read: func(r *reader.Reader, path string, v reader.Value, dst any) {
			if got, ok := readEntries(r, path, v); ok {
				*dst.(*[]ChurnEntry) = got
			}
		},
	}
}

func readEntries(r *reader.Reader, path string, v reader.Value) ([]ChurnEntry, bool) {
	if v.Kind != reader.List {
		r.Fail(v.At, path, "%v is not a list; write one like [{do: crash, when: stable}]", v)
		return nil, false
	}
	if len(v.List) > maxEntries {
		r.Fail(v.At, path, "it has %d entries; write at most %d, with times for what repeats", len(v.List), maxEntries)
		return nil, false
	}
	// What an earlier timeline had where no longer matters.
	stale := func(p string) bool { return strings.HasPrefix(p, path+"[") }
	maps.DeleteFunc(r.Written, func(p string, _ reader.Place) bool { return stale(p) })
	maps.DeleteFunc(r.Bad, func(p string, _ bool) bool { return stale(p) })
	var list []ChurnEntry
	for i, item := range v.List {
		list = append(list, readEntry(r, fmt.Sprintf("%s[%d]", path, i), item))
	}
	return list, true
}

func readEntry(r *reader.Reader, path string, v reader.Value) (e ChurnEntry) {
	r.Note(path, v.At, v.Kind == reader.Broken)
	if v.Kind == reader.Broken {
		return e
	}
	if v.Kind != reader.Mapping {
		r.Fail(v.At, path, "%v is not an entry; write one like {do: crash, when: stable}", v)
		r.Note(path, v.At, true)
		return e
	}
	fields := entryFields()
	for f := range r.Once(path, v) {
		at := path + "." + f.Key
		if n := fields.Field(f.Key); n != nil {
			readEntryField(r, at, n, f.Val, &e)
			continue
		}
		// It was meant to be some other field, so that nothing can be said of the
		// entry as a whole.
		r.Note(path, v.At, true)
		if near := reader.Nearest(f.Key, fields.Keys()); near != "" {
			r.Fail(f.At, at, "is not a field; did you mean %s?", near)
		} else if f.Key != "" || f.Val.Kind != reader.Broken {
			r.Fail(f.At, at, "is not a field; an entry has %s", strings.Join(fields.Keys(), ", "))
		}
	}
	return e
}

func readEntryField(r *reader.Reader, path string, n *reader.Field, v reader.Value, e *ChurnEntry) {
	if v.Kind == reader.Broken {
		r.Note(path, v.At, true)
		return
	}
	r.Leaf(path, n, v, e)
}

// overrideEntry reads a value for one field of one entry, as in
// --set churn.0.times=3; false where path is not of that form.
func (r *parser) overrideEntry(s *Spec, path string, v reader.Value) bool {
	rest, ok := strings.CutPrefix(path, "churn.")
	if !ok {
		return false
	}
	number, key, _ := strings.Cut(rest, ".")
	i, err := strconv.Atoi(number)
	fields := entryFields()
	f := fields.Field(key)
	switch {
	case err != nil || i < 0 || key == "":
		r.Fail(v.At, path, "is not the path of a field; write one like churn.0.times, or churn for the whole list")
	case i >= len(s.Churn):
		r.Fail(v.At, path, "there is no entry %d; the timeline has %d, counted from 0", i, len(s.Churn))
	case f == nil && reader.Nearest(key, fields.Keys()) != "":
		r.Fail(v.At, path, "is not a field; did you mean churn.%d.%s?", i, reader.Nearest(key, fields.Keys()))
	case f == nil:
		r.Fail(v.At, path, "is not a field; an entry has %s", strings.Join(fields.Keys(), ", "))
	default:
		s.Churn = slices.Clone(s.Churn) // copies of a Spec share their lists
		readEntryField(r.Reader, fmt.Sprintf("churn[%d].%s", i, key), f, v, &s.Churn[i])
	}
	return true
}

// sequence is a list of words that may occur more than once.
func sequence(known []string) reader.Kind {
	return reader.Kind{
		Schema: object{"type": "array", "minItems": 1, "maxItems": maxEntries, "items": reader.WordSchema(known)},
		Read: func(r *reader.Reader, path string, v reader.Value, dst any) {
			if v.Kind != reader.List || len(v.List) == 0 {
				r.Fail(v.At, path, "%v is not a list of acts; write one like [join, leave]", v)
				return
			}
			if !reader.Few(r, path, v, maxEntries) {
				return
			}
			var out []string
			for i, item := range v.List {
				var one string
				if reader.Take(r, fmt.Sprintf("%s[%d]", path, i), item, func(v reader.Value) (string, string) { return reader.ParseWord(v, known) }, &one) {
					out = append(out, one)
				}
			}
			*dst.(*[]string) = out
		},
	}
}

// phase is the kind of churn[].phase: a word, or a fraction of the interval.
func phase() reader.Kind {
	known := []string{"random", "best", "worst"}
	return reader.Scalar(object{"anyOf": []any{reader.WordSchema(known), object{"type": "number", "minimum": 0, "maximum": 1}}},
		func(v reader.Value) (string, string) {
			if v.Kind != reader.Number {
				got, wrong := reader.ParseWord(v, known)
				if wrong != "" {
					wrong += ", or a number from 0 to 1"
				}
				return got, wrong
			}
			x, wrong := reader.ParseNumber(v, 0, 1)
			if wrong != "" {
				return "", wrong
			}
			return strconv.FormatFloat(x, 'g', -1, 64), ""
		})
}

// settings is the kind of churn[].with. The values are read as the fields they
// are for and kept as they were written, as those of a matrix are.
func settings() reader.Kind {
	return reader.Kind{
		Schema: object{"type": "object"},
		Read: func(r *reader.Reader, path string, v reader.Value, dst any) {
			if v.Kind != reader.Mapping {
				r.Fail(v.At, path, "%v is not a mapping; write one like {group.session: 6s}", v)
				return
			}
			out := map[string]any{}
			var scratch Spec
			for _, e := range v.Entries {
				at := path + "." + e.Key
				n := r.Root.Find(e.Key)
				if n == nil { // fields of the link may be written as they are called in it
					n = r.Root.Find(linkPath + e.Key)
				}
				if n != nil {
					e.Key = n.Path
				}
				_, twice := out[e.Key]
				switch {
				case e.Val.Kind == reader.Broken:
				case twice:
					r.Fail(e.At, at, "is written twice; remove one")
				case n == nil:
					r.Fail(e.At, at, "is not the path of a field; %s", r.Suggest(e.Key))
				case !ofMember(n):
					r.Fail(e.At, at, "is not a setting of one member; write fields below consume, group or link, such as group.session")
				default:
					n.Kind.Read(r, at, e.Val, n.In(&scratch))
					out[e.Key] = e.Val.Plain()
				}
			}
			*dst.(*map[string]any) = out
		},
	}
}

// ofMember reports whether members of a group can differ in a field.
func ofMember(n *reader.Field) bool {
	section, _, _ := strings.Cut(n.Path, ".")
	return n.Kind != nil && (section == "group" || section == "link" && n.Path != "link.on" && n.Path != "link.members" || section == "consume" && n.Path != "consume.members" && n.Path != "consume.backlog")
}
