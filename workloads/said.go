package workloads

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kbench/kbench/workloads/reader"
)

// Said is a field of a workload with its value in words.
type Said struct {
	Path  string `json:"path"`
	Value string `json:"value"`
}

// Unusual are the fields of the sections that are not at their defaults, in the
// order of the document. Those that describe the document as a whole, such as its
// matrix, are not among them.
func (s *Spec) Unusual() []Said {
	usual := Default()
	usual.Consume.Commit.Mark.Every = markEvery(s.Consume.Commit.Every) // it follows the other
	var out []Said
	for _, f := range document().Leaves() {
		if v := s.Value(f.Path); !f.Whole() && !reflect.DeepEqual(v, usual.Value(f.Path)) {
			out = append(out, Said{f.Path, inWords(v)})
		}
	}
	return out
}

// Says is the value of the field at path in words; empty where there is no such
// field.
func (s *Spec) Says(path string) string {
	if f := document().Find(path); f == nil || f.Kind == nil {
		return ""
	}
	return inWords(s.Value(path))
}

// Varying are the fields that the matrix varies, and the values that each takes, in
// words.
func (s *Spec) Varying() map[string][]string {
	out := map[string][]string{}
	for _, block := range s.Matrix {
		for path, values := range block {
			for _, v := range values {
				cell := *s
				if cell.Apply(path, v) != nil {
					continue // it was checked when it was read
				}
				if text := cell.Says(path); !slices.Contains(out[path], text) {
					out[path] = append(out[path], text)
				}
			}
		}
	}
	return out
}

// inWords is the value of a field on one line.
func inWords(v any) string {
	switch v := v.(type) {
	case time.Duration:
		return reader.ShowDuration(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []string:
		return strings.Join(v, ",")
	case Rate:
		if v.Max {
			return "max"
		}
		return inWords(v.PerSecond) + "/s"
	case Schedule:
		return v.inWords()
	case Size:
		return v.inWords()
	default:
		return fmt.Sprint(v)
	}
}

func (s *Schedule) inWords() string {
	switch s.Kind {
	case "ramp":
		return "ramp from " + percent(s.From)
	case "steps":
		var parts []string
		for _, f := range s.Factors {
			parts = append(parts, percent(f))
		}
		return "steps of " + strings.Join(parts, ", ")
	case "bursts":
		return fmt.Sprintf("bursts of %d every %s", s.Size, inWords(s.Every))
	default:
		return s.Kind
	}
}

func percent(share float64) string {
	return strconv.FormatFloat(100*share, 'g', 4, 64) + "%"
}

func (s *Size) inWords() string {
	switch {
	case len(s.Choice) > 0:
		var parts []string
		for _, c := range s.Choice {
			parts = append(parts, fmt.Sprintf("%d B (weight %s)", c.Size, inWords(c.Weight)))
		}
		return strings.Join(parts, " or ")
	case s.Median > 0:
		return fmt.Sprintf("lognormal, median %d B, sigma %s, at most %d B", s.Median, inWords(s.Sigma), s.Max)
	case s.Uniform[1] > 0:
		return fmt.Sprintf("%d to %d B", s.Uniform[0], s.Uniform[1])
	default:
		return fmt.Sprintf("%d B", s.Fixed)
	}
}

// Mean is the rate at which a schedule runs on the whole: bursts come on top of
// the rate, shares are of it. Zero for rate max, which has none.
func (p *Produce) Mean() float64 {
	r, s := p.Rate.PerSecond, p.Schedule
	switch s.Kind {
	case "bursts":
		return r + float64(s.Size)/s.Every.Seconds()
	case "ramp":
		return r * (1 + s.From) / 2
	case "steps":
		sum := 0.0
		for _, f := range s.Factors {
			sum += f
		}
		return r * sum / float64(len(s.Factors))
	default:
		return r
	}
}
