package profiled

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/pprof/profile"

	"github.com/kbench/kbench/profiles"
	"github.com/kbench/kbench/profiles/layers"
	"github.com/kbench/kbench/profiles/ui"
	"github.com/kbench/kbench/results"
)

// Pages are those of a run: an index of what there is, with the ledgers, and a page for
// each set and each pair. Pairs of two clients have no page of frames: their layers
// stand in the index, and why.
func (r *Run) Pages(sets []*Set, pairs []Pair) (ui.Index, []ui.Page, error) {
	b := &site{paths: map[string]bool{}}
	b.index.Title = "Profiles of run " + r.ID
	for _, w := range r.Warnings {
		b.index.Notes = append(b.index.Notes, w.String())
	}
	if err := b.pairs(pairs); err != nil {
		return ui.Index{}, nil, err
	}
	b.sets(sets)
	if err := b.ledgers(sets); err != nil {
		return ui.Index{}, nil, err
	}
	return b.index, b.pages, nil
}

// site is what is being put together.
type site struct {
	index ui.Index
	pages []ui.Page
	paths map[string]bool
}

// add takes in a page under a path of its own.
func (b *site) add(parts []string, p ui.Page) (path string) {
	for i, part := range parts {
		parts[i] = clean(part)
	}
	path = strings.Join(parts, "/")
	for n := 2; b.paths[path]; n++ {
		path = fmt.Sprintf("%s-%d", strings.Join(parts, "/"), n)
	}
	b.paths[path] = true
	p.Path = path
	b.pages = append(b.pages, p)
	return path
}

// clean is a name as one element of a path.
func clean(s string) string {
	out := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '@':
			return r
		default:
			return '-'
		}
	}, s)
	if out == "" {
		return "-"
	}
	return out
}

// sets adds a page for each set, and the table of them.
func (b *site) sets(sets []*Set) {
	t := ui.Table{Title: "Profiles", Notes: []string{"Each is merged over its rounds and workers. Frames of two clients cannot be compared, their layers can: see below."},
		Head: []string{"workload", "arm", "role", "worker", "kind", "slice", "samples", "records", "files"}}
	for _, s := range sets {
		sampleType, _, _ := shown(s.Kind)
		worker := s.Worker
		if worker == "" {
			worker = "all"
		}
		slice := s.Slice
		if slice == "" {
			slice = "measured part"
		}
		path := b.add([]string{s.Workload, s.Arm, string(s.Role), worker, string(s.Kind), slice}, ui.Page{Title: s.String(), Notes: s.notes(), First: sampleType, Load: s.Profile})
		t.Rows = append(t.Rows, []ui.Cell{
			{Text: s.Workload}, {Text: s.Arm}, {Text: string(s.Role)}, {Text: worker}, {Text: string(s.Kind), Link: path + "/flamegraph"}, {Text: slice},
			{Text: s.samples(), Number: true, Warn: s.Few()}, {Text: s.records(), Number: true}, {Text: fmt.Sprint(s.Files()), Number: true},
		})
	}
	b.index.Tables = append(b.index.Tables, t)
}

// String is what a set is, in a line.
func (s *Set) String() string {
	words := []string{s.Workload, s.Arm}
	if s.Version != "" {
		words[1] += " " + s.Version
	}
	words = append(words, string(s.Role))
	if s.Worker != "" {
		words = append(words, s.Worker)
	}
	words = append(words, string(s.Kind))
	if s.Slice != "" {
		words = append(words, s.Slice)
	}
	return strings.Join(words, ", ")
}

// samples is how many samples it has, as a number.
func (s *Set) samples() string {
	switch {
	case !s.counts():
		return "-"
	case s.Kind == profiles.CPU:
		return fmt.Sprint(s.Samples)
	}
	return fmt.Sprintf("about %d", s.Samples)
}

// counted is the same in words.
func (s *Set) counted() string {
	if s.counts() && s.Samples == 1 {
		return s.samples() + " sample"
	}
	return s.samples() + " samples"
}

// records is of how many it is; of a slice that is not known.
func (s *Set) records() string {
	if s.Slice != "" {
		return "-"
	}
	return fmt.Sprint(s.Cost.Records)
}

// notes is what one must know to read it.
func (s *Set) notes() []string {
	var out []string
	if s.counts() {
		out = append(out, s.counted())
	}
	if s.Few() {
		out = append(out, FewWords)
	}
	if s.Slice != "" {
		out = append(out, fmt.Sprintf("%s of %.3g s in all", count(int64(s.Windows), "window"), time.Duration(s.Time).Seconds()))
	}
	return append(out, fmt.Sprintf("%s, %s", count(int64(s.Rounds()), "round"), count(int64(s.Workers()), "worker")))
}

// Enough says of how many samples it is, and whether they are few.
func (s *Set) Enough() string { return strings.Join(s.notes(), "; ") }

// Enough says of how many samples the two are, and whether they are few.
func (p Pair) Enough() string { return strings.Join(p.notes(), "; ") }

// FewWords say what few samples are worth.
var FewWords = fmt.Sprintf("fewer than %d: what is hottest may be chance", profiles.EnoughSamples)

func count(n int64, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}

// pairs adds a page for each pair of one client, and the layers of every pair.
func (b *site) pairs(pairs []Pair) error {
	if len(pairs) == 0 {
		return nil
	}
	t := ui.Table{Title: "Differences", Head: []string{"workload", "role", "kind", "A", "B", "samples of A", "of B"}}
	sides, why := Sides(pairs)
	t.Notes = why
	for _, p := range pairs {
		kind := ui.Cell{Text: string(p.A.Kind)}
		if p.SameClient() {
			sampleType, _, _ := shown(p.A.Kind)
			path := b.add([]string{"diff", p.A.Workload, string(p.A.Role), p.A.name(p.B), p.B.name(p.A), string(p.A.Kind)}, ui.Page{
				Title: p.String() + ", " + p.A.Per(), Notes: p.notes(), First: sampleType, Load: func() (*profile.Profile, error) { return p.Profile() },
			})
			kind.Link = path + "/flamegraph"
		}
		t.Rows = append(t.Rows, []ui.Cell{{Text: p.A.Workload}, {Text: string(p.A.Role)}, kind, {Text: p.A.name(p.B)}, {Text: p.B.name(p.A)},
			{Text: p.A.samples(), Number: true, Warn: p.A.Few()}, {Text: p.B.samples(), Number: true, Warn: p.B.Few()}})
	}
	b.index.Tables = append(b.index.Tables, t)
	return b.ledgers(sides)
}

// String is what a difference is of, in a line.
func (p Pair) String() string {
	return fmt.Sprintf("%s, %s, %s: %s less %s", p.A.Workload, p.A.Role, p.A.Kind, p.A.name(p.B), p.B.name(p.A))
}

func (p Pair) notes() []string {
	if !p.A.counts() {
		return nil
	}
	out := []string{fmt.Sprintf("%s against %s", p.A.counted(), p.B.samples())}
	if p.A.Few() || p.B.Few() {
		out = append(out, FewWords)
	}
	return out
}

// name tells a set from the one beside it.
func (s *Set) name(other *Set) string {
	words := []string{s.Arm}
	if s.Version != other.Version {
		words = append(words, s.Version)
	}
	if s.Slice != other.Slice && s.Slice != "" {
		words = append(words, "#"+s.Slice)
	}
	if s.Run != other.Run {
		words = append(words, "in "+s.Run)
	}
	return strings.Join(words, " ")
}

// ledgers adds a table for each ledger of the sets that are of all workers.
func (b *site) ledgers(sets []*Set) error {
	all := slices.DeleteFunc(slices.Clone(sets), func(s *Set) bool { return s.Worker != "" || s.Kind != profiles.CPU && s.Kind != profiles.Allocs })
	if len(all) == 0 {
		return nil
	}
	ls, err := Ledgers(all)
	if err != nil {
		return err
	}
	for i := range ls {
		b.index.Tables = append(b.index.Tables, ls[i].table())
	}
	return nil
}

// table is a ledger as one.
func (l *Ledger) table() ui.Table {
	t := ui.Table{Title: l.Title(), Head: []string{"layer"}}
	for i := range l.Columns {
		t.Head = append(t.Head, l.Name(i), "")
	}
	for _, layer := range l.Rows() {
		row := []ui.Cell{{Text: string(layer)}}
		for i := range l.Columns {
			c := &l.Columns[i]
			row = append(row, ui.Cell{Text: amountIf(c.PerRecord(layer)), Number: true}, ui.Cell{Text: fmt.Sprintf("%.1f%%", 100*c.Share(layer)), Number: true})
		}
		t.Rows = append(t.Rows, row)
	}
	row := []ui.Cell{{Text: "all"}}
	for i := range l.Columns {
		c := &l.Columns[i]
		row = append(row, ui.Cell{Text: amountIf(c.Sum()), Number: true}, ui.Cell{})
		t.Notes = append(t.Notes, c.Note(l.Name(i)))
	}
	t.Rows = append(t.Rows, row)
	return t
}

// amountIf is an amount where that is known.
func amountIf(v float64, known bool) string {
	if !known {
		return "not known"
	}
	return amount(v)
}

// amount writes three significant digits.
func amount(v float64) string {
	switch {
	case v >= 1000:
		return fmt.Sprintf("%.0f", v)
	case v == 0:
		return "0"
	}
	return fmt.Sprintf("%.3g", v)
}

// Note says how far a column can be trusted.
func (c *Column) Note(name string) string {
	words := name + ": "
	words += c.Set.counted()
	if c.Set.Few() {
		words += ", " + FewWords
	}
	if _, known := c.Sum(); !known {
		return words + "; " + noRecords
	}
	if share, known := c.Coverage(); known {
		return words + fmt.Sprintf("; they cover %.0f%% of what the process's counters say, to which figures are scaled", 100*share)
	}
	return words + "; figures are their sums alone, since the counters of its processes do not span the measured part"
}

// Title is what a ledger is of.
func (l *Ledger) Title() string {
	per := map[string]string{results.UnitNs: "ns of CPU", results.UnitAllocs: "allocations", results.UnitBytes: "bytes allocated"}[l.Unit]
	of := "per record"
	if l.Columns[0].Set.Slice != "" {
		of = perSecond
	}
	return fmt.Sprintf("%s, %s: %s %s, by layer", l.Workload, l.Role, per, of)
}

// Name is what a column is called among the others.
func (l *Ledger) Name(i int) string {
	s := l.Columns[i].Set
	name := s.Arm
	for j, c := range l.Columns {
		if j != i && (c.Set.Arm == s.Arm || c.Set.Client == s.Client) {
			name = s.name(c.Set)
			break
		}
	}
	return name
}

// Rows are the layers that any column has something of.
func (l *Ledger) Rows() []layers.Layer {
	return slices.DeleteFunc(layers.Layers(), func(layer layers.Layer) bool {
		return !slices.ContainsFunc(l.Columns, func(c Column) bool { return c.Of(layer).Value != 0 })
	})
}
