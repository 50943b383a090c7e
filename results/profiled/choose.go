package profiled

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kbench/kbench/profiles"
)

// Choice says which sets are meant. What is empty leaves all, but for the worker and the
// slice: none is all of them together.
type Choice struct {
	Workload string
	Arm      string // or a client, which means all its arms
	Role     string
	Worker   string
	Kind     string
	Slice    string
}

// field is one thing that can be chosen.
type field struct {
	name, want string
	has        func(*Set) []string
}

func (c Choice) fields() []field {
	return []field{
		{"workload", c.Workload, func(s *Set) []string { return []string{s.Workload} }},
		{"arm", c.Arm, func(s *Set) []string { return []string{s.Arm, s.Client} }},
		{"role", c.Role, func(s *Set) []string { return []string{string(s.Role)} }},
		{"worker", c.Worker, func(s *Set) []string { return []string{s.Worker} }},
		{"kind", c.Kind, func(s *Set) []string { return []string{string(s.Kind)} }},
		{"slice", c.Slice, func(s *Set) []string { return []string{s.Slice} }},
	}
}

// Choose finds the sets that are meant. That there is none is an error that says what
// there is.
func (r *Run) Choose(c Choice) ([]*Set, error) {
	sets := r.Sets
	for _, f := range c.fields() {
		var left []*Set
		there := map[string]bool{}
		for _, s := range sets {
			for _, v := range f.has(s) {
				if v != "" {
					there[v] = true
				}
			}
			if slices.Contains(f.has(s), f.want) || f.want == "" && (f.name != "worker" || s.Worker == "") && (f.name != "slice" || s.Slice == "") {
				left = append(left, s)
			}
		}
		if len(left) == 0 {
			if len(there) == 0 {
				return nil, fmt.Errorf("run %s has no profile of the %s %s", r.ID, f.name, f.want)
			}
			return nil, fmt.Errorf("run %s has no profile of the %s %s; there are %s", r.ID, f.name, f.want, strings.Join(slices.Sorted(maps.Keys(there)), ", "))
		}
		sets = left
	}
	return sets, nil
}

// FirstKind is the kind that is shown where one only is: the first that there is.
func (r *Run) FirstKind() string {
	for _, k := range profiles.Kinds() {
		if slices.ContainsFunc(r.Sets, func(s *Set) bool { return s.Kind == k }) {
			return string(k)
		}
	}
	return ""
}

// With are sets with those of their workers, where there are several of those, and with
// their slices.
func (r *Run) With(sets []*Set) []*Set {
	chosen := map[Key]bool{}
	for _, s := range sets {
		chosen[s.Key] = true
	}
	return slices.DeleteFunc(slices.Clone(r.Sets), func(s *Set) bool {
		all := s.Key
		all.Worker, all.Slice = "", ""
		sliced := s.Key
		sliced.Worker = ""
		return !chosen[s.Key] && !chosen[all] && !chosen[sliced]
	})
}

// Missing is why a run has no profiles at all, and how to get some.
func (r *Run) Missing(command []string) error {
	if len(r.Asked) > 0 {
		return fmt.Errorf("run %s was to take profiles (%s), but no trial that completed left one; its report says what failed", r.ID, kinds(r.Asked))
	}
	return fmt.Errorf("run %s took no profiles; take them with \"%s --profile cpu,heap,allocs\"", r.ID, again(command))
}

func kinds(all []profiles.Kind) string {
	var out []string
	for _, k := range all {
		out = append(out, string(k))
	}
	return strings.Join(out, ", ")
}

// again is the command of a run, without its output.
func again(command []string) string {
	words := slices.DeleteFunc(slices.Clone(command), func(w string) bool { return strings.HasPrefix(w, "--out=") || strings.HasPrefix(w, "--json") })
	if len(words) == 0 {
		return "kbench run WORKLOAD"
	}
	return strings.Join(words, " ")
}

// Side is one side of a difference, as it is written: [RUN:][ARM][#SLICE].
type Side struct{ Run, Arm, Slice string }

// ParseDiff reads the two sides of a difference, with a comma between them.
func ParseDiff(text string) (a, b Side, err error) {
	sides := strings.Split(text, ",")
	if len(sides) != 2 || sides[0] == "" || sides[1] == "" {
		return a, b, fmt.Errorf("%q is not two sides with a comma between them; a side is [RUN:][ARM][#SLICE], such as franz-go/range or runs/last-night:", text)
	}
	return parseSide(sides[0]), parseSide(sides[1]), nil
}

func parseSide(text string) (s Side) {
	if run, rest, found := strings.Cut(text, ":"); found {
		s.Run, text = run, rest
	}
	s.Arm, s.Slice, _ = strings.Cut(text, "#")
	return s
}

// Of is a choice with what a side says.
func (c Choice) Of(s Side) Choice {
	if s.Arm != "" {
		c.Arm = s.Arm
	}
	if s.Slice != "" {
		c.Slice = s.Slice
	}
	return c
}

// Pair is two sets to be held against each other: what A has more than B.
type Pair struct{ A, B *Set }

// Pairs finds what of two choices belongs together: the same workload, role and kind,
// and where the sides do not name arms the same arm.
func Pairs(as, bs []*Set, sameArm bool) ([]Pair, error) {
	var out []Pair
	for _, a := range as {
		for _, b := range bs {
			if a.Workload == b.Workload && a.Role == b.Role && a.Worker == b.Worker && a.Kind == b.Kind && (!sameArm || a.Arm == b.Arm) {
				out = append(out, Pair{a, b})
			}
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("the two sides have no workload, role and kind in common")
	}
	return out, nil
}

// SameClient says whether functions of the two have the same names.
func (p Pair) SameClient() bool { return base(p.A.Client) == base(p.B.Client) }

// base is a client without a version, and without what is broken about it.
func base(client string) string {
	if at := strings.IndexAny(client, "@=+"); at >= 0 {
		return client[:at]
	}
	return client
}

// Sides are the sets of pairs, each once, and why some of those have no frames.
func Sides(pairs []Pair) (sets []*Set, why []string) {
	for _, p := range pairs {
		for _, s := range []*Set{p.A, p.B} {
			if !slices.Contains(sets, s) {
				sets = append(sets, s)
			}
		}
		if !p.SameClient() && !slices.Contains(why, p.WhyNoFrames()) {
			why = append(why, p.WhyNoFrames())
		}
	}
	return sets, why
}

// WhyNoFrames is why two clients are not compared function by function.
func (p Pair) WhyNoFrames() string {
	return fmt.Sprintf("%s and %s share no functions, so that a difference of their frames would only be both of them: their layers are compared", p.A.Client, p.B.Client)
}
