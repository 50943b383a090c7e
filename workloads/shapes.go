package workloads

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"
)

// maxRecordSize is the most bytes a value may have: the largest batch, less
// what the batch needs for itself.
const maxRecordSize = maxBatch - batchOverhead

const (
	maxBatch      = 1 << 20 // what a Kafka broker takes unless it is told otherwise
	batchOverhead = 128     // header of the batch and of one record, generously
)

// mapping reads a value that is written as a mapping with fixed keys, or
// reports what is in the way. Keys that are absent are reported as missing.
func (r *reader) mapping(path string, v value, keys ...string) (map[string]value, bool) {
	if v.kind == brokenValue {
		return nil, false
	}
	if v.kind != mapValue {
		r.fail(v.at, path, "%v is not a mapping; write {%s}", v, shape(keys))
		return nil, false
	}
	got, ok := map[string]value{}, true
	for _, e := range v.entries {
		known := false
		for _, k := range keys {
			known = known || k == e.key
		}
		if _, twice := got[e.key]; !known || twice {
			what := "is not known here"
			if known {
				what = "is written twice"
			}
			r.fail(e.at, path+"."+e.key, "%s; write {%s}", what, shape(keys))
			ok = false
			continue
		}
		got[e.key] = e.val
	}
	for _, k := range keys {
		if _, here := got[k]; !here && ok {
			r.fail(v.at, path, "%s is missing; write {%s}", k, shape(keys))
			ok = false
		}
	}
	return got, ok
}

// shape is a mapping with these keys, as a hint: "median: ..., sigma: ...".
func shape(keys []string) string {
	s := ""
	for i, k := range keys {
		if i > 0 {
			s += ", "
		}
		s += k + ": ..."
	}
	return s
}

// take reads one part of a compound value and reports whether it could.
func take[T any](r *reader, path string, v value, parse func(value) (T, string), dst *T) bool {
	if v.kind == brokenValue {
		return false
	}
	got, wrong := parse(v)
	if wrong != "" {
		r.fail(v.at, path, "%s", wrong)
		return false
	}
	*dst = got
	return true
}

// only returns the single key of a mapping that chooses between forms.
func only(v value) (string, value) {
	if v.kind == mapValue && len(v.entries) == 1 {
		return v.entries[0].key, v.entries[0].val
	}
	return "", value{}
}

func sizeBytes(v value) (int, string) { return parseBytes(v, MinRecordSize, maxRecordSize) }

// size is the kind of records.size.
func size() kind {
	one := bytesSchema(MinRecordSize, maxRecordSize)
	return kind{
		name: fmt.Sprintf("bytes, %d to %d, or a distribution: {uniform: [min, max]}, {lognormal: {median, sigma, max}}, {choice: [{size, weight}, ...]}", MinRecordSize, maxRecordSize),
		schema: object{"anyOf": append(one["anyOf"].([]any),
			exact(object{"uniform": object{"type": "array", "items": one, "minItems": 2, "maxItems": 2}}),
			exact(object{"lognormal": exact(object{"median": one, "sigma": object{"type": "number", "minimum": 0.01, "maximum": 4}, "max": one})}),
			exact(object{"choice": object{"type": "array", "minItems": 1, "items": exact(object{"size": one, "weight": object{"type": "number", "exclusiveMinimum": 0}})}}),
		)},
		read: func(r *reader, path string, v value, dst any) {
			if got, ok := r.size(path, v); ok {
				*dst.(*Size) = got
			}
		},
		plain: func(src any) any { return src.(*Size).plain() },
	}
}

func (r *reader) size(path string, v value) (s Size, ok bool) {
	form, arg := only(v)
	path2 := path + "." + form
	switch {
	case arg.kind == brokenValue:
		return s, false
	case v.kind != mapValue:
		ok = take(r, path, v, sizeBytes, &s.Fixed)
	case form == "uniform":
		if arg.kind != listValue || len(arg.list) != 2 {
			r.fail(arg.at, path2, "%v is not a range; write [min, max], such as [100, 1000]", arg)
			return s, false
		}
		low := take(r, path2+"[0]", arg.list[0], sizeBytes, &s.Uniform[0])
		high := take(r, path2+"[1]", arg.list[1], sizeBytes, &s.Uniform[1])
		if ok = low && high; ok && s.Uniform[0] >= s.Uniform[1] {
			r.fail(arg.at, path2, "%d is not below %d; write [min, max]", s.Uniform[0], s.Uniform[1])
			ok = false
		}
	case form == "lognormal":
		parts, all := r.mapping(path2, arg, "median", "sigma", "max")
		if !all {
			return s, false
		}
		median := take(r, path2+".median", parts["median"], sizeBytes, &s.Median)
		sigma := take(r, path2+".sigma", parts["sigma"], func(v value) (float64, string) { return parseNumber(v, 0.01, 4) }, &s.Sigma)
		most := take(r, path2+".max", parts["max"], sizeBytes, &s.Max)
		if ok = median && sigma && most; ok && s.Max < s.Median {
			r.fail(parts["max"].at, path2+".max", "%d is below the median %d; write a larger max", s.Max, s.Median)
			ok = false
		}
	case form == "choice":
		ok = r.choice(path2, arg, &s)
	default:
		r.fail(v.at, path, "%v is not a size; write a number of bytes, {uniform: [min, max]}, {lognormal: {median, sigma, max}} or {choice: [{size, weight}]}", v)
	}
	return s, ok
}

func (r *reader) choice(path string, v value, s *Size) bool {
	if v.kind != listValue || len(v.list) == 0 {
		r.fail(v.at, path, "%v is not a list of sizes; write [{size: 100, weight: 9}, {size: 1000, weight: 1}]", v)
		return false
	}
	ok := true
	for i, e := range v.list {
		at := fmt.Sprintf("%s[%d]", path, i)
		parts, all := r.mapping(at, e, "size", "weight")
		if !all {
			ok = false
			continue
		}
		var c SizeChoice
		size := take(r, at+".size", parts["size"], sizeBytes, &c.Size)
		weight := take(r, at+".weight", parts["weight"], func(v value) (float64, string) { return parseNumber(v, 0.000001, 1e6) }, &c.Weight)
		ok = ok && size && weight
		s.Choice = append(s.Choice, c)
	}
	return ok
}

func (s *Size) plain() any {
	switch {
	case len(s.Choice) > 0:
		list := []any{}
		for _, c := range s.Choice {
			list = append(list, object{"size": float64(c.Size), "weight": c.Weight})
		}
		return object{"choice": list}
	case s.Median > 0:
		return object{"lognormal": object{"median": float64(s.Median), "sigma": s.Sigma, "max": float64(s.Max)}}
	case s.Uniform[1] > 0:
		return object{"uniform": []any{float64(s.Uniform[0]), float64(s.Uniform[1])}}
	default:
		return float64(s.Fixed)
	}
}

// Largest is the most bytes that a value of this size can have.
func (s Size) Largest() int {
	most := max(s.Fixed, s.Uniform[1], s.Max)
	for _, c := range s.Choice {
		most = max(most, c.Size)
	}
	return most
}

// Mean is the expected length of a value. For lognormal it is the mean of the
// law without its cut at Max, but never above Max.
func (s Size) Mean() float64 {
	switch {
	case len(s.Choice) > 0:
		sum, weight := 0.0, 0.0
		for _, c := range s.Choice {
			sum += float64(c.Size) * c.Weight
			weight += c.Weight
		}
		return sum / weight
	case s.Median > 0:
		return min(float64(s.Median)*math.Exp(s.Sigma*s.Sigma/2), float64(s.Max))
	case s.Uniform[1] > 0:
		return float64(s.Uniform[0]+s.Uniform[1]) / 2
	default:
		return float64(s.Fixed)
	}
}

var rateForm = regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?)/(s|m)$`)

// maxRate is far above what any client reaches; it catches slips of the pen.
const maxRate = 1e8

// rate is the kind of produce.rate.
func rate() kind {
	return scalar("rate, such as 600/s or 36000/m, or max",
		object{"anyOf": []any{object{"const": "max"}, object{"type": "string", "pattern": rateForm.String()}}},
		parseRate,
		func(x Rate) any {
			if x.Max {
				return "max"
			}
			return strconv.FormatFloat(x.PerSecond, 'f', -1, 64) + "/s"
		})
}

func parseRate(v value) (Rate, string) {
	if v.kind == textValue && v.text == "max" {
		return Rate{Max: true}, ""
	}
	if v.kind == numberValue {
		return Rate{}, fmt.Sprintf("%v has no unit; write %v/s, or max", v, v)
	}
	m := rateForm.FindStringSubmatch(v.text)
	if v.kind != textValue || m == nil {
		return Rate{}, fmt.Sprintf("%v is not a rate; write one like 600/s or 36000/m, or max", v)
	}
	perSecond, err := strconv.ParseFloat(m[1], 64)
	if m[2] == "m" {
		perSecond /= 60
	}
	if err != nil || perSecond <= 0 || perSecond > maxRate {
		return Rate{}, fmt.Sprintf("%s is out of range; write a rate above 0/s and up to %.0f/s, or max", v.text, maxRate)
	}
	return Rate{PerSecond: perSecond}, ""
}

// share is a rate relative to produce.rate.
func share(v value) (float64, string) { return parseNumber(v, 0, 100) }

// schedule is the kind of produce.schedule.
func schedule() kind {
	part := object{"type": "number", "minimum": 0, "maximum": 100}
	return kind{
		name: "constant or poisson, or {ramp: {from}}, {steps: {factors}}, {bursts: {every, size}}",
		schema: object{"anyOf": []any{
			wordSchema([]string{"constant", "poisson"}),
			exact(object{"ramp": exact(object{"from": part})}),
			exact(object{"steps": exact(object{"factors": object{"type": "array", "minItems": 1, "items": part}})}),
			exact(object{"bursts": exact(object{
				"every": object{"type": "string", "pattern": durationPattern},
				"size":  object{"type": "integer", "minimum": 1, "maximum": maxBurst}})}),
		}},
		read: func(r *reader, path string, v value, dst any) {
			if got, ok := r.schedule(path, v); ok {
				*dst.(*Schedule) = got
			}
		},
		plain: func(src any) any { return src.(*Schedule).plain() },
	}
}

const maxBurst = 10_000_000

func (r *reader) schedule(path string, v value) (s Schedule, ok bool) {
	form, arg := only(v)
	path2 := path + "." + form
	switch {
	case arg.kind == brokenValue:
		return s, false
	case v.kind == textValue:
		ok = take(r, path, v, func(v value) (string, string) {
			if v.text == "ramp" || v.text == "steps" || v.text == "bursts" {
				return "", fmt.Sprintf("%s needs its figures; write {ramp: {from: 0.1}}, {steps: {factors: [0.5, 1]}} or {bursts: {every: 1s, size: 1000}}", v.text)
			}
			return parseWord(v, []string{"constant", "poisson", "ramp", "steps", "bursts"})
		}, &s.Kind)
	case form == "ramp":
		s.Kind = form
		if parts, all := r.mapping(path2, arg, "from"); all {
			ok = take(r, path2+".from", parts["from"], share, &s.From)
		}
	case form == "steps":
		s.Kind = form
		if parts, all := r.mapping(path2, arg, "factors"); all {
			ok = r.factors(path2+".factors", parts["factors"], &s)
		}
	case form == "bursts":
		s.Kind = form
		if parts, all := r.mapping(path2, arg, "every", "size"); all {
			every := take(r, path2+".every", parts["every"], func(v value) (time.Duration, string) {
				return parseDuration(v, time.Millisecond, time.Hour)
			}, &s.Every)
			size := take(r, path2+".size", parts["size"], func(v value) (int, string) { return parseInt(v, 1, maxBurst) }, &s.Size)
			ok = every && size
		}
	default:
		r.fail(v.at, path, "%v is not a schedule; write constant, poisson, {ramp: {from}}, {steps: {factors}} or {bursts: {every, size}}", v)
	}
	return s, ok
}

func (r *reader) factors(path string, v value, s *Schedule) bool {
	if v.kind == brokenValue {
		return false
	}
	if v.kind != listValue || len(v.list) == 0 {
		r.fail(v.at, path, "%v is not a list of shares; write one like [0.5, 1, 1.5]", v)
		return false
	}
	ok, sum := true, 0.0
	for i, e := range v.list {
		var f float64
		ok = take(r, fmt.Sprintf("%s[%d]", path, i), e, share, &f) && ok
		s.Factors = append(s.Factors, f)
		sum += f
	}
	if ok && sum == 0 {
		r.fail(v.at, path, "every step is 0, so nothing would be sent; write a share above 0")
		ok = false
	}
	return ok
}

func (s *Schedule) plain() any {
	switch s.Kind {
	case "ramp":
		return object{"ramp": object{"from": s.From}}
	case "steps":
		list := []any{}
		for _, f := range s.Factors {
			list = append(list, f)
		}
		return object{"steps": object{"factors": list}}
	case "bursts":
		return object{"bursts": object{"every": showDuration(s.Every), "size": float64(s.Size)}}
	default:
		return s.Kind
	}
}

// exact is the schema of a mapping with exactly these fields.
func exact(properties object) object {
	keys := sortedKeys(properties)
	return object{"type": "object", "properties": properties, "required": keys, "additionalProperties": false}
}
