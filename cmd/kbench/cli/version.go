package cli

import (
	"cmp"
	"encoding/json"
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
	"github.com/kbench/kbench/results"
)

func (a *app) versionCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of kbench, Go, the clients and the brokers that it starts",
		Long: `Prints what this kbench was built from: its own commit ("dirty" where there were
changes beside it), Go, each client, the simulated broker, and the Apache Kafka
that --broker kafka starts unless it is told otherwise. Every run has the same in
run.json, summary.json and bench.txt. The commit is known to a build of a
checkout ("go build ./cmd/kbench"), not to "go run".`,
		Example: `  kbench version
  kbench version --json`,
		Args: arguments(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			build, clients := conduct.Build(a.table)
			if asJSON {
				enc := json.NewEncoder(a.out)
				enc.SetIndent("", "  ")
				return enc.Encode(struct {
					Kbench   results.Build     `json:"kbench"`
					Go       string            `json:"go"`
					Clients  map[string]string `json:"clients"`
					Embedded string            `json:"embedded_broker"`
					Kafka    string            `json:"kafka"`
				}{build, runtime.Version(), clients, cluster.EmbeddedVersion(), cluster.DefaultVersion})
			}
			rows := [][2]string{{"kbench", build.String()}, {"go", runtime.Version()}}
			for _, name := range a.clientNames() {
				if version, ok := clients[name]; ok {
					rows = append(rows, [2]string{name, version})
				}
			}
			rows = append(rows, [2]string{"broker embedded", cmp.Or(cluster.EmbeddedVersion(), "not known")},
				[2]string{"broker kafka", cluster.DefaultVersion})
			for _, r := range rows {
				fmt.Fprintf(a.out, "%-16s %s\n", r[0], r[1])
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print them as JSON")
	return cmd
}
