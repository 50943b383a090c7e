package workloads

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"time"

	"github.com/kbench/kbench/workloads/reader"
)

// object is a JSON object.
type object = reader.Object

// maxRecordSize is the most bytes a value may have: the largest batch, less
// what the batch needs for itself.
const maxRecordSize = maxBatch - batchOverhead

const (
	maxBatch      = 1 << 20 // what a Kafka broker takes unless it is told otherwise
	batchOverhead = 128     // header of the batch and of one record, generously
)

// maxParts bounds the sizes of a distribution and the steps of a schedule.
const maxParts = 100

// only returns the single key of a mapping that chooses between forms.
func only(v reader.Value) (string, reader.Value) {
	if v.Kind == reader.Mapping && len(v.Entries) == 1 {
		return v.Entries[0].Key, v.Entries[0].Val
	}
	return "", reader.Value{}
}

func sizeBytes(v reader.Value) (int, string) {
	return reader.ParseBytes(v, MinRecordSize, maxRecordSize)
}

// size is the kind of records.size.
func size() reader.Kind {
	one := reader.BytesSchema(MinRecordSize, maxRecordSize)
	return reader.Kind{
		Schema: object{"anyOf": append(one["anyOf"].([]any),
			reader.Exact(object{"uniform": reader.Meaning("From the least to the most, each as often.", object{"type": "array", "items": one, "minItems": 2, "maxItems": 2})}),
			reader.Exact(object{"lognormal": reader.Meaning("Mostly small and seldom large.", reader.Exact(object{
				"median": reader.Meaning("Half of the values are shorter.", one),
				"sigma":  reader.Meaning("How far they scatter: the deviation of the logarithm.", object{"type": "number", "minimum": 0.01, "maximum": 4}),
				"max":    reader.Meaning("None is longer: what would be has this length.", one),
			}))}),
			reader.Exact(object{"choice": reader.Meaning("A few lengths, drawn by their weights.", object{"type": "array", "minItems": 1, "maxItems": maxParts, "items": reader.Exact(object{
				"size":   reader.Meaning("The length.", one),
				"weight": reader.Meaning("How often it is drawn, as against the other weights.", object{"type": "number", "exclusiveMinimum": 0}),
			})})}),
		)},
		Read: func(r *reader.Reader, path string, v reader.Value, dst any) {
			if got, ok := readSize(r, path, v); ok {
				*dst.(*Size) = got
			}
		},
	}
}

func readSize(r *reader.Reader, path string, v reader.Value) (s Size, ok bool) {
	form, arg := only(v)
	path2 := path + "." + form
	switch {
	case arg.Kind == reader.Broken:
		return s, false
	case v.Kind != reader.Mapping:
		ok = reader.Take(r, path, v, sizeBytes, &s.Fixed)
	case form == "uniform":
		if arg.Kind != reader.List || len(arg.List) != 2 {
			r.Fail(arg.At, path2, "%v is not a range; write [min, max], such as [100, 1000]", arg)
			return s, false
		}
		low := reader.Take(r, path2+"[0]", arg.List[0], sizeBytes, &s.Uniform[0])
		high := reader.Take(r, path2+"[1]", arg.List[1], sizeBytes, &s.Uniform[1])
		if ok = low && high; ok && s.Uniform[0] >= s.Uniform[1] {
			r.Fail(arg.At, path2, "%d is not below %d; write [min, max]", s.Uniform[0], s.Uniform[1])
			ok = false
		}
	case form == "lognormal":
		parts, all := r.Mapping(path2, arg, "median", "sigma", "max")
		if !all {
			return s, false
		}
		median := reader.Take(r, path2+".median", parts["median"], sizeBytes, &s.Median)
		sigma := reader.Take(r, path2+".sigma", parts["sigma"], func(v reader.Value) (float64, string) { return reader.ParseNumber(v, 0.01, 4) }, &s.Sigma)
		most := reader.Take(r, path2+".max", parts["max"], sizeBytes, &s.Max)
		if ok = median && sigma && most; ok && s.Max < s.Median {
			r.Fail(parts["max"].At, path2+".max", "%d is below the median %d; write a larger max", s.Max, s.Median)
			ok = false
		}
	case form == "choice":
		ok = readChoice(r, path2, arg, &s)
	default:
		r.Fail(v.At, path, "%v is not a size; write a number of bytes, {uniform: [min, max]}, {lognormal: {median, sigma, max}} or {choice: [{size, weight}]}", v)
	}
	return s, ok
}

func readChoice(r *reader.Reader, path string, v reader.Value, s *Size) bool {
	if v.Kind != reader.List || len(v.List) == 0 {
		r.Fail(v.At, path, "%v is not a list of sizes; write [{size: 100, weight: 9}, {size: 1000, weight: 1}]", v)
		return false
	}
	if !reader.Few(r, path, v, maxParts) {
		return false
	}
	ok := true
	for i, e := range v.List {
		at := fmt.Sprintf("%s[%d]", path, i)
		parts, all := r.Mapping(at, e, "size", "weight")
		if !all {
			ok = false
			continue
		}
		var c SizeChoice
		size := reader.Take(r, at+".size", parts["size"], sizeBytes, &c.Size)
		weight := reader.Take(r, at+".weight", parts["weight"], func(v reader.Value) (float64, string) { return reader.ParseNumber(v, 0.000001, 1e6) }, &c.Weight)
		ok = ok && size && weight
		s.Choice = append(s.Choice, c)
	}
	return ok
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
func rate() reader.Kind {
	return reader.Scalar(object{"anyOf": []any{object{"const": "max"}, object{"type": "string", "pattern": rateForm.String()}}}, parseRate)
}

func parseRate(v reader.Value) (Rate, string) {
	if v.Kind == reader.Text && v.Text == "max" {
		return Rate{Max: true}, ""
	}
	if v.Kind == reader.Number {
		return Rate{}, fmt.Sprintf("%v has no unit; write %v/s, or max", v, v)
	}
	m := rateForm.FindStringSubmatch(v.Text)
	if v.Kind != reader.Text || m == nil {
		return Rate{}, fmt.Sprintf("%v is not a rate; write one like 600/s or 36000/m, or max", v)
	}
	perSecond, err := strconv.ParseFloat(m[1], 64)
	if m[2] == "m" {
		perSecond /= 60
	}
	if err != nil || perSecond <= 0 || perSecond > maxRate {
		return Rate{}, fmt.Sprintf("%s is out of range; write a rate above 0/s and up to %.0f/s, or max", v.Text, maxRate)
	}
	return Rate{PerSecond: perSecond}, ""
}

// share is a rate relative to produce.rate.
func share(v reader.Value) (float64, string) { return reader.ParseNumber(v, 0, 100) }

// schedule is the kind of produce.schedule.
func schedule() reader.Kind {
	part := object{"type": "number", "minimum": 0, "maximum": 100}
	return reader.Kind{
		Schema: object{"anyOf": []any{
			reader.WordSchema([]string{"constant", "poisson"}),
			reader.Exact(object{"ramp": reader.Meaning("The rate begins at a share of produce.rate and changes evenly to the whole of it.", reader.Exact(object{
				"from": reader.Meaning("The share to begin with.", part),
			}))}),
			reader.Exact(object{"steps": reader.Meaning("The rate changes in steps of equal length.", reader.Exact(object{
				"factors": reader.Meaning("The share of produce.rate in each step.", object{"type": "array", "minItems": 1, "maxItems": maxParts, "items": part}),
			}))}),
			reader.Exact(object{"bursts": reader.Meaning("Beside the constant rate many records at once, again and again.", reader.Exact(object{
				"every": reader.Meaning("Time from one burst to the next.", object{"type": "string", "pattern": reader.DurationPattern}),
				"size":  reader.Meaning("Records in a burst, over all producers.", object{"type": "integer", "minimum": 1, "maximum": maxBurst}),
			}))}),
		}},
		Read: func(r *reader.Reader, path string, v reader.Value, dst any) {
			if got, ok := readSchedule(r, path, v); ok {
				*dst.(*Schedule) = got
			}
		},
	}
}

const maxBurst = 10_000_000

func readSchedule(r *reader.Reader, path string, v reader.Value) (s Schedule, ok bool) {
	form, arg := only(v)
	path2 := path + "." + form
	switch {
	case arg.Kind == reader.Broken:
		return s, false
	case v.Kind == reader.Text:
		ok = reader.Take(r, path, v, func(v reader.Value) (string, string) {
			if v.Text == "ramp" || v.Text == "steps" || v.Text == "bursts" {
				return "", fmt.Sprintf("%s needs its figures; write {ramp: {from: 0.1}}, {steps: {factors: [0.5, 1]}} or {bursts: {every: 1s, size: 1000}}", v.Text)
			}
			return reader.ParseWord(v, []string{"constant", "poisson", "ramp", "steps", "bursts"})
		}, &s.Kind)
	case form == "ramp":
		s.Kind = form
		if parts, all := r.Mapping(path2, arg, "from"); all {
			ok = reader.Take(r, path2+".from", parts["from"], share, &s.From)
		}
	case form == "steps":
		s.Kind = form
		if parts, all := r.Mapping(path2, arg, "factors"); all {
			ok = readFactors(r, path2+".factors", parts["factors"], &s)
		}
	case form == "bursts":
		s.Kind = form
		if parts, all := r.Mapping(path2, arg, "every", "size"); all {
			every := reader.Take(r, path2+".every", parts["every"], func(v reader.Value) (time.Duration, string) {
				return reader.ParseDuration(v, time.Millisecond, time.Hour)
			}, &s.Every)
			size := reader.Take(r, path2+".size", parts["size"], func(v reader.Value) (int, string) { return reader.ParseInt(v, 1, maxBurst) }, &s.Size)
			ok = every && size
		}
	default:
		r.Fail(v.At, path, "%v is not a schedule; write constant, poisson, {ramp: {from}}, {steps: {factors}} or {bursts: {every, size}}", v)
	}
	return s, ok
}

func readFactors(r *reader.Reader, path string, v reader.Value, s *Schedule) bool {
	if v.Kind == reader.Broken {
		return false
	}
	if v.Kind != reader.List || len(v.List) == 0 {
		r.Fail(v.At, path, "%v is not a list of shares; write one like [0.5, 1, 1.5]", v)
		return false
	}
	if !reader.Few(r, path, v, maxParts) {
		return false
	}
	ok, sum := true, 0.0
	for i, e := range v.List {
		var f float64
		ok = reader.Take(r, fmt.Sprintf("%s[%d]", path, i), e, share, &f) && ok
		s.Factors = append(s.Factors, f)
		sum += f
	}
	if ok && sum == 0 {
		r.Fail(v.At, path, "every step is 0, so nothing would be sent; write a share above 0")
		ok = false
	}
	return ok
}
