package cli

import (
	"github.com/spf13/cobra"

	"github.com/kbench/kbench/internal/cluster"
	"github.com/kbench/kbench/internal/conduct"
)

func (a *app) brokerCommand() *cobra.Command {
	var (
		broker     brokerFlags
		supervised bool
	)
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Start a broker in the foreground and print its address, for other tools to use",
		Example: `  kbench broker
  kbench broker --broker kafka --nodes 3 --kafka-version 4.1.0`,
		Args: check(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := broker.options(cmd)
			if err != nil {
				return err
			}
			if !supervised && o.Kind == "attached" {
				return usagef("kbench broker starts a broker; --brokers names one that runs already")
			}
			err = cluster.Serve(cmd.Context(), o, a.in, a.out, supervised)
			if err == nil && cmd.Context().Err() != nil && supervised {
				return conduct.ErrInterrupted
			}
			return err
		},
	}
	broker.add(cmd)
	cmd.Flags().BoolVar(&supervised, "supervised", false, "")
	_ = cmd.Flags().MarkHidden("supervised") // fails only for a flag that does not exist
	return cmd
}
