package workloads

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A kind is a way in which a field may be written. It serves the parser, the
// JSON Schema and the reference alike, so that the three cannot disagree.
type kind struct {
	name   string // for people: "integer, 1 to 100"
	schema object // for editors: a JSON Schema
	// read puts v into dst, a pointer to the field, or reports why it cannot.
	read func(r *reader, path string, v value, dst any)
	// plain gives the field behind src back as it would be written.
	plain func(src any) any
}

// object is a JSON object.
type object = map[string]any

// scalar makes a kind out of a function that reads one value or says, as "what
// is wrong; what would be right", why it cannot.
func scalar[T any](name string, schema object, parse func(value) (T, string), plain func(T) any) kind {
	return kind{name, schema,
		func(r *reader, path string, v value, dst any) {
			got, wrong := parse(v)
			if wrong != "" {
				r.fail(v.at, path, "%s", wrong)
				return
			}
			*dst.(*T) = got
		},
		func(src any) any { return plain(*src.(*T)) },
	}
}

func integer(low, high int) kind {
	return scalar(fmt.Sprintf("integer, %d to %d", low, high),
		object{"type": "integer", "minimum": low, "maximum": high},
		func(v value) (int, string) { return parseInt(v, low, high) },
		func(n int) any { return float64(n) })
}

func parseInt(v value, low, high int) (int, string) {
	n := int(v.number)
	switch {
	case v.kind != numberValue || float64(n) != v.number:
		return 0, fmt.Sprintf("%v is not a whole number; write one from %d to %d", v, low, high)
	case n < low || n > high:
		return 0, fmt.Sprintf("%v is out of range; write a whole number from %d to %d", v, low, high)
	}
	return n, ""
}

func fraction(low, high float64) kind {
	return scalar(fmt.Sprintf("number, %g to %g", low, high),
		object{"type": "number", "minimum": low, "maximum": high},
		func(v value) (float64, string) { return parseNumber(v, low, high) },
		func(x float64) any { return x })
}

func parseNumber(v value, low, high float64) (float64, string) {
	switch {
	case v.kind != numberValue:
		return 0, fmt.Sprintf("%v is not a number; write one from %g to %g", v, low, high)
	case v.number < low || v.number > high:
		return 0, fmt.Sprintf("%v is out of range; write a number from %g to %g", v, low, high)
	}
	return v.number, ""
}

// byteUnits are the units of sizes. Only binary ones: KB means 1000 to some and
// 1024 to others, and a benchmark should not depend on which.
var byteUnits = regexp.MustCompile(`^([0-9]+)(B|KiB|MiB|GiB)$`)

func byteCount(low, high int) kind {
	return scalar(fmt.Sprintf("bytes, %d to %s", low, showBytes(high)), bytesSchema(low, high),
		func(v value) (int, string) { return parseBytes(v, low, high) },
		func(n int) any { return float64(n) })
}

func bytesSchema(low, high int) object {
	return object{"anyOf": []any{
		object{"type": "integer", "minimum": low, "maximum": high},
		object{"type": "string", "pattern": byteUnits.String()},
	}}
}

func parseBytes(v value, low, high int) (int, string) {
	n, ok := v.number, v.kind == numberValue && v.number == float64(int(v.number))
	if v.kind == textValue {
		if m := byteUnits.FindStringSubmatch(v.text); m != nil {
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
	switch unit {
	case "KiB":
		return 1 << 10
	case "MiB":
		return 1 << 20
	case "GiB":
		return 1 << 30
	default:
		return 1
	}
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

// memory is a limit in the form that the Go runtime reads from GOMEMLIMIT; it
// is handed on as it is written.
func memory() kind {
	return scalar("memory, such as 512MiB; empty: no limit",
		object{"type": "string", "pattern": `^([1-9][0-9]*(B|KiB|MiB|GiB))?$`},
		func(v value) (string, string) {
			if v.kind == textValue && (v.text == "" || byteUnits.MatchString(v.text) && v.text[0] != '0') {
				return v.text, ""
			}
			return "", fmt.Sprintf("%v is not an amount of memory; write one like 512MiB or 2GiB", v)
		},
		func(s string) any { return s })
}

const durationPattern = `^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$`

func duration(low, high time.Duration) kind {
	return scalar(fmt.Sprintf("duration, %s to %s", showDuration(low), showDuration(high)),
		object{"type": "string", "pattern": durationPattern},
		func(v value) (time.Duration, string) { return parseDuration(v, low, high) },
		func(d time.Duration) any { return showDuration(d) })
}

func parseDuration(v value, low, high time.Duration) (time.Duration, string) {
	if v.kind == numberValue {
		return 0, fmt.Sprintf("%v has no unit; write %vs for seconds or %vms for milliseconds", v, v, v)
	}
	d, err := time.ParseDuration(v.text)
	switch {
	case v.kind != textValue || err != nil:
		return 0, fmt.Sprintf("%v is not a duration; write one like 500ms, 10s or 2m", v)
	case d < low || d > high:
		return 0, fmt.Sprintf("%s is out of range; write %s to %s", v.text, showDuration(low), showDuration(high))
	}
	return d, ""
}

// showDuration leaves out the parts that are zero: 5m, not 5m0s.
func showDuration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func truth() kind {
	return scalar("true or false", object{"type": "boolean"},
		func(v value) (bool, string) {
			if v.kind != flagValue {
				return false, fmt.Sprintf("%v is not a truth value; write true or false", v)
			}
			return v.flag, ""
		},
		func(b bool) any { return b })
}

func word(words ...string) kind {
	return scalar(either(words), wordSchema(words),
		func(v value) (string, string) { return parseWord(v, words) },
		func(s string) any { return s })
}

func wordSchema(words []string) object {
	return object{"type": "string", "enum": words}
}

func parseWord(v value, words []string) (string, string) {
	if v.kind == textValue && slices.Contains(words, v.text) {
		return v.text, ""
	}
	if near := nearest(v.text, words); v.kind == textValue && near != "" {
		return "", fmt.Sprintf("%v is not known here; did you mean %s? It may be %s", v, near, either(words))
	}
	return "", fmt.Sprintf("%v is not known here; write %s", v, either(words))
}

// text is free text that holds together on one line of a list.
func text(long int) kind {
	return scalar("text", object{"type": "string", "maxLength": long},
		func(v value) (string, string) {
			if v.kind != textValue {
				return "", fmt.Sprintf("%v is not text; write a sentence, in quotes if it needs them", v)
			}
			if len(v.text) > long {
				return "", fmt.Sprintf("the text has %d bytes; write at most %d", len(v.text), long)
			}
			return strings.TrimSpace(v.text), ""
		},
		func(s string) any { return s })
}

// namePattern keeps names usable in topics, groups and directories.
const namePattern = `^[a-z0-9][a-z0-9-]{0,63}$`

func name() kind {
	pattern := regexp.MustCompile(namePattern)
	return scalar("name", object{"type": "string", "pattern": namePattern},
		func(v value) (string, string) {
			if v.kind != textValue || !pattern.MatchString(v.text) {
				return "", fmt.Sprintf("%v cannot be a name; write up to 64 lower-case letters, digits and dashes, such as my-workload", v)
			}
			return v.text, ""
		},
		func(s string) any { return s })
}

// words is a list of distinct entries, each checked by check, which says what
// is wrong with it.
func words(name string, item object, check func(r *reader, v value) string) kind {
	return kind{name, object{"type": "array", "uniqueItems": true, "items": item},
		func(r *reader, path string, v value, dst any) {
			if v.kind != listValue {
				r.fail(v.at, path, "%v is not a list; write [%s]", v, strings.Trim(v.text, "[] "))
				return
			}
			var out []string
			for i, e := range v.list {
				at := fmt.Sprintf("%s[%d]", path, i)
				if e.kind == brokenValue {
					continue
				}
				if e.kind != textValue || e.text == "" {
					r.fail(e.at, at, "%v is not text; write a word or an expression", e)
					continue
				}
				if wrong := check(r, e); wrong != "" {
					r.fail(e.at, at, "%s", wrong)
					continue
				}
				if slices.Contains(out, e.text) {
					r.fail(e.at, at, "%v stands in the list twice; remove one", e)
					continue
				}
				out = append(out, e.text)
			}
			*dst.(*[]string) = out
		},
		func(src any) any { return plainWords(*src.(*[]string)) },
	}
}

func plainWords(words []string) any {
	list := []any{}
	for _, s := range words {
		list = append(list, s)
	}
	return list
}
