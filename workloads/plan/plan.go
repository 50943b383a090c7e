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
}

// matched is the lane that needs no mention.
const matched = "matched"

// Expand lists the trials of a run in order. rounds of 0 leaves their number to
// each workload.
func Expand(specs []workloads.Spec, clients, lanes []string, rounds int, seed uint64) ([]Trial, error) {
	if err := checkArguments(specs, clients, lanes, rounds); err != nil {
		return nil, err
	}
	var trials []Trial
	for _, spec := range specs {
		arms, cells, err := armsOf(spec, clients, lanes)
		if err != nil {
			return nil, fmt.Errorf("workload %s: %w", spec.Name, err)
		}
		times := rounds
		if times == 0 {
			times = spec.Rounds
		}
		for round := 1; round <= times; round++ {
			// A seed of its own: the order must not be tied to the records.
			order := rand.New(rand.NewPCG(derive(seed, "order of "+spec.Name, round), 0)).Perm(len(arms))
			seed := derive(seed, spec.Name, round)
			for _, i := range order {
				acts, err := churn.Expand(&cells[i], seed, cells...)
				if err != nil {
					return nil, fmt.Errorf("workload %s: arm %s: %w", spec.Name, arms[i].Name, err)
				}
				n := len(trials) + 1
				trials = append(trials, Trial{
					N:        n,
					Dir:      fmt.Sprintf("%03d-%s-%s-%d", n, spec.Name, fileName(arms[i].Name), round),
					Workload: spec.Name,
					Arm:      arms[i],
					Round:    round,
					Spec:     cells[i],
					Seed:     seed,
					Acts:     acts,
				})
			}
		}
	}
	return trials, nil
}

func checkArguments(specs []workloads.Spec, clients, lanes []string, rounds int) error {
	switch {
	case len(specs) == 0:
		return errors.New("there is no workload to run; name one")
	case len(clients) == 0:
		return errors.New("there is no client to run; name one")
	case len(lanes) == 0:
		return errors.New("there is no lane to run in; name one, such as matched")
	case rounds < 0:
		return fmt.Errorf("rounds is %d; write at least 1, or 0 for what the workload says", rounds)
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
			for _, lane := range lanes {
				arms = append(arms, Arm{Name: armName(client, lane, name(cell)), Client: client, Lane: lane, Cell: cell})
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

// fileName makes the name of an arm fit for a directory on any system.
func fileName(arm string) string {
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
