package workloads

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kbench/kbench/workloads/acts"
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

// entryTable is the table of the fields of an entry of churn. The order is that
// of ChurnEntry.
func entryTable() []*node {
	var fields []*node
	leaf := func(key string, k kind, doc string) {
		fields = append(fields, &node{path: key, kind: &k, doc: doc})
	}
	long := 7 * 24 * time.Hour
	leaf("do", word(acts.Names()...), "The act.")
	leaf("cycle", sequence(acts.Singles()), "Acts done in turn, each counted, in place of do.")
	leaf("at", duration(time.Millisecond, long), "Offset of the first act into the measured part.")
	leaf("when", word("stable"), "In place of at: each act waits until the group has been stable for two heartbeats.")
	leaf("every", duration(time.Millisecond, long), "With at: time from one act to the next; of a crashloop 5s unless written.")
	leaf("times", integer(1, 10000), "Repetitions; 1 unless written.")
	leaf("phase", phase(), "When within the heartbeat of the member acted on (join: of the oldest) the act is done: best is just before a beat, worst just after, a number that fraction of the interval after one. With when: random unless written; with at: whenever it is due.")
	leaf("target", word("oldest", "newest", "random"), "Who is acted on, by time in the group; random, the same for every arm, unless written.")
	leaf("with", settings(), "Settings of the member acted on, from its start on; of a restart those of the new process.")
	leaf("restore", maybe(truth()), "Whether the opposite act follows, recorded but not counted, once the group is stable; true unless written.")
	leaf("for", duration(time.Millisecond, long), "How long a stall, crashloop or storm lasts.")
	leaf("id", word("same", "new"), "Whether a restarted member keeps its identity; unless written it does in a static group.")
	leaf("rate", rate(), "Acts of a storm, such as 3/m, at random instants (Poisson).")
	leaf("count", integer(1, 10000), "Partitions to add.")
	leaf("to", words("list of assignors", wordSchema(classicAssignors()), checkClassic), "Assignors once the roll is over.")
	return fields
}

func checkClassic(_ *reader, v value) string {
	_, wrong := parseWord(v, classicAssignors())
	return wrong
}

// timeline is the kind of churn: a list of entries.
func timeline() kind {
	table := entryTable()
	properties := object{}
	for _, f := range table {
		properties[f.path] = described(f.kind.schema, f.doc)
	}
	return kind{
		name: "list of entries, {do: ...} or {cycle: [...]}",
		schema: object{"type": "array", "maxItems": maxEntries,
			"items": object{"type": "object", "properties": properties, "additionalProperties": false}},
		read: func(r *reader, path string, v value, dst any) {
			if got, ok := r.entries(path, table, v); ok {
				*dst.(*[]ChurnEntry) = got
			}
		},
		plain: func(src any) any {
			list := []any{}
			for _, e := range *src.(*[]ChurnEntry) {
				out := object{}
				for _, f := range table {
					if p := reflect.ValueOf(pointer(&e, f.path)); !p.Elem().IsZero() {
						out[f.path] = f.kind.plain(p.Interface())
					}
				}
				list = append(list, out)
			}
			return list
		},
	}
}

func (r *reader) entries(path string, table []*node, v value) ([]ChurnEntry, bool) {
	if v.kind != listValue {
		r.fail(v.at, path, "%v is not a list; write one like [{do: crash, when: stable}]", v)
		return nil, false
	}
	if len(v.list) > maxEntries {
		r.fail(v.at, path, "it has %d entries; write at most %d, with times for what repeats", len(v.list), maxEntries)
		return nil, false
	}
	// What an earlier timeline had where no longer matters.
	stale := func(p string) bool { return strings.HasPrefix(p, path+"[") }
	maps.DeleteFunc(r.written, func(p string, _ place) bool { return stale(p) })
	maps.DeleteFunc(r.bad, func(p string, _ bool) bool { return stale(p) })
	var list []ChurnEntry
	for i, item := range v.list {
		list = append(list, r.entry(fmt.Sprintf("%s[%d]", path, i), table, item))
	}
	return list, true
}

func (r *reader) entry(path string, table []*node, v value) (e ChurnEntry) {
	r.note(path, v.at, v.kind == brokenValue)
	if v.kind == brokenValue {
		return e
	}
	if v.kind != mapValue {
		r.fail(v.at, path, "%v is not an entry; write one like {do: crash, when: stable}", v)
		r.note(path, v.at, true)
		return e
	}
	keys := (&node{fields: table}).keys()
	first := map[string]place{}
	for _, f := range v.entries {
		at := path + "." + f.key
		if was, twice := first[f.key]; twice {
			r.fail(f.at, at, "is written twice, first on line %d; remove one", was.line)
			continue
		}
		first[f.key] = f.at
		if i := slices.Index(keys, f.key); i >= 0 {
			r.entryField(at, table[i], f.val, &e)
			continue
		}
		// It was meant to be some other field, so that nothing can be said of the
		// entry as a whole.
		r.note(path, v.at, true)
		if near := nearest(f.key, keys); near != "" {
			r.fail(f.at, at, "is not a field; did you mean %s?", near)
		} else if f.key != "" || f.val.kind != brokenValue {
			r.fail(f.at, at, "is not a field; an entry has %s", strings.Join(keys, ", "))
		}
	}
	return e
}

func (r *reader) entryField(path string, n *node, v value, e *ChurnEntry) {
	before := len(r.problems)
	switch v.kind {
	case brokenValue:
		r.note(path, v.at, true)
		return
	case nothing:
		r.fail(v.at, path, "has no value; write one, or leave the field out")
	default:
		n.kind.read(r, path, v, pointer(e, n.path))
	}
	r.note(path, v.at, len(r.problems) > before)
}

func (r *reader) note(path string, at place, bad bool) {
	r.written[path] = at
	r.bad[path] = bad
}

// overrideEntry reads a value for one field of one entry, as in
// --set churn.0.times=3; false where path is not of that form.
func (r *reader) overrideEntry(s *Spec, path string, v value) bool {
	rest, ok := strings.CutPrefix(path, "churn.")
	if !ok {
		return false
	}
	number, key, _ := strings.Cut(rest, ".")
	i, err := strconv.Atoi(number)
	table := &node{fields: entryTable()}
	f := table.field(key)
	switch {
	case err != nil || i < 0 || key == "":
		r.fail(v.at, path, "is not the path of a field; write one like churn.0.times, or churn for the whole list")
	case i >= len(s.Churn):
		r.fail(v.at, path, "there is no entry %d; the timeline has %d, counted from 0", i, len(s.Churn))
	case f == nil && nearest(key, table.keys()) != "":
		r.fail(v.at, path, "is not a field; did you mean churn.%d.%s?", i, nearest(key, table.keys()))
	case f == nil:
		r.fail(v.at, path, "is not a field; an entry has %s", strings.Join(table.keys(), ", "))
	default:
		s.Churn = slices.Clone(s.Churn) // copies of a Spec share their lists
		r.entryField(fmt.Sprintf("churn[%d].%s", i, key), f, v, &s.Churn[i])
	}
	return true
}

// sequence is a list of words that may occur more than once.
func sequence(known []string) kind {
	return kind{"list of " + either(known), object{"type": "array", "minItems": 1, "items": wordSchema(known)},
		func(r *reader, path string, v value, dst any) {
			if v.kind != listValue || len(v.list) == 0 {
				r.fail(v.at, path, "%v is not a list of acts; write one like [join, leave]", v)
				return
			}
			var out []string
			for i, item := range v.list {
				var one string
				if take(r, fmt.Sprintf("%s[%d]", path, i), item, func(v value) (string, string) { return parseWord(v, known) }, &one) {
					out = append(out, one)
				}
			}
			*dst.(*[]string) = out
		},
		func(src any) any { return plainWords(*src.(*[]string)) },
	}
}

// phase is the kind of churn[].phase: a word, or a fraction of the interval.
func phase() kind {
	known := []string{"random", "best", "worst"}
	return scalar("random, best, worst or number, 0 to 1",
		object{"anyOf": []any{wordSchema(known), object{"type": "number", "minimum": 0, "maximum": 1}}},
		func(v value) (string, string) {
			if v.kind != numberValue {
				got, wrong := parseWord(v, known)
				if wrong != "" {
					wrong += ", or a number from 0 to 1"
				}
				return got, wrong
			}
			x, wrong := parseNumber(v, 0, 1)
			if wrong != "" {
				return "", wrong
			}
			return strconv.FormatFloat(x, 'g', -1, 64), ""
		},
		func(s string) any {
			if x, err := strconv.ParseFloat(s, 64); err == nil {
				return x
			}
			return s
		})
}

// settings is the kind of churn[].with. The values are read as the fields they
// are for and kept as they were written, as those of a matrix are.
func settings() kind {
	return kind{
		name:   "mapping of paths below consume and group to values",
		schema: object{"type": "object"},
		read: func(r *reader, path string, v value, dst any) {
			if v.kind != mapValue {
				r.fail(v.at, path, "%v is not a mapping; write one like {group.session: 6s}", v)
				return
			}
			out := map[string]any{}
			scratch := Default()
			for _, e := range v.entries {
				at := path + "." + e.key
				n := r.root.find(e.key)
				_, twice := out[e.key]
				switch {
				case e.val.kind == brokenValue:
				case twice:
					r.fail(e.at, at, "is written twice; remove one")
				case n == nil:
					r.fail(e.at, at, "is not the path of a field; %s", r.suggest(e.key))
				case !ofMember(n):
					r.fail(e.at, at, "is not a setting of one member; write fields below consume or group, such as group.session")
				default:
					n.kind.read(r, at, e.val, pointer(&scratch, n.path))
					out[e.key] = e.val.plain()
				}
			}
			*dst.(*map[string]any) = out
		},
		plain: func(src any) any { return object(*src.(*map[string]any)) },
	}
}

// ofMember reports whether members of a group can differ in a field.
func ofMember(n *node) bool {
	section, _, _ := strings.Cut(n.path, ".")
	return n.kind != nil && (section == "group" || section == "consume" && n.path != "consume.members" && n.path != "consume.backlog")
}

// maybe is a kind whose field is a pointer, nil where nothing is written.
func maybe(k kind) kind {
	return kind{k.name, k.schema,
		func(r *reader, path string, v value, dst any) {
			p := reflect.ValueOf(dst).Elem() // the field
			next := reflect.New(p.Type().Elem())
			k.read(r, path, v, next.Interface())
			p.Set(next)
		},
		func(src any) any { return k.plain(reflect.ValueOf(src).Elem().Interface()) },
	}
}
