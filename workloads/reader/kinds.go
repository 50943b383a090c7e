package reader

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Kind is a way in which a field may be written. It serves the reader and the
// JSON Schema alike, so that the two cannot disagree.
type Kind struct {
	Schema Object // for editors: a JSON Schema
	// Read puts v into dst, a pointer to the field, or reports why it cannot.
	Read func(r *Reader, path string, v Value, dst any)
}

// Object is a JSON object.
type Object = map[string]any

// Scalar makes a kind out of a function that reads one value or says, as "what
// is wrong; what would be right", why it cannot.
func Scalar[T any](schema Object, parse func(Value) (T, string)) Kind {
	return Kind{schema, func(r *Reader, path string, v Value, dst any) { Take(r, path, v, parse, dst.(*T)) }}
}

// Take reads one part of a value and reports whether it could.
func Take[T any](r *Reader, path string, v Value, parse func(Value) (T, string), dst *T) bool {
	if v.Kind == Broken {
		return false
	}
	got, wrong := parse(v)
	if wrong != "" {
		r.Fail(v.At, path, "%s", wrong)
		return false
	}
	*dst = got
	return true
}

func integer(low, high int) Kind {
	return Scalar(Object{"type": "integer", "minimum": low, "maximum": high},
		func(v Value) (int, string) { return ParseInt(v, low, high) })
}

// ParseInt reads a whole number within bounds.
func ParseInt(v Value, low, high int) (int, string) {
	n := int(v.Number)
	switch {
	case v.Kind != Number || float64(n) != v.Number:
		return 0, fmt.Sprintf("%v is not a whole number; write one from %d to %d", v, low, high)
	case n < low || n > high:
		return 0, fmt.Sprintf("%v is out of range; write a whole number from %d to %d", v, low, high)
	}
	return n, ""
}

func fraction(low, high float64) Kind {
	return Scalar(Object{"type": "number", "minimum": low, "maximum": high},
		func(v Value) (float64, string) { return ParseNumber(v, low, high) })
}

// ParseNumber reads a number within bounds.
func ParseNumber(v Value, low, high float64) (float64, string) {
	switch {
	case v.Kind != Number:
		return 0, fmt.Sprintf("%v is not a number; write one from %g to %g", v, low, high)
	case v.Number < low || v.Number > high:
		return 0, fmt.Sprintf("%v is out of range; write a number from %g to %g", v, low, high)
	}
	return v.Number, ""
}

// byteUnits are the units of sizes. Only binary ones: KB means 1000 to some and
// 1024 to others, and a benchmark should not depend on which.
var byteUnits = regexp.MustCompile(`^([0-9]+)(B|KiB|MiB|GiB)$`)

func byteCount(low, high int) Kind {
	return Scalar(BytesSchema(low, high), func(v Value) (int, string) { return ParseBytes(v, low, high) })
}

// BytesSchema is what an editor should know of a number of bytes.
func BytesSchema(low, high int) Object {
	return Object{"anyOf": []any{
		Object{"type": "integer", "minimum": low, "maximum": high},
		Object{"type": "string", "pattern": byteUnits.String()},
	}}
}

// ParseBytes reads a number of bytes, with a unit or without, within bounds.
func ParseBytes(v Value, low, high int) (int, string) {
	n, ok := v.Number, v.Kind == Number && v.Number == float64(int(v.Number))
	if v.Kind == Text {
		if m := byteUnits.FindStringSubmatch(v.Text); m != nil {
			count, err := strconv.ParseInt(m[1], 10, 64)
			n, ok = float64(count)*unitBytes(m[2]), err == nil
		}
	}
	switch {
	case !ok:
		return 0, fmt.Sprintf("%v is not a number of bytes; write one like 65536 or 64KiB", v)
	case n < float64(low) || n > float64(high):
		return 0, fmt.Sprintf("%v is out of range; write %d to %s", v, low, showBytes(high))
	}
	return int(n), ""
}

func unitBytes(unit string) float64 {
	return map[string]float64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}[unit]
}

// showBytes is a size in the largest unit that divides it.
func showBytes(n int) string {
	for _, unit := range []string{"GiB", "MiB", "KiB"} {
		if u := int(unitBytes(unit)); n >= u && n%u == 0 {
			return strconv.Itoa(n/u) + unit
		}
	}
	return strconv.Itoa(n)
}

// DurationPattern is what an editor should know of a duration.
const DurationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`

func duration(low, high time.Duration) Kind {
	return Scalar(Object{"type": "string", "pattern": DurationPattern},
		func(v Value) (time.Duration, string) { return ParseDuration(v, low, high) })
}

// ParseDuration reads a duration within bounds.
func ParseDuration(v Value, low, high time.Duration) (time.Duration, string) {
	if v.Kind == Number {
		return 0, fmt.Sprintf("%v has no unit; write %vs for seconds or %vms for milliseconds", v, v, v)
	}
	d, err := time.ParseDuration(v.Text)
	switch {
	case v.Kind != Text || err != nil:
		return 0, fmt.Sprintf("%v is not a duration; write one like 500ms, 10s or 2m", v)
	case d < low || d > high:
		return 0, fmt.Sprintf("%s is out of range; write %s to %s", v.Text, ShowDuration(low), ShowDuration(high))
	}
	return d, ""
}

// ShowDuration leaves out the parts that are zero: 5m, not 5m0s.
func ShowDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func truth() Kind {
	return Scalar(Object{"type": "boolean"},
		func(v Value) (bool, string) {
			if v.Kind != Flag {
				return false, fmt.Sprintf("%v is not a truth value; write true or false", v)
			}
			return v.Flag, ""
		})
}

// Word is one of some words.
func Word(words ...string) Kind {
	return Scalar(WordSchema(words), func(v Value) (string, string) { return ParseWord(v, words) })
}

// WordSchema is what an editor should know of a word.
func WordSchema(words []string) Object {
	return Object{"type": "string", "enum": words}
}

// ParseWord reads one of some words.
func ParseWord(v Value, words []string) (string, string) {
	if v.Kind == Text && slices.Contains(words, v.Text) {
		return v.Text, ""
	}
	if near := Nearest(v.Text, words); v.Kind == Text && near != "" {
		return "", fmt.Sprintf("%v is not known here; did you mean %s? It may be %s", v, near, Either(words))
	}
	return "", fmt.Sprintf("%v is not known here; write %s", v, Either(words))
}

// text is free text that holds together on one line of a list.
func text(long int) Kind {
	return Scalar(Object{"type": "string", "maxLength": long},
		func(v Value) (string, string) {
			if v.Kind != Text {
				return "", fmt.Sprintf("%v is not text; write a sentence, in quotes if it needs them", v)
			}
			if len(v.Text) > long {
				return "", fmt.Sprintf("the text has %d bytes; write at most %d", len(v.Text), long)
			}
			return strings.TrimSpace(v.Text), ""
		})
}

// MaxWords is how many entries a list of words may have, and longestText how many
// bytes each of them: more were generated by a slip.
const (
	MaxWords    = 100
	longestText = 500
)

// Words is a list of distinct entries, each checked by check, which says what
// is wrong with it.
func Words(item Object, check func(r *Reader, v Value) string) Kind {
	return Kind{Schema: Object{"type": "array", "uniqueItems": true, "maxItems": MaxWords, "items": item},
		Read: func(r *Reader, path string, v Value, dst any) {
			if v.Kind != List {
				r.Fail(v.At, path, "%v is not a list; write [%.60s]", v, strings.Trim(v.Text, "[] "))
				return
			}
			if !Few(r, path, v, MaxWords) {
				return
			}
			var out []string
			for i, e := range v.List {
				at := fmt.Sprintf("%s[%d]", path, i)
				if e.Kind == Broken {
					continue
				}
				if e.Kind != Text || e.Text == "" {
					r.Fail(e.At, at, "%v is not text; write a word or an expression", e)
					continue
				}
				if len(e.Text) > longestText {
					r.Fail(e.At, at, "the text has %d bytes; write at most %d", len(e.Text), longestText)
					continue
				}
				if wrong := check(r, e); wrong != "" {
					r.Fail(e.At, at, "%s", wrong)
					continue
				}
				if slices.Contains(out, e.Text) {
					r.Fail(e.At, at, "%v stands in the list twice; remove one", e)
					continue
				}
				out = append(out, e.Text)
			}
			*dst.(*[]string) = out
		},
	}
}

// Few reports a list that has more than so many entries, or whether it has not.
func Few(r *Reader, path string, v Value, most int) bool {
	if len(v.List) <= most {
		return true
	}
	r.Fail(v.At, path, "it has %d entries; write at most %d", len(v.List), most)
	return false
}

// maybe is a kind whose field is a pointer, nil where nothing is written.
func maybe(k Kind) Kind {
	return Kind{k.Schema, func(r *Reader, path string, v Value, dst any) {
		p := reflect.ValueOf(dst).Elem() // the field
		next := reflect.New(p.Type().Elem())
		k.Read(r, path, v, next.Interface())
		p.Set(next)
	}}
}
