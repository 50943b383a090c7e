package summary

import (
	"bytes"
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/perf/benchfmt"

	"github.com/kbench/kbench/internal/visible"
	"github.com/kbench/kbench/results"
)

// benchUnit is a figure of bench.txt: which row it is, and the unit under which
// benchstat shows it.
type benchUnit struct {
	metric, stat, rowUnit string
	unit                  string
}

// benchUnits are the figures of a line, in order. benchstat tells figures apart
// by their unit alone, so each unit names its metric.
func benchUnits() []benchUnit {
	units := []benchUnit{
		{results.ProduceThroughput, "", results.UnitRate, "records/s"},
		{results.ConsumeThroughput, "", results.UnitRate, "delivered/s"},
		{results.ProduceThroughput, "", results.UnitBytesPS, "B/s"},
		{results.ConsumeThroughput, "", results.UnitBytesPS, "delivered-B/s"},
		{results.CPUPerRecord, "", results.UnitNs, "cpu-ns/record"},
		{results.AllocPerRecord, "", results.UnitAllocs, "allocs/record"},
		{results.AllocBytes, "", results.UnitBytes, "B/record"},
		{results.ProduceService, "p50", results.UnitNs, "service-p50-ns"},
		{results.ProduceService, "p99", results.UnitNs, "service-p99-ns"},
		{results.ProduceResponse, "p50", results.UnitNs, "response-p50-ns"},
		{results.ProduceResponse, "p99", results.UnitNs, "response-p99-ns"},
		{results.E2EResponse, "p50", results.UnitNs, "e2e-p50-ns"},
		{results.E2EResponse, "p99", results.UnitNs, "e2e-p99-ns"},
		{results.RSSPeak, "", results.UnitBytes, "rss-B"},
		{results.GCPause, "", results.UnitNs, "gc-pause-ns"},
	}
	for _, m := range results.Marks() {
		units = append(units, benchUnit{m.Name, "", m.Unit, strings.ReplaceAll(m.Mark, " ", "-")})
	}
	return units
}

// isMark has the metrics that are marks of their trial.
func isMark() map[string]bool {
	out := map[string]bool{}
	for _, m := range results.Marks() {
		out[m.Name] = true
	}
	return out
}

// Bench writes the summary in Go benchmark format: one line per trial and role,
// named so that benchstat -col /client puts the clients side by side. Client
// and lane stand in the name rather than in configuration lines because
// benchstat would make a table of its own of every configuration. A mark is a
// figure that is there only where the trial has it: a benchstat table without
// one is free of it. The reference producer is no arm and is left out.
func Bench(s *results.Summary, run *results.Run) []byte {
	var buf bytes.Buffer
	w := benchfmt.NewWriter(&buf)
	units, mark := benchUnits(), isMark()
	units = slices.DeleteFunc(units, func(u benchUnit) bool { // a mark that nobody was asked about has nothing to explain
		return mark[u.metric] && !slices.ContainsFunc(s.Rows, func(r results.Row) bool { return r.Metric == u.metric })
	})
	for _, u := range units {
		m, _ := results.LookupMetric(u.metric)
		if m.Better == results.Neither {
			continue
		}
		meta := &benchfmt.UnitMetadata{OrigUnit: u.unit, Value: string(m.Better)}
		meta.Key = "better"
		write(w, meta)
	}
	for _, rows := range lines(s.Rows) {
		res := &benchfmt.Result{Config: config(run), Name: benchfmt.Name(benchName(rows[0])), Iters: 1}
		for _, u := range units {
			for _, r := range rows {
				if r.Metric == u.metric && r.Stat == u.stat && r.Unit == u.rowUnit && (r.Value != 0 || !mark[r.Metric]) {
					res.Values = append(res.Values, benchfmt.Value{Value: r.Value, Unit: u.unit})
				}
			}
		}
		write(w, res)
	}
	return buf.Bytes()
}

// write cannot fail: the writer is a buffer, and each kind of record that Bench
// makes is known to it.
func write(w *benchfmt.Writer, rec benchfmt.Record) {
	if err := w.Write(rec); err != nil {
		panic(err)
	}
}

// config is what all trials of a run share.
func config(run *results.Run) []benchfmt.Config {
	var out []benchfmt.Config
	add := func(key, value string) {
		if value != "" {
			out = append(out, benchfmt.Config{Key: key, Value: []byte(visible.Line(strings.Join(strings.Fields(value), " "))), File: true})
		}
	}
	add("goos", run.Machine.OS)
	add("goarch", run.Machine.Arch)
	add("cpu", run.Machine.CPU)
	v := run.Versions()
	add("go", v.Go)
	add("kbench", v.Kbench)
	add("broker", v.Broker)
	for _, client := range slices.Sorted(maps.Keys(v.Clients)) {
		add("client-"+client, v.Clients[client])
	}
	add("lanes", strings.Join(v.Lanes, " "))
	return out
}

// lines groups rows by trial and role; the trial's marks go with each. Roles
// without throughput, such as the broker's, are no line.
func lines(rows []results.Row) [][]results.Row {
	type line struct {
		trial int
		role  results.Role
	}
	mark := isMark()
	byLine, marks := map[line][]results.Row{}, map[int][]results.Row{}
	for _, r := range rows {
		switch {
		case r.Profiled: // no benchmark result
		case mark[r.Metric]:
			marks[r.Trial] = append(marks[r.Trial], r)
		case r.Class != "": // a part of what has a row of its own
		case r.Role.UnderTest():
			byLine[line{r.Trial, r.Role}] = append(byLine[line{r.Trial, r.Role}], r)
		}
	}
	var out [][]results.Row
	for key, group := range byLine {
		out = append(out, append(group, marks[key.trial]...))
	}
	slices.SortFunc(out, func(a, b []results.Row) int {
		return cmp.Or(cmp.Compare(a[0].Trial, b[0].Trial), cmp.Compare(a[0].Role, b[0].Role))
	})
	return out
}

// benchName is the name of a line, without "Benchmark". It ends with the role,
// so a client's name that ends in a number is not read as a number of CPUs.
func benchName(r results.Row) string {
	name := camel(r.Workload) + "/client=" + tidy(r.Client) + "/lane=" + tidy(r.Lane)
	if set := strings.TrimPrefix(strings.TrimPrefix(r.Arm, r.Client), "/"); set != "" {
		name += "/set=" + tidy(set)
	}
	return name + "/role=" + string(r.Role)
}

// tidy makes a value of a name part: no spaces, no slashes.
func tidy(s string) string {
	if s == "" {
		return strconv.Quote("")
	}
	return strings.Map(func(r rune) rune {
		if r == '/' || r == '=' || unicode.IsSpace(r) {
			return '_'
		}
		return r
	}, visible.Line(s))
}

// camel turns produce-max into ProduceMax.
func camel(s string) string {
	var b strings.Builder
	for _, word := range strings.FieldsFunc(s, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		runes := []rune(word)
		b.WriteRune(unicode.ToUpper(runes[0]))
		b.WriteString(string(runes[1:]))
	}
	return b.String()
}
