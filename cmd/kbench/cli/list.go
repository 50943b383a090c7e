package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/results"
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
				width := longest(catalog.Names())
				for _, name := range catalog.Names() {
					fmt.Fprintf(a.out, "%-*s  %s\n", width, name, workloads.Question(catalog.About(name)))
				}
				return nil
			}
			switch args[0] {
			case "metrics":
				for _, m := range results.Metrics() {
					fmt.Fprintf(a.out, "%-30s %-12s %-8s %s\n", m.Name, m.Unit, m.Better, m.What)
				}
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
