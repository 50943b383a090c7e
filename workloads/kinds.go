package workloads

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/kbench/kbench/workloads/reader"
)

// kinds are the fields that are no plain numbers, durations and words, by what
// their tags say that they are.
func kinds() map[string]reader.Kind {
	text := object{"type": "string"}
	all := slices.Concat(classicAssignors(), []string{"uniform"})
	checked := func(what string) func(*reader.Reader, reader.Value) string {
		return func(r *reader.Reader, v reader.Value) string { return r.Checked(what, v.Text) }
	}
	return map[string]reader.Kind{
		"name":     name(),
		"memory":   memory(),
		"size":     size(),
		"rate":     rate(),
		"schedule": schedule(),
		"share":    shareOf(),
		"node":     node(AnyNode, CoordinatorNode, OtherNodes),
		"timeline": timeline(),
		"matrix":   matrix(),
		// Which protocol an assignor belongs to is a matter of two fields and is
		// looked at when both are known.
		"assignors": reader.Words(reader.WordSchema(all), oneOf(all)),
		"needs":     reader.Words(text, checked("need")),
		"gates":     reader.Words(text, checked("gate")),
		"figures":   reader.Words(text, checked("figure")),
	}
}

func classicAssignors() []string {
	return []string{"range", "roundrobin", "sticky", "cooperative-sticky"}
}
func serverAssignors() []string { return []string{"uniform", "range"} }

// oneOf is a check of an entry in a list of words.
func oneOf(words []string) func(*reader.Reader, reader.Value) string {
	return func(_ *reader.Reader, v reader.Value) string {
		_, wrong := reader.ParseWord(v, words)
		return wrong
	}
}

// names keeps them usable in topics, groups and directories.
var names = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,63}$`)

func name() reader.Kind {
	return matching(names, "%v cannot be a name; write up to 64 lower-case letters, digits and dashes, such as my-workload")
}

// limits are in the form that the Go runtime reads from GOMEMLIMIT; they are handed
// on as they are written.
var limits = regexp.MustCompile(`^([1-9][0-9]*(B|KiB|MiB|GiB))?$`)

// The bounds of a limit: below the least a process only collects garbage, and of one
// beyond the most the Go runtime knows nothing and does not start.
const (
	leastLimit = 32 << 20
	mostLimit  = 1 << 40
)

// memory is the kind of process.gomemlimit. Nothing written is no limit.
func memory() reader.Kind {
	return reader.Scalar(object{"type": "string", "pattern": limits.String()},
		func(v reader.Value) (string, string) {
			if v.Kind != reader.Text || !limits.MatchString(v.Text) {
				return "", fmt.Sprintf("%v is not an amount of memory; write one like 512MiB or 2GiB", v)
			}
			if _, wrong := reader.ParseBytes(v, leastLimit, mostLimit); wrong != "" && v.Text != "" {
				return "", fmt.Sprintf("%v is out of range; write 32MiB to 1024GiB", v)
			}
			return v.Text, ""
		})
}

// matching is a text of some form.
func matching(form *regexp.Regexp, wrong string) reader.Kind {
	return reader.Scalar(object{"type": "string", "pattern": form.String()},
		func(v reader.Value) (string, string) {
			if v.Kind != reader.Text || !form.MatchString(v.Text) {
				return "", fmt.Sprintf(wrong, v)
			}
			return v.Text, ""
		})
}
