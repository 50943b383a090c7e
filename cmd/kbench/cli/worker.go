package cli

import (
	"context"

	"github.com/spf13/cobra"

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
			return worker.Main(context.WithoutCancel(cmd.Context()), a.table, a.in, a.out)
		},
	}
}
