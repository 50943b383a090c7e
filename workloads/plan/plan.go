// Package plan turns workloads, clients and a seed into the ordered list of
// trials that a run consists of. It is pure: the same arguments give the same
// plan, and nothing is started, asked or measured.
//
// The order is a randomised complete block. Workloads come one after the other;
// within one, a round runs every arm once, in an order drawn anew for each
// round. Whatever drifts on the machine then falls on all arms alike, and two
// arms can be compared pair by pair within their rounds.
package plan

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/churn"
)

// Arm is one thing being compared.
type Arm struct {
	// Name is the client, the cell of the matrix and the lane, such as
	// franz-go/cooperative-sticky@best; the lane matched is not written.
	Name   string
	Client string
	Lane   string
	// Twin: it is its client once more under another name, so that what sets the two
	// apart is nothing but chance and the machine.
	Twin bool
	// Cell is what the matrix sets in this arm; empty without a matrix.
	Cell map[string]any
}

// Trial is one workload run once for one arm.
type Trial struct {
	N        int    // position in the run, from 1
	Dir      string // name of its directory, unique in the run
	Workload string
	Arm      Arm
	Round    int // from 1
	// Profiled: it is one of the rounds of profiles, which come after those that are
	// timed. Profiles change what they look at, so no timing is taken from it.
	Profiled bool
	// Repeat: its round is run for the second time.
	Repeat bool
	// Spec is the workload with the arm's cell applied, and so without a matrix.
	Spec workloads.Spec
	// Seed is the same for all arms of a round, so that they get the same
	// records, keys and intended times.
	Seed uint64
	// Acts is the timeline of churn. All arms of a round have the same acts in the
	// same order, with the same targets and phases: which of them comes first must
	// not depend on what is being compared. Who is the oldest may, where the arms
	// differ in the session that a stall outlasts, or in static membership.
	Acts []churn.Act

	index int // of the arm among those of the workload
}

// TwinName is what follows the name of a client that is asked for once more.
const TwinName = "@aa"

// matched is the lane that needs no mention.
const matched = "matched"

// The bounds of a run: more trials, or acts in all of them together, than anyone would
// wait for.
const (
	maxTrials = 10_000
	maxActs   = 200_000
)

// Rounds say how often every arm runs: Timed, where 0 leaves it to each workload, and
// then Profiled more.
type Rounds struct{ Timed, Profiled int }

// Expand lists the trials of a run in order.
func Expand(specs []workloads.Spec, clients, lanes []string, rounds Rounds, seed uint64) ([]Trial, error) {
	if err := checkArguments(specs, clients, lanes, rounds); err != nil {
		return nil, err
	}
	var trials []Trial
	all := 0 // acts
	for _, spec := range specs {
		arms, cells, err := armsOf(spec, clients, lanes)
		if err != nil {
			return nil, fmt.Errorf("workload %s: %w", spec.Name, err)
		}
		timed := rounds.Timed
		if timed == 0 {
			timed = spec.Rounds
		}
		times := timed + rounds.Profiled
		if more := len(arms) * times; len(trials)+more > maxTrials {
			return nil, fmt.Errorf("workload %s: %d arms in %d rounds make %d trials, %d with those before, and more than %d are not run at a time; write fewer rounds, clients, lanes or cells of the matrix",
				spec.Name, len(arms), times, more, len(trials)+more, maxTrials)
		}
		b := block{workload: spec.Name, arms: arms, specs: cells, seed: seed}
		for round := 1; round <= times; round++ {
			more, err := b.round(round, "")
			if err != nil {
				return nil, err
			}
			for _, t := range more {
				if all += len(t.Acts); all > maxActs {
					return nil, fmt.Errorf("workload %s: with round %d all trials together have more than %d acts of churn; write fewer rounds, or a shorter timeline", spec.Name, round, maxActs)
				}
				t.Profiled = round > timed
				t.number(len(trials) + 1)
				trials = append(trials, t)
			}
		}
	}
	return trials, nil
}

// block is what the rounds of a workload have in common.
type block struct {
	workload string
	arms     []Arm
	specs    []workloads.Spec // of each arm
	seed     uint64           // of the run
}

// round is every arm once, in an order of its own, which there are several of. Its trials
// have no number yet.
func (b *block) round(n int, of string) ([]Trial, error) {
	// A seed of its own: the order must not be tied to the records.
	order := rand.New(rand.NewPCG(derive(b.seed, "order of "+b.workload+of, n), 0)).Perm(len(b.arms))
	seed := derive(b.seed, b.workload, n)
	var out []Trial
	for _, i := range order {
		acts, err := churn.Expand(&b.specs[i], seed, b.specs...)
		if err != nil {
			return nil, fmt.Errorf("workload %s: arm %s: %w", b.workload, b.arms[i].Name, err)
		}
		out = append(out, Trial{Workload: b.workload, Arm: b.arms[i], Round: n, Spec: b.specs[i], Seed: seed, Acts: acts, index: i})
	}
	return out, nil
}

// Alone is a trial as the only one of a run.
func (t Trial) Alone() Trial {
	t.number(1)
	return t
}

// number gives a trial its place in the run.
func (t *Trial) number(n int) {
	t.N, t.Dir = n, fmt.Sprintf("%03d-%s-%s-%d", n, t.Workload, FileName(t.Arm.Name), t.Round)
}

func checkArguments(specs []workloads.Spec, clients, lanes []string, rounds Rounds) error {
	switch {
	case len(specs) == 0:
		return errors.New("there is no workload to run; name one")
	case len(clients) == 0:
		return errors.New("there is no client to run; name one")
	case len(lanes) == 0:
		return errors.New("there is no lane to run in; name one, such as matched")
	case rounds.Timed < 0:
		return fmt.Errorf("rounds is %d; write at least 1, or 0 for what the workload says", rounds.Timed)
	case rounds.Profiled < 0:
		return fmt.Errorf("there are %d rounds of profiles; write 0 for none", rounds.Profiled)
	}
	names := make([]string, len(specs))
	for i, s := range specs {
		names[i] = s.Name
	}
	for what, list := range map[string][]string{"workload": names, "client": clients, "lane": lanes} {
		if twice := repeated(list); twice != "" {
			return fmt.Errorf("%s %s is given twice, and its results could not be told apart; remove one or rename it", what, twice)
		}
	}
	return nil
}

// repeated returns an entry that occurs twice, or "".
func repeated(list []string) string {
	for i, s := range list {
		if slices.Contains(list[:i], s) {
			return s
		}
	}
	return ""
}

// armsOf lists the arms of a workload, with the workload of each.
func armsOf(spec workloads.Spec, clients, lanes []string) ([]Arm, []workloads.Spec, error) {
	var arms []Arm
	var specs []workloads.Spec
	name := cellNames(slices.Collect(spec.Matrix.Cells()))
	for cell := range spec.Matrix.Cells() {
		applied, err := apply(spec, cell)
		if err != nil {
			return nil, nil, err
		}
		for _, client := range clients {
			library, twin := strings.CutSuffix(client, TwinName)
			for _, lane := range lanes {
				arms = append(arms, Arm{Name: armName(client, lane, name(cell)), Client: library, Twin: twin, Lane: lane, Cell: cell})
				specs = append(specs, applied)
			}
		}
	}
	return arms, specs, nil
}

// apply sets a cell in a workload, whose matrix is thereby used up.
func apply(spec workloads.Spec, cell map[string]any) (workloads.Spec, error) {
	spec.Matrix, spec.Full = nil, nil
	for _, path := range slices.Sorted(maps.Keys(cell)) {
		if err := spec.Apply(path, cell[path]); err != nil {
			return spec, fmt.Errorf("matrix: %w", err)
		}
	}
	if err := spec.Validate(); err != nil {
		return spec, fmt.Errorf("matrix: %w", err)
	}
	return spec, nil
}

// armName names an arm.
func armName(client, lane, cell string) string {
	name := client
	if cell != "" {
		name += "/" + cell
	}
	if lane != matched {
		name += "@" + lane
	}
	return name
}

// cellNames chooses how the cells of a workload are called: shortly, or by the
// whole paths of their fields where that would give two cells one name.
func cellNames(cells []map[string]any) func(cell map[string]any) string {
	seen := make(map[string]bool)
	for _, cell := range cells {
		name := cellName(cell)
		if seen[name] {
			return cellPaths
		}
		seen[name] = true
	}
	return cellName
}

// cellName names a cell. Words speak for themselves where it has one dimension,
// and a protocol with its assignors does too; numbers, and values of several
// dimensions, are given their field.
func cellName(cell map[string]any) string {
	protocol, ok := cell["group.protocol"]
	assignors, both := cell["group.assignors"]
	if ok && both && len(cell) == 2 {
		return label(protocol) + "/" + label(assignors)
	}
	var parts []string
	for _, path := range slices.Sorted(maps.Keys(cell)) {
		part := label(cell[path])
		if _, number := cell[path].(float64); number || part == "true" || part == "false" || len(cell) > 1 {
			part = shortest(path, cell) + "=" + part
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}

// cellPaths is the long name of a cell.
func cellPaths(cell map[string]any) string {
	var parts []string
	for _, path := range slices.Sorted(maps.Keys(cell)) {
		parts = append(parts, path+"="+label(cell[path]))
	}
	return strings.Join(parts, ",")
}

// shortest is the last part of a path, or all of it where another path of the
// cell ends in the same way.
func shortest(path string, cell map[string]any) string {
	last := path[strings.LastIndexByte(path, '.')+1:]
	for other := range cell {
		if other != path && strings.HasSuffix("."+other, "."+last) {
			return path
		}
	}
	return last
}

// label is a value in the name of an arm.
func label(v any) string {
	switch v := v.(type) {
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = label(e)
		}
		return strings.Join(parts, "+")
	case map[string]any:
		var parts []string
		for _, k := range slices.Sorted(maps.Keys(v)) {
			parts = append(parts, k+":"+label(v[k]))
		}
		return strings.Join(parts, "+")
	default:
		return fmt.Sprint(v)
	}
}

// longest is how much of an arm's name goes into that of its directory. The
// number in front keeps cut names apart.
const longest = 100

// FileName makes the name of an arm fit for a directory on any system, and for a part
// of an address.
func FileName(arm string) string {
	clean := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.ContainsRune("-_.+=", c):
			return c
		default:
			return '-'
		}
	}, arm)
	return clean[:min(len(clean), longest)]
}

// derive makes the seed of a round. A hash keeps the seeds of neighbouring
// rounds and workloads unrelated.
func derive(seed uint64, workload string, round int) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d\x00%s\x00%d", seed, workload, round))
	return binary.BigEndian.Uint64(sum[:])
}
