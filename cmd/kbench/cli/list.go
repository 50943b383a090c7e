package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/results"
	"github.com/kbench/kbench/results/report/text"
	"github.com/kbench/kbench/workloads"
	"github.com/kbench/kbench/workloads/catalog"
)

func (a *app) listCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list [WORKLOAD | metrics | clients]",
		Short: "List the workloads that come with kbench, or print one, or list metrics or clients",
		Example: `  kbench list
  kbench list end-to-end > mine.yaml     a workload of your own starts as a copy
  kbench list metrics`,
		Args: arguments(0, 1, "one name"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return append(catalog.Names(), "metrics", "clients"), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				a.listWorkloads()
				return nil
			}
			switch args[0] {
			case "metrics":
				a.listMetrics()
				return nil
			case "clients":
				for _, name := range a.clientNames() {
					fmt.Fprintln(a.out, name)
				}
				return nil
			}
			src, ok := catalog.Source(args[0])
			if !ok {
				return usagef("no workload is called %q; there are %s", args[0], strings.Join(catalog.Names(), ", "))
			}
			_, err := a.out.Write(src)
			return err
		},
	}
}

// listed is the width of lists where they go to no terminal.
const listed = 80

func (a *app) listWorkloads() {
	width, names := a.width(listed), catalog.Names()
	for _, name := range names {
		a.lines(text.Wrap(fmt.Sprintf("%-*s  ", longest(names), name), workloads.Question(catalog.About(name)), width))
	}
}

// listMetrics says what a metric is beside its name, or below it where there is no room
// for sentences.
func (a *app) listMetrics() {
	const room = 50 // of a sentence, at least
	var names []string
	for _, m := range results.Metrics() {
		names = append(names, m.Name)
	}
	width := a.width(listed)
	for _, m := range results.Metrics() {
		label := fmt.Sprintf("%-*s  %-9s  %-6s  ", longest(names), m.Name, m.Unit, m.Better)
		if width-len(label) < room {
			fmt.Fprintln(a.out, strings.TrimRight(label, " "))
			label = "    "
		}
		a.lines(text.Wrap(label, m.What, width))
	}
}

func (a *app) lines(lines []string) {
	for _, l := range lines {
		fmt.Fprintln(a.out, l)
	}
}

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of workload documents, for editors",
		Example: `  kbench schema > workload.schema.json
  (and in the first line of a workload: # yaml-language-server: $schema=workload.schema.json)`,
		Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			_, err := a.out.Write(workloads.Schema())
			return err
		},
	}
}

func longest(words []string) (n int) {
	for _, w := range words {
		n = max(n, len(w))
	}
	return n
}
