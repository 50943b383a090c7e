package cli

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/kbench/kbench/drivers"
	"github.com/kbench/kbench/internal/aside"
	"github.com/kbench/kbench/internal/verify"
	"github.com/kbench/kbench/internal/worker"
)

// workerCommand is what the supervisor starts; it is no one else's business.
func (a *app) workerCommand() *cobra.Command {
	return &cobra.Command{
		Use:    "worker",
		Hidden: true,
		Args:   arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			// A worker ends when its input does. SIGTERM asks it to leave in good
			// order, which is not the end of its context.
			a.ends.leave()
			return worker.Main(cmd.Context(), a.workerTable(), aside.Parts(), a.in, a.raw)
		},
	}
}

// workerTable is the table with the drivers that verify breaks on purpose. No
// other command knows them, so that none can be run by mistake.
func (a *app) workerTable() []drivers.Driver {
	return append(slices.Clone(a.table), verify.Drivers(a.table)...)
}
