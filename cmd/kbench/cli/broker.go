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
		Long: `Starts a broker, prints what it is and its address, and keeps it running until
Ctrl-C or SIGTERM. The address goes to --brokers, or to any other tool.`,
		Example: `  kbench broker
  kbench broker --broker kafka --nodes 3 --kafka-version 4.1.0`,
		Args: arguments(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := broker.options(cmd)
			if err != nil {
				return usage(err)
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
