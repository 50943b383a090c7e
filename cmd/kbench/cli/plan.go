package cli

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/arm"
	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/internal/launch"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/plan"
)

// armPlan is what one arm of one workload comes to.
type armPlan struct {
	Workload string             `json:"workload"`
	Arm      string             `json:"arm"`
	Client   string             `json:"client"`
	Lane     string             `json:"lane"`
	Refused  string             `json:"refused,omitempty"`
	Settings []results.PlanLine `json:"settings"`
}

func (a *app) planCommand() *cobra.Command {
	var sel selection
	var asJSON, all bool
	var number roundFlags
	var pilot string
	cmd := &cobra.Command{
		Use:   "plan WORKLOAD...",
		Short: "Print trials, settings per client and the time it will take, without running",
		Long: `Prints the trials in their order, the time they will take, and per client the
settings that it does not have exactly as the workloads ask, without running
anything. What a client claims here is compared with the wire after each trial.`,
		Example: `  kbench plan quick
  kbench plan churn-join --full
  kbench plan end-to-end --client sarama --all
  kbench plan end-to-end --until 2% --pilot 20260102-150405-1a2b`,
		RunE: func(cmd *cobra.Command, args []string) error {
			sel.open = number.open(cmd)
			chosen, err := sel.load(a, cmd, args)
			if err != nil {
				return usage(err)
			}
			by, err := a.pilot(cmd, &number, pilot, chosen, sel.rounds)
			if err != nil {
				return err
			}
			arms := a.armPlans(chosen.trials)
			if asJSON {
				enc := json.NewEncoder(a.out)
				enc.SetIndent("", "  ")
				return enc.Encode(struct {
					Seed      uint64           `json:"seed"`
					Seconds   float64          `json:"seconds"`
					Workloads []workloads.Spec `json:"workloads"`
					Arms      []armPlan        `json:"arms"`
					Pilot     []piloted        `json:"pilot,omitempty"`
				}{chosen.seed, a.duration(chosen.trials).Seconds(), chosen.specs, arms, by})
			}
			a.printPlan(chosen, arms, all, by)
			return nil
		},
	}
	sel.add(a, cmd)
	number.addUntil(cmd)
	cmd.Flags().StringVar(&pilot, "pilot", "", "with --until, say how many rounds that takes, by those of this `run`")
	completes(cmd, "until", oneWord("1%", "2%", "5%"))
	completes(cmd, "pilot", runName)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print everything as JSON")
	cmd.Flags().BoolVar(&all, "all", false, "print settings that are exact too")
	return cmd
}

func (a *app) armPlans(trials []plan.Trial) []armPlan {
	var out []armPlan
	seen := make(map[string]bool)
	for i := range trials {
		t := &trials[i]
		if key := t.Workload + "\x00" + t.Arm.Name + "\x00" + t.Arm.Lane; seen[key] {
			continue
		} else {
			seen[key] = true
		}
		lines, refused := arm.Plan(&t.Spec, drivers.Mode(t.Arm.Lane), drivers.Find(a.table, t.Arm.Client), drivers.Find(a.table, conduct.Reference))
		out = append(out, armPlan{t.Workload, t.Arm.Name, t.Arm.Client, t.Arm.Lane, refused, lines})
	}
	return out
}

// count says how many trials there are, and how many of them are for profiles.
func (s *selected) count() string {
	profiled := 0
	for i := range s.trials {
		if s.trials[i].Profiled {
			profiled++
		}
	}
	out := quantity(len(s.trials), "trial")
	if profiled > 0 {
		out += fmt.Sprintf(" (%d of them for profiles, not timed)", profiled)
	}
	return out
}

// duration estimates how long a run takes.
func (a *app) duration(trials []plan.Trial) (d time.Duration) {
	for _, e := range a.expected(trials) {
		d += e
	}
	return d
}

// expected estimates how long each trial takes. Refused ones take no time.
func (a *app) expected(trials []plan.Trial) []time.Duration {
	out := make([]time.Duration, len(trials))
	for i := range trials {
		t := &trials[i]
		if _, refused := arm.Plan(&t.Spec, drivers.Mode(t.Arm.Lane), drivers.Find(a.table, t.Arm.Client), nil); refused == "" {
			out[i] = conduct.IdleBefore(&t.Spec, conduct.Idle) + plan.Duration(t.Spec)
		}
	}
	return out
}

func (a *app) printPlan(chosen *selected, arms []armPlan, all bool, by []piloted) {
	fmt.Fprintf(a.out, "%s, about %s, seed %d\n\n", chosen.count(), a.duration(chosen.trials).Round(time.Second), chosen.seed)
	for _, p := range by {
		fmt.Fprintln(a.out, p.Words)
	}
	if len(by) > 0 {
		fmt.Fprintln(a.out)
	}
	a.printOrder(chosen.trials)
	for _, spec := range chosen.specs {
		for i, expr := range spec.Gate {
			if i == 0 {
				fmt.Fprintf(a.out, "\ngates of %s, which every arm must meet\n", spec.Name)
			}
			fmt.Fprintln(a.out, "  "+expr)
		}
	}
	for _, arm := range arms {
		if arm.Refused != "" {
			fmt.Fprintf(a.out, "\n%s cannot do %s: %s\n", arm.Arm, arm.Workload, arm.Refused)
		}
	}
	lines := append(a.sameLanes(chosen.trials), beyond(chosen.trials, runsDir)...)
	if err := needsOf(chosen.trials, cluster.Options{}).refusal(launch.Here{}.Machine().MemBytes); err != nil {
		lines = append(lines, err.Error())
	}
	for i, line := range lines {
		if i == 0 {
			fmt.Fprintln(a.out)
		}
		fmt.Fprintln(a.out, line)
	}
	hidden := 0
	for _, group := range byArm(arms) {
		rows, exact := group.rows(all)
		hidden += exact
		fmt.Fprintf(a.out, "\n%s\n", group.title)
		if len(rows) == 0 {
			fmt.Fprintln(a.out, "  everything is as the workloads ask")
			continue
		}
		fmt.Fprintln(a.out, settingsTable(rows))
	}
	fmt.Fprint(a.out, "\n= exactly, ≈ only approximately, ✗ not at all")
	if hidden > 0 {
		fmt.Fprintf(a.out, "; %d settings that are exact are left out, --all prints them", hidden)
	}
	fmt.Fprintln(a.out)
}

// printOrder is one line for each workload and round: its arms in their order.
func (a *app) printOrder(trials []plan.Trial) {
	var names []string
	for i := range trials {
		names = append(names, trials[i].Workload)
	}
	width := longest(names)
	var line string
	for i := range trials {
		t := &trials[i]
		if i == 0 || trials[i-1].Workload != t.Workload || trials[i-1].Round != t.Round {
			if i > 0 {
				fmt.Fprintln(a.out, line)
			}
			what := fmt.Sprintf("round %d", t.Round)
			if t.Profiled {
				what = fmt.Sprintf("profiles, round %d", t.Round)
			}
			line = fmt.Sprintf("  %-*s  %s  %s", width, t.Workload, what, armTitle(t.Arm.Name, t.Arm.Lane))
			continue
		}
		line += ", " + armTitle(t.Arm.Name, t.Arm.Lane)
	}
	fmt.Fprintln(a.out, line)
}

func armTitle(name, lane string) string {
	if lane == string(drivers.Matched) || strings.Contains(name, lane) {
		return name
	}
	return name + " (" + lane + ")"
}

// planGroup is one arm, or the reference producer, with its settings in several
// workloads, which differ in little.
type planGroup struct {
	title string
	plans []groupPlan
}

type groupPlan struct {
	workload string
	lines    []results.PlanLine
}

// byArm sorts the arms by name; the reference producer comes last, once.
func byArm(arms []armPlan) []*planGroup {
	var groups []*planGroup
	reference := &planGroup{}
	for _, p := range arms {
		if p.Refused != "" {
			continue
		}
		title := armTitle(p.Arm, p.Lane)
		i := slices.IndexFunc(groups, func(g *planGroup) bool { return g.title == title })
		if i < 0 {
			i, groups = len(groups), append(groups, &planGroup{title: title})
		}
		var own, ref []results.PlanLine
		for _, l := range p.Settings {
			if l.Role == results.RoleReference {
				reference.title = "reference producer: " + l.Client + ", the same for every client under test"
				ref = append(ref, l)
			} else {
				own = append(own, l)
			}
		}
		groups[i].plans = append(groups[i].plans, groupPlan{p.Workload, own})
		if len(ref) > 0 && !slices.ContainsFunc(reference.plans, func(g groupPlan) bool { return g.workload == p.Workload }) {
			reference.plans = append(reference.plans, groupPlan{p.Workload, ref})
		}
	}
	slices.SortFunc(groups, func(a, b *planGroup) int { return strings.Compare(a.title, b.title) })
	if len(reference.plans) > 0 {
		groups = append(groups, reference)
	}
	return groups
}

// planRow is a setting and the workloads in which it is like this.
type planRow struct {
	results.PlanLine
	in []string
}

// rows are the settings of a group in the order of drivers.Keys, each once where
// it is the same in every workload that has it. exact counts those left out.
func (g *planGroup) rows(all bool) (rows []planRow, exact int) {
	having := map[string]int{} // key to the number of workloads that have it
	for _, p := range g.plans {
		for _, l := range p.lines {
			having[l.Key]++
			l.Role = "" // one process or two: the setting is the same
			i := slices.IndexFunc(rows, func(r planRow) bool { return r.PlanLine == l })
			if i < 0 {
				i, rows = len(rows), append(rows, planRow{PlanLine: l})
			}
			rows[i].in = append(rows[i].in, p.workload)
		}
	}
	rows = slices.DeleteFunc(rows, func(r planRow) bool {
		left := r.Fidelity == string(drivers.Exact) && !all
		if left {
			exact++
		}
		return left
	})
	rank := map[string]int{}
	for i, k := range drivers.Keys() {
		rank[k] = i
	}
	slices.SortStableFunc(rows, func(a, b planRow) int { return rank[a.Key] - rank[b.Key] })
	for i := range rows {
		if len(rows[i].in) == having[rows[i].Key] {
			rows[i].in = nil
		}
	}
	return rows, exact
}

// settingsTable fits 120 columns.
func settingsTable(rows []planRow) string {
	w := table.NewWriter()
	style := table.StyleLight
	style.Format.Header = text.FormatDefault
	style.Options.DrawBorder = false
	style.Options.SeparateColumns = false
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	w.SetStyle(style)
	var configs []table.ColumnConfig
	for i, width := range []int{1, 28, 16, 30, 34} {
		configs = append(configs, table.ColumnConfig{Number: i + 1, WidthMax: width, WidthMaxEnforcer: text.WrapSoft})
	}
	w.SetColumnConfigs(configs)
	w.AppendHeader(table.Row{"", "setting", "wanted", "in the client", "why"})
	for _, r := range rows {
		key := r.Key
		if len(r.in) > 0 {
			key += "\nin " + strings.Join(r.in, ", ")
		}
		w.AppendRow(table.Row{fidelitySign(r.Fidelity), key, r.Want, r.Native, r.Why})
	}
	var out []string
	for line := range strings.Lines(w.Render()) {
		out = append(out, "  "+strings.TrimRight(line, "\n "))
	}
	return strings.Join(out, "\n")
}

func fidelitySign(f string) string {
	switch drivers.Fidelity(f) {
	case drivers.Exact:
		return "="
	case drivers.Approx:
		return "≈"
	default:
		return "✗"
	}
}
