package cli

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/catalog"
	"github.com/kbench/kbench/workloads/plan"
)

// armPlan is what one arm of one workload comes to.
type armPlan struct {
	Workload string             `json:"workload"`
	Arm      string             `json:"arm"`
	Client   string             `json:"client"`
	Refused  string             `json:"refused,omitempty"`
	Settings []results.PlanLine `json:"settings"`
}

func (a *app) planCommand() *cobra.Command {
	var sel selection
	var asJSON, all bool
	cmd := &cobra.Command{
		Use:   "plan WORKLOAD...",
		Short: "Print trials, settings per client and the time it will take, without running",
		Example: `  kbench plan quick
  kbench plan end-to-end --client sarama --all`,
		Args: check(cobra.MinimumNArgs(1)),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return catalog.Names(), cobra.ShellCompDirectiveDefault
		},
		RunE: func(_ *cobra.Command, args []string) error {
			chosen, err := sel.load(a, args)
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
				}{chosen.seed, duration(chosen.trials).Seconds(), chosen.specs, arms})
			}
			a.printPlan(chosen, arms, all)
			return nil
		},
	}
	sel.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print everything as JSON")
	cmd.Flags().BoolVar(&all, "all", false, "print settings that are exact too")
	return cmd
}

func (a *app) armPlans(trials []plan.Trial) []armPlan {
	var out []armPlan
	seen := make(map[string]bool)
	for i := range trials {
		t := &trials[i]
		if key := t.Workload + "\x00" + t.Arm.Name; seen[key] {
			continue
		} else {
			seen[key] = true
		}
		lines, refused := conduct.PlanArm(&t.Spec, drivers.Mode(t.Arm.Lane), a.driver(t.Arm.Client), a.driver(conduct.Reference))
		out = append(out, armPlan{t.Workload, t.Arm.Name, t.Arm.Client, refused, lines})
	}
	return out
}

func duration(trials []plan.Trial) (d time.Duration) {
	for i := range trials {
		d += plan.Duration(trials[i].Spec)
	}
	return d
}

func (a *app) printPlan(chosen *selected, arms []armPlan, all bool) {
	fmt.Fprintf(a.out, "%d trials, about %s, seed %d\n", len(chosen.trials), duration(chosen.trials).Round(time.Second), chosen.seed)
	for i := range chosen.trials {
		t := &chosen.trials[i]
		fmt.Fprintf(a.out, "  %3d  %-18s round %d  %s\n", t.N, t.Workload, t.Round, t.Arm.Name)
	}
	for _, arm := range arms {
		fmt.Fprintf(a.out, "\n%s, %s\n", arm.Workload, arm.Arm)
		if arm.Refused != "" {
			fmt.Fprintf(a.out, "  refused: %s\n", arm.Refused)
			continue
		}
		w := table.NewWriter()
		w.SetStyle(table.StyleLight)
		w.Style().Options.DrawBorder = false
		w.Style().Options.SeparateColumns = false
		w.SetColumnConfigs([]table.ColumnConfig{{Number: 5, WidthMax: 56, WidthMaxEnforcer: text.WrapSoft}, {Number: 3, WidthMax: 36, WidthMaxEnforcer: text.WrapSoft}})
		w.AppendHeader(table.Row{"setting", "want", "in the client", "how", "why"})
		exact := 0
		for _, l := range arm.Settings {
			if l.Fidelity == string(drivers.Exact) && !all {
				exact++
				continue
			}
			key := l.Key
			if l.Role == "reference" {
				key += " (reference)"
			}
			w.AppendRow(table.Row{key, l.Want, l.Native, l.Fidelity, l.Why})
		}
		fmt.Fprintln(a.out, w.Render())
		if exact > 0 {
			fmt.Fprintf(a.out, "and %d settings that are exact; --all prints them\n", exact)
		}
	}
}
