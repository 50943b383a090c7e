package cli

import (
	"github.com/spf13/cobra"

	"github.com/kbench/kbench/internal/worker"
)

// workerCommand is what the supervisor starts; it is no one else's business.
func (a *app) workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "worker",
		Hidden: true,
		Args:   check(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return worker.Main(cmd.Context(), a.table, a.in, a.out)
		},
	}
}
