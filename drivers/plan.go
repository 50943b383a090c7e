package drivers

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Exactly is a row of a Plan for a setting that the client has.
func Exactly(native, claim string) Setting {
	return Setting{Native: native, Claim: claim, Fidelity: Exact}
}

// Nearly is a row of a Plan for a setting that the client has in another form;
// why says how far off it is.
func Nearly(native, claim, why string) Setting {
	return Setting{Native: native, Claim: claim, Why: why, Fidelity: Approx}
}

// Lacks is a row of a Plan for a setting that the client does not have; why says
// what it does instead.
func Lacks(native, why string) Setting {
	return Setting{Native: native, Why: why, Fidelity: Unsupported}
}

// ByDefault is a row of a Plan in the lane stock, for a setting that is left to the
// client; own is the value in force.
func ByDefault(own, claim string) Setting {
	row := Nearly("default: "+own, claim, "the stock lane leaves the client's default")
	row.Own = own
	return row
}

// Rows completes the Plan of a driver from its rows by key: in the order of
// Keys, with what the workload wants. A key without a row is a mistake of the
// driver and is told as such, not left out.
func Rows(s Settings, rows map[string]Setting) []Setting {
	var plan []Setting
	for _, l := range s.lines() {
		row, ok := rows[l.key]
		if !ok {
			row = Lacks("", "the driver does not say what becomes of it")
		}
		row.Key, row.Want = l.key, s.words(l)
		plan = append(plan, row)
	}
	return plan
}

// Keys returns every key that a Plan must answer, in the order in which they
// are shown.
func Keys() []string {
	var keys []string
	for _, l := range (&Settings{}).lines() {
		keys = append(keys, l.key)
	}
	return keys
}

// Want is what the settings ask for under a key, in the words of a workload.
func (s Settings) Want(key string) string {
	for _, l := range s.lines() {
		if l.key == key {
			return s.words(l)
		}
	}
	return ""
}

// Fill sets every setting to what there is under its key.
func (s *Settings) Fill(value func(key string) any) {
	for _, l := range s.lines() {
		if l.words == "" {
			l.field.Set(reflect.ValueOf(value(l.key)).Convert(l.field.Type()))
		}
	}
}

// A line is a setting as a Plan has it: a field, or words.
type line struct {
	key   string
	field reflect.Value
	words string
}

func (s *Settings) lines() []line {
	var all []line
	var visit func(section reflect.Value)
	visit = func(section reflect.Value) {
		for i := range section.NumField() {
			f := section.Type().Field(i)
			if key, ok := f.Tag.Lookup("key"); ok {
				all = append(all, line{key, section.Field(i), f.Tag.Get("want")})
			} else if f.Type.Kind() == reflect.Struct {
				visit(section.Field(i))
			}
		}
	}
	visit(reflect.ValueOf(s).Elem())
	return all
}

// words are what a line asks for.
func (s *Settings) words(l line) string {
	switch {
	case l.words != "":
		return l.words
	case l.key == KeyBatchRecords && s.Produce.BatchRecords == 0:
		return fmt.Sprintf("%d (what fits)", s.BatchLimit())
	case l.key == KeyCodec:
		return s.CodecName()
	case l.key == KeyLevel && s.Produce.Level == 0:
		return "default"
	case l.key == KeyAssignors:
		return strings.Join(s.Group.Assignors, ",")
	default:
		return fmt.Sprint(l.field.Interface())
	}
}

// Millis is a duration as the wire has it.
func Millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// CodecName is the codec asked for, none where nothing is said.
func (s Settings) CodecName() string {
	if s.Produce.Codec == "" {
		return "none"
	}
	return s.Produce.Codec
}
